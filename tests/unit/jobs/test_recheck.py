"""`loadtest measure --check`: proof that tables are what was recorded, and where they are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from loadtest.cli.measure import measure
from loadtest.errors import ExitCode, RecordError
from loadtest.jobs.recheck import check_tables
from loadtest.measure.run import measure_run
from loadtest.record.layout import RunFolder
from loadtest.record.tables import TABLES, read_table, write_table
from tests.unit.measure.build import plain_call, planned, recorded_run
from tests.unit.measure.test_closes import lost_reply


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    calls = (planned(0, "ga"), planned(1, "preview"))
    run = recorded_run(tmp_path_factory.mktemp("measured") / "run", calls, (plain_call(), lost_reply()))
    measure_run(run)
    return run


@pytest.fixture
def run(measured: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(measured.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def check(run: RunFolder, *options: str) -> Result:
    return CliRunner().invoke(measure, ["--check", *options, str(run.path)], standalone_mode=False)


def everything(run: RunFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name != "lock"}


def test_tables_as_measured_are_the_same_bytes_and_nothing_is_touched(run: RunFolder) -> None:
    before = everything(run)
    assert check_tables(run).same_bytes == tuple(TABLES)
    result = check(run)
    assert result.return_value is ExitCode.OK
    assert "the same bytes: calls, turns, gaps, connections, closes, health" in result.output
    assert {path: data for path, data in everything(run).items() if path in before} == before


def test_a_figure_that_was_changed_is_named(run: RunFolder) -> None:
    turns = read_table(run.table("turns"), "turns")
    moved = pl.when(pl.int_range(pl.len()) == 1).then(pl.col("latency_ms") + 0.001).otherwise(pl.col("latency_ms"))
    write_table(run.table("turns"), "turns", turns.with_columns(latency_ms=moved).to_dicts())
    (difference,) = check_tables(run).differences
    assert (difference.table, difference.row, difference.column) == ("turns", 1, "latency_ms")
    assert difference.call_id == turns["call_id"][1]
    assert (difference.measured, difference.on_disk) == (turns["latency_ms"][1], turns["latency_ms"][1] + 0.001)

    result = check(run)
    assert result.return_value is ExitCode.INVALID
    assert f"turns: row 1 (call {difference.call_id}), latency_ms: {difference.on_disk} on disk" in result.output
    told = check(run, "--json")
    assert told.return_value is ExitCode.INVALID
    found = json.loads(told.stdout)
    assert (found["exit_code"], found["differences"][0]["column"]) == (3, "latency_ms")


def test_a_turn_that_was_dropped_is_missed(run: RunFolder) -> None:
    turns = read_table(run.table("turns"), "turns")
    write_table(run.table("turns"), "turns", turns.head(turns.height - 1).to_dicts())
    (difference,) = check_tables(run).differences
    assert str(difference) == f"turns: {turns.height - 1} rows on disk, {turns.height} rows measured"


def test_a_table_that_was_written_otherwise_holds_the_same(run: RunFolder) -> None:
    pl.read_parquet(run.table("gaps")).write_parquet(run.table("gaps"), compression="gzip")
    checked = check_tables(run)
    assert (checked.same_values, checked.differences) == (("gaps",), ())
    assert check(run).return_value is ExitCode.OK


def test_a_table_of_other_columns_is_said_so(run: RunFolder) -> None:
    pl.read_parquet(run.table("turns")).drop("disputed").write_parquet(run.table("turns"))
    result = check(run)
    assert result.return_value is ExitCode.INVALID
    assert "turns: none of them on disk, columns disputed Boolean measured" in result.output
    assert "The tables are of analysis 0, this loadtest's is" in result.output


def test_tables_by_one_detector_are_checked_by_one(run: RunFolder) -> None:
    measure_run(run, second_opinion=False)
    assert read_table(run.table("turns"), "turns")["disputed"].null_count() > 0
    assert check(run, "--no-second-opinion").return_value is ExitCode.OK
    assert check(run).return_value is ExitCode.INVALID


def test_a_run_without_a_table_cannot_be_checked(run: RunFolder) -> None:
    run.table("closes").unlink()
    with pytest.raises(RecordError, match="no table closes"):
        check_tables(run)


def test_json_without_check_is_refused(run: RunFolder) -> None:
    result = CliRunner().invoke(measure, ["--json", str(run.path)])
    assert result.exit_code == ExitCode.USAGE
