"""`--agent-log`: kept with the run, piped in while calls go on, and refused where it is none."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from loadtest.cli import cli
from loadtest.errors import RecordError
from loadtest.jobs.agent_log import keep_agent_log
from loadtest.jobs.agent_pipe import PipedLog, is_pipe, open_pipe
from loadtest.measure.run import measure_run
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo
from tests.unit.measure.build import ANSWER_S, plain_call, planned, recorded_run

BEGAN = datetime(2026, 11, 22, 16, 1, 2, tzinfo=UTC).timestamp()
ROOM = "outbound-00000000-1"
"""As made-up calls have it."""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A call that was answered 100 s after the run's start, without a probe."""
    return recorded_run(
        tmp_path / "20261122T160102Z-made-up-0a1b", [planned(0)], [plain_call()], origin_unix_s=BEGAN,
        ended_utc="2026-11-22T16:05:00Z",
    )  # fmt: skip


def entry(at: float, message: str, room: str = ROOM, **fields: object) -> str:
    """A line of a worker's log, seconds from the answer."""
    when = datetime.fromtimestamp(BEGAN + ANSWER_S + at, tz=UTC).isoformat()
    return json.dumps({"message": message, "timestamp": when, "room": room, "job_id": "AJ_1", **fields}) + "\n"


LOG = "".join(
    [
        entry(-4.5, "received job request"),
        entry(4.4, "error in receive task: 1011 None. Internal error encountered."),
        entry(15.25, "closing agent session due to participant disconnect", note="callee +12025550100"),
    ]
)


def closes(run: RunFolder) -> list[dict[str, object]]:
    return pl.read_parquet(run.table("closes")).select("call_id", "code", "evidence").to_dicts()


def test_what_a_log_tells_stays_with_the_run(run: RunFolder, tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    log.write_text(LOG)
    done = CliRunner().invoke(cli, ["measure", str(run.path), "--agent-log", str(log)])
    assert done.exit_code == 0, done.output
    told = [{"call_id": "0000-ga", "code": 1011, "evidence": "agent_log"}]
    assert closes(run) == told

    log.unlink()
    before = run.table("closes").read_bytes()
    assert CliRunner().invoke(cli, ["measure", str(run.path)]).exit_code == 0
    assert run.table("closes").read_bytes() == before
    kept = run.agent_log.read_text()
    assert "12025550100" not in kept
    assert ROOM not in kept
    assert str(tmp_path) not in kept


def test_rotated_parts_are_read_too(run: RunFolder, tmp_path: Path) -> None:
    first, *rest = LOG.splitlines(keepends=True)
    (tmp_path / "agent.log.1").write_text(first + rest[0])
    (tmp_path / "agent.log").write_text(rest[1])
    keep_agent_log(run, [tmp_path / "agent.log"])
    measure_run(run)

    assert [row["code"] for row in closes(run)] == [1011]


def test_the_probe_is_believed_before_a_log(tmp_path: Path) -> None:
    call = plain_call().connects(-4.0)
    run = recorded_run(tmp_path / "run", [planned(0)], [call], origin_unix_s=BEGAN, ended_utc="2026-11-22T16:05:00Z")
    (tmp_path / "agent.log").write_text(LOG)
    keep_agent_log(run, [tmp_path / "agent.log"])
    measure_run(run)

    assert closes(run) == []
    assert pl.read_parquet(run.table("connections"))["evidence"].to_list() == ["probe"]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (LOG.replace(ROOM, "outbound-99999999-1"), "nothing in it is of a call of this run (3 lines, 3 entries)"),
        (
            LOG.replace("2026-11-22", "2026-11-21").replace(f'"room": "{ROOM}", "job_id": "AJ_1"', '"x": 1'),
            "nothing in",
        ),
        ("", "nothing in it is of a call of this run (0 lines, 0 entries)"),
    ],
    ids=["another run's", "another day's", "empty"],
)
def test_a_log_of_no_call_replaces_nothing(run: RunFolder, tmp_path: Path, log: str, said: str) -> None:
    good, bad = tmp_path / "agent.log", tmp_path / "other.log"
    good.write_text(LOG)
    bad.write_text(log)
    keep_agent_log(run, [good])
    before = run.agent_log.read_bytes()

    done = CliRunner().invoke(cli, ["measure", str(run.path), "--agent-log", str(bad)])
    assert done.exit_code == 1
    assert isinstance(done.exception, RecordError) or said in done.output
    with pytest.raises(RecordError) as refused:
        keep_agent_log(run, [bad])
    assert said in refused.value.message
    assert str(bad) in refused.value.message
    assert run.agent_log.read_bytes() == before


@pytest.mark.parametrize("command", ["run", "measure"])
@pytest.mark.parametrize(
    ("what", "said"), [("folder", "is a directory"), ("binary", ":1: no text"), ("missing", "does not exist")]
)
def test_what_is_no_log_is_refused_before_anything_is_done(
    run: RunFolder, tmp_path: Path, command: str, what: str, said: str
) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "binary":
        path.write_bytes(b"\x7fELF\0\0")
    target = str(run.path) if command == "measure" else "scenario.yaml"
    done = CliRunner().invoke(cli, [command, target, "--agent-log", str(path)])

    assert done.exit_code == 2
    assert said in done.output
    assert not run.tables.exists()


def test_what_cannot_be_told_is_a_warning_of_the_run(run: RunFolder, tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    log.write_text("nothing yet\n" + LOG + '{"message": "error in rec')
    first = keep_agent_log(run, [log])
    assert first == (f"Agent's log: 2 of 5 lines could not be read, the first {log}:1.",)
    assert RunInfo.read(run).warnings == first

    log.write_text(LOG)
    keep_agent_log(run, [log])
    assert RunInfo.read(run).warnings == ()


def test_a_pipe_is_read_while_it_is_written() -> None:
    ours, theirs = os.pipe()
    with closing(PipedLog(ours, "agent")) as log:
        writer = threading.Thread(target=_write, args=(theirs, (LOG + "x" * 200 + "\n").encode() * 2000))
        writer.start()
        writer.join(60)
        assert not writer.is_alive(), "more than a pipe holds went through: somebody reads"
        assert len(list(log.facts())) == 3 * 2000
        assert log.reading.entries == 3 * 2000


def test_a_pipe_that_nobody_closes_ends_with_the_run() -> None:
    ours, theirs = os.pipe()
    with closing(PipedLog(ours, "agent")) as log:
        os.write(theirs, LOG.encode())
        assert len(list(log.facts())) == 3
        os.close(theirs)


def test_a_pipe_of_no_text_is_an_error_and_still_emptied() -> None:
    ours, theirs = os.pipe()
    with closing(PipedLog(ours, "agent")) as log:
        _write(theirs, b"\0" * 1_000_000)
        with pytest.raises(RecordError, match="agent:1: no text"):
            list(log.facts())


def test_a_named_pipe_is_open_before_its_writer_is(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with closing(PipedLog(open_pipe(fifo), "fifo")) as log:
        fifo.write_text(LOG)
        assert len(list(log.facts())) == 3


def test_a_fifo_is_a_pipe_and_a_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()

    assert is_pipe(tmp_path / "fifo")
    assert not is_pipe(tmp_path / "file")


def _write(fd: int, data: bytes) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(data)
