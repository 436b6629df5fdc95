"""`loadtest export`: standard output holds the format and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtest.cli.export import TABLES as CHOICES
from loadtest.cli.export import export
from loadtest.errors import ExitCode
from loadtest.record.layout import RunFolder
from loadtest.record.tables import TABLES
from loadtest.report.export_benchstat import UNITS
from loadtest.report.figure_rows import FigureRow
from loadtest.report.summary import summarise, write_summary
from tests.unit.made_up import ordinary_run

DOC = Path(__file__).parents[3] / "docs" / "export.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = ordinary_run().write(tmp_path_factory.mktemp("run"))
    write_summary(folder, summarise(folder))
    return folder


def exported(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(export, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout, result.stderr


@pytest.mark.parametrize(
    ("options", "first"),
    [
        (["--format", "csv"], "run_id,started_utc,"),
        (["--format", "csv", "--table", "closes"], "run_id,call_id,"),
        (["--format", "benchstat"], "Unit reply-p50-sec better=lower"),
        (["--format", "otava"], "time,run_id,"),
    ],
)
def test_each_format_goes_to_standard_output(options: list[str], first: str, run: RunFolder) -> None:
    out, _ = exported(str(run.path), *options)
    assert out.startswith(first)
    assert out.endswith("\n")
    assert not out.endswith("\n\n")


def test_what_otava_is_not_given_is_said_on_standard_error(run: RunFolder) -> None:
    _, said = exported(str(run.path), "--format", "otava")
    assert "Left out: preview.reply_latency_p99: some run has no such figure." in said


def test_a_run_that_is_given_twice_counts_once(run: RunFolder) -> None:
    once, _ = exported(str(run.path), "--format", "benchstat")
    again = run.path / ".." / run.path.name
    assert exported(str(run.path), str(again), "--format", "benchstat")[0] == once


def test_a_table_is_for_csv_alone(run: RunFolder) -> None:
    result = CliRunner().invoke(export, [str(run.path), "--format", "otava", "--table", "turns"])
    assert result.exit_code == ExitCode.USAGE
    assert tuple(TABLES) == CHOICES


def test_every_column_and_unit_is_described() -> None:
    parts = re.split(r"^## (.*)$", DOC.read_text(), flags=re.MULTILINE)

    def described(heading: str) -> list[str]:
        return re.findall(r"^\| `([^`]+)` \|", parts[parts.index(heading) + 1], flags=re.MULTILINE)

    assert described("Spreadsheets: csv") == [field.name for field in fields(FigureRow)]
    assert described("benchstat") == list(UNITS)
