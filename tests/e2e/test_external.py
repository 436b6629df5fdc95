"""A LiveKit server and an agent that are not the run's: the same tables, less what only a probe can know."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import StackError
from loadtest.record.events import ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.tables import read_table
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.services import ArmSpec, Services, ServicesSpec
from tests.e2e.harness import AGENTS, LiveRun, Results, loadtest, profile, scenario
from tests.e2e.theirs import LOST

ARMS: dict[str, dict[str, Any]] = {
    "theirs": {"model": "gemini-3.8-live", "agent": {"external": True, "name": "theirs"}},
    "reference": {"model": "gemini-3.8-live", "endpoint": profile("gemini-3.8-live", LOST)},
}
PROBED = {
    "audible",
    "clock_uncertainty_ms",
    "close_id",
    "connection_id",
    "resumed_over_callee",
    "socket_s",
    "truncated",
}
"""Columns that are empty where no probe was."""


NOBODY = {"only": {"model": "gemini-3.8-live", "agent": {"external": True, "name": "nobody"}}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, their_livekit: dict[str, str]) -> tuple[Results, Results]:
    """A good run, and one of an agent that is not there; at the same time, as most of a run is waiting."""
    file = scenario(
        tmp_path_factory.mktemp("external"),
        ARMS,
        stack="external",
        lines=("yes-please", "how-much"),
        callee={"patience_s": 6.0, "greeting_limit_s": 30.0},
    )
    none = scenario(tmp_path_factory.mktemp("nobody"), NOBODY, stack="external", callee={"agent_join_limit_s": 1.0})
    with LiveRun(file, env=their_livekit) as good, LiveRun(none, env=their_livekit) as alone:
        return good.finish(), alone.finish()


@pytest.fixture(scope="module")
def run(runs: tuple[Results, Results]) -> Results:
    return runs[0]


def of(run: Results, table: str, arm: str) -> list[dict[str, Any]]:
    return [row for row in run.table(table) if row["arm"] == arm]


def test_every_planned_call_has_its_row(run: Results) -> None:
    assert run.exit_code == 0, run.stderr
    assert sorted(run.calls()) == sorted(run.plan())
    assert set(run.outcomes().values()) == {"completed"}
    assert len(run.outcomes()) == 2


def test_a_plain_agent_has_the_same_turns_as_one_with_a_probe(run: Results) -> None:
    def told(row: dict[str, Any]) -> dict[str, Any]:
        """Which columns say something, and what was the outcome."""
        return {
            name: value if name in ("kind", "outcome", "lost") else value is not None for name, value in row.items()
        }

    for table in ("calls", "turns"):
        plain, probed = (
            [{k: v for k, v in told(row).items() if k not in PROBED} for row in of(run, table, name)]
            for name in ("theirs", "reference")
        )
        assert plain == probed
    lines = [row for row in of(run, "turns", "theirs") if row["kind"] == "script"]
    assert [row["outcome"] for row in lines] == ["no_reply", "answered"]
    assert lines[1]["latency_ms"] > 0


def test_without_a_probe_causes_and_closes_are_unknown_and_not_none(run: Results) -> None:
    gaps = {arm: of(run, "gaps", arm) for arm in ARMS}
    known = {arm: [(gap["kind"], gap["cause"], gap["evidence"]) for gap in gaps[arm]] for arm in ARMS}
    assert known == {
        "theirs": [("dead_air", "unknown", "acoustic")],
        "reference": [("dead_air", "ws_close", "probe")],
    }
    figures = {arm: body["figures"] for arm, body in run.summary()["arms"].items()}
    assert {arm: figures[arm]["unknown_exposure_calls"] for arm in ARMS} == {"theirs": 1, "reference": 0}
    assert of(run, "closes", "theirs") == of(run, "connections", "theirs") == []
    assert figures["theirs"]["rate_1011"]["per_minute"] is None
    assert figures["reference"]["rate_1011"]["per_minute"] > 0


def test_their_log_tells_what_a_probe_would_have(run: Results, their_folder: Path, tmp_path: Path) -> None:
    again = RunFolder(tmp_path / run.folder.run_id)
    shutil.copytree(run.folder.path, again.path)
    log = their_folder / "logs" / "agent-theirs.log"
    measured = loadtest("measure", str(again.path), "--agent-log", str(log))
    assert measured.returncode == 0, measured.stderr

    rows = {name: read_table(again.table(name), name).to_dicts() for name in ("gaps", "closes", "turns")}
    known = {arm: [(gap["cause"], gap["evidence"]) for gap in rows["gaps"] if gap["arm"] == arm] for arm in ARMS}
    assert known == {"theirs": [("ws_close", "agent_log")], "reference": [("ws_close", "probe")]}
    (close,) = (row for row in rows["closes"] if row["arm"] == "theirs")
    assert (close["code"], close["side"], close["audible"], close["resumed"]) == (1011, "server", True, None)
    assert close["reconnect_ms"] is None, "it logs no metrics, so nothing tells when it was back"
    lost = next(row for row in rows["turns"] if row["arm"] == "theirs" and row["lost"])
    assert lost["close_id"] == close["close_id"]
    assert close["at_s"] > lost["speech_end_s"] - close["at_uncertainty_ms"] / 1000
    assert [row for row in rows["closes"] if row["arm"] == "reference"] == of(run, "closes", "reference")


def test_only_what_the_run_needs_is_started_and_nothing_is_left(run: Results) -> None:
    logs = {path.name for path in run.folder.logs.iterdir()}
    assert {"agent-loadtest-reference.log", "gemini-simulator.log"} < logs
    assert "livekit-server.log" not in logs
    assert run.leftovers == ()
    assert run.run_json()["stack"] == "external"


def test_a_probe_tells_how_its_worker_was_started(run: Results) -> None:
    (call_id,) = (row["call_id"] for row in of(run, "calls", "reference"))
    messages = [event.message for event in run.events(call_id) if isinstance(event, ProbeMessage)]
    assert [message["mode"] for message in messages if message["type"] == "hello"] == ["start"]


def test_no_key_of_the_server_is_in_any_file(run: Results, their_livekit: dict[str, str]) -> None:
    for file in run.folder.path.rglob("*"):
        assert file.is_dir() or their_livekit["LIVEKIT_API_SECRET"].encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"LIVEKIT_URL": "ws://127.0.0.1:9"}, 1, "LIVEKIT_URL ws://127.0.0.1:9: unreachable: Connection refused"),
        ({"LIVEKIT_API_SECRET": 40 * "x"}, 2, "wrong secret: the server knows LIVEKIT_API_KEY"),
    ],
)
def test_a_server_that_cannot_be_used_is_noticed_before_anything_is_started(
    tmp_path: Path, their_livekit: dict[str, str], changes: dict[str, str], code: int, said: str
) -> None:
    file = scenario(tmp_path, ARMS, stack="external")
    run = loadtest("run", str(file), "--results", str(tmp_path / "results"), env=their_livekit | changes)
    assert run.returncode == code
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "results").exists()


def test_an_agent_that_is_not_registered_ends_the_run_at_its_warm_up(runs: tuple[Results, Results]) -> None:
    run = runs[1]
    assert run.exit_code == 1
    assert "warm-up call of arm only: agent_no_show" in run.stderr
    assert "'nobody'" in run.stderr
    assert not (run.folder.path / "calls").exists()
    assert run.leftovers == ()


async def test_a_command_that_registers_under_another_name(tmp_path: Path, their_livekit: dict[str, str]) -> None:
    """At the user's own server only the worker's log tells; `theirs` has registered in the same way."""
    mistaken = ArmSpec(
        name="only",
        api="gemini",
        agent_name="mine",
        command=(sys.executable, str(AGENTS / "moody_agent.py"), "start"),
        env={"LIVEKIT_AGENT_NAME": "yours"},
        profile=None,
        base_url="https://127.0.0.1:9",
        ca_file=None,
    )
    access = LiveKitAccess.from_environ(their_livekit)
    spec = ServicesSpec((mistaken,), access, tmp_path / "logs", tmp_path / "truth", tmp_path / "probe", seed=1)
    with pytest.raises(StackError, match="registered with LiveKit as 'yours', not under the name 'mine'"):
        async with Services(spec):
            pass
