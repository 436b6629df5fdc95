"""What the history promises: all of a night or nothing of it, each night once; what cannot be read is not lost."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from loadtest.errors import InUseError, NewerError, RecordError
from loadtest.record import history
from loadtest.record.history import COLUMNS, NAME, append_rows, read_history, rebuild_rows
from tests.unit.nights import nights, row, run_name

APPENDS = """
import sys
from pathlib import Path
from loadtest.record.history import append_rows
from tests.unit.nights import nights
rows = nights(int(sys.argv[3]))
by_run = {}
for row in rows:
    by_run.setdefault(row["run_id"], []).append(row)
for i, of_run in enumerate(by_run.values()):
    if i % 2 == int(sys.argv[2]) or int(sys.argv[2]) == 2:
        append_rows(Path(sys.argv[1]), of_run)
        print(i, flush=True)
"""
ROWS_A_NIGHT = len(nights(1))


def test_no_file_is_a_history_without_nights(tmp_path: Path) -> None:
    assert read_history(tmp_path / NAME).is_empty()
    assert read_history(tmp_path / NAME).schema == dict(COLUMNS)


def test_what_was_appended_is_read_in_the_order_of_nights(tmp_path: Path) -> None:
    path = tmp_path / "results" / NAME
    append_rows(path, [row(1), row(1, metric="rate_1011")])
    append_rows(path, [row(0, estimate=None, low=None, high=None)])
    found = read_history(path)
    assert found["run_id"].to_list() == [run_name(0), run_name(1), run_name(1)]
    assert found["metric"].to_list() == ["reply_latency_p95", "reply_latency_p95", "rate_1011"]
    assert found["night"].to_list() == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 2)]
    assert found.schema == dict(COLUMNS)
    assert found.row(0, named=True)["estimate"] is None


def test_a_run_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / NAME
    append_rows(path, [row(0), row(0, metric="rate_1011"), row(1)])
    append_rows(path, [row(0, estimate=2.0)])
    assert read_history(path).select("run_id", "estimate").rows() == [(run_name(0), 2.0), (run_name(1), 1.05)]
    before = path.read_bytes()
    append_rows(path, [row(0, estimate=2.0)])
    assert path.read_bytes() == before


def test_a_night_that_is_made_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / NAME
    append_rows(path, [row(0), row(0, scenario="other", run_id="other")])
    append_rows(path, [row(0, run_id="again"), row(0, run_id="again", metric="rate_1011")])
    found = read_history(path).select("scenario", "run_id").unique(maintain_order=True).rows()
    assert found == [("made-up", "again"), ("other", "other")]
    rebuild_rows(path, [row(0), row(0, run_id="again")])
    assert read_history(path).filter(scenario="made-up")["run_id"].to_list() == ["again"]


def test_every_column_is_described_in_its_order() -> None:
    text = (Path(__file__).parents[3] / "docs" / "history.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    assert [name for cell, _ in rows for name in re.findall(r"`([^`]+)`", cell)] == list(COLUMNS)
    assert all(len(meaning) > 3 for _, meaning in rows)


def test_rows_with_other_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="strange"):
        append_rows(tmp_path / NAME, [row(0, strange=1)])
    with pytest.raises(ValueError, match="watched"):
        append_rows(tmp_path / NAME, [{key: value for key, value in row(0).items() if key != "watched"}])
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("damage", ["cut", "other", "table"])
def test_what_cannot_be_read_is_named_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / NAME
    append_rows(path, [row(0)])
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "other":
        path.write_text("not a table")
    else:
        pl.DataFrame({"night": [1]}).write_parquet(path)
    before = path.read_bytes()
    for action in (lambda: read_history(path), lambda: append_rows(path, [row(1)])):
        with pytest.raises(RecordError, match=NAME) as caught:
            action()
        assert "loadtest history rebuild" in caught.value.remedy
    assert path.read_bytes() == before
    aside = rebuild_rows(path, [row(1)])
    assert aside is not None
    assert aside.read_bytes() == before
    assert read_history(path)["run_id"].to_list() == [run_name(1)]
    path.write_text("again")
    assert rebuild_rows(path, [row(1)]) not in (None, aside)
    assert aside.read_bytes() == before


def test_rebuilding_keeps_the_rows_of_runs_that_are_gone(tmp_path: Path) -> None:
    path = tmp_path / NAME
    append_rows(path, [row(0), row(1)])
    assert rebuild_rows(path, [row(1, estimate=3.0)]) is None
    assert read_history(path)["estimate"].to_list() == [1.05, 3.0]


def test_a_newer_history_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    path = tmp_path / NAME
    frame = pl.DataFrame([row(0)], schema=dict(COLUMNS))
    frame.write_parquet(path, metadata={history.SCHEMA_KEY: "2"})
    before = path.read_bytes()
    for action in (
        lambda: read_history(path),
        lambda: append_rows(path, [row(1)]),
        lambda: rebuild_rows(path, [row(1)]),
    ):
        with pytest.raises(NewerError):
            action()
    assert path.read_bytes() == before


def test_columns_of_later_versions_do_not_hurt(tmp_path: Path) -> None:
    path = tmp_path / NAME
    frame = pl.DataFrame([row(0)], schema=dict(COLUMNS)).with_columns(later=pl.lit(1)).drop("n")
    frame.write_parquet(path, metadata={history.SCHEMA_KEY: "1"})
    found = read_history(path)
    assert found.columns == list(COLUMNS)
    assert found["n"].to_list() == [None]


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_whatever_breaks_an_append_off_the_nights_before_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / NAME
    append_rows(path, [row(0)])
    before = path.read_bytes()

    def broken(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "fsync":
            patched.setattr("loadtest.record.writer.os.fsync", broken)
        else:
            patched.setattr(Path, step, broken)
        with pytest.raises(KeyboardInterrupt):
            append_rows(path, [row(1)])
    assert path.read_bytes() == before
    (tmp_path / f".{NAME}.1").write_text("what somebody who was killed had begun")
    append_rows(path, [row(1)])
    assert read_history(path).height == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == [f".{NAME}.lock", NAME]


def test_a_killed_writer_leaves_whole_nights_and_the_next_goes_on(tmp_path: Path) -> None:
    path, draws = tmp_path / NAME, np.random.default_rng(3)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", APPENDS, str(path), "2", "40"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = -1
        for _ in range(int(draws.integers(1, 30))):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        counts = read_history(path).group_by("run_id").len()["len"]
        assert set(counts) == {ROWS_A_NIGHT}
        assert counts.len() >= told + 1
    append_rows(path, [row(99)])
    assert run_name(99) in read_history(path)["run_id"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [f".{NAME}.lock", NAME]


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / NAME
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDS, str(path), half, "20"], stdout=subprocess.DEVNULL)
        for half in ("0", "1")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert read_history(path)["run_id"].n_unique() == 20


def test_a_writer_that_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "WAIT_S", 0.0)
    path = tmp_path / NAME
    with history._alone(path), pytest.raises(InUseError, match=NAME):
        append_rows(path, [row(0)])
