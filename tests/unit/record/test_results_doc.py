"""docs/results.md is a contract: it names every file, column, event and word that a run can write, and no other."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path

import pytest

from loadtest.record.events import EndCause, Event, Outcome
from loadtest.record.health import HealthSample
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import PLAN
from loadtest.record.run_json import Part, RunInfo
from loadtest.record.tables import TABLES

DOC = Path(__file__).parents[3] / "docs" / "results.md"
LEAD = ("run_id", "call_id", "arm", "block", "slot")


@cache
def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    parts = re.split(r"^(#+ .*)$", DOC.read_text(), flags=re.MULTILINE)
    assert heading in parts, f"{DOC.name} has no section {heading!r}"
    return parts[parts.index(heading) + 1]


def tables_in(text: str) -> list[list[list[str]]]:
    """Markdown tables as the cells of their rows, headers included."""
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    return [[[c.strip() for c in row.strip("|").split("|")] for row in table.splitlines()] for table in found]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def described(heading: str, first: str) -> list[str]:
    """Names in the first column of the section's table of that header, each with a meaning beside it."""
    (table,) = [t for t in tables_in(section(heading)) if t[0][0] == first]
    for row in table[2:]:
        assert len(row[1]) > 1, f"{row[0]} has no meaning"
    return [name for row in table[2:] for name in names(row[0])]


def test_leading_columns_are_described() -> None:
    assert described("## Tables", "column") == list(LEAD)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_is_described_in_its_order(table: str) -> None:
    own = [column for column in TABLES[table] if table == "health" or column not in LEAD]
    assert described(f"### `{table}`", "column") == own


def test_every_column_of_the_plan_is_described() -> None:
    assert described("## plan.parquet", "column") == list(PLAN)


def test_every_key_of_run_json_is_described() -> None:
    assert set(described("## run.json", "key")) == {field.name for field in dataclasses.fields(RunInfo)}


def test_every_key_of_a_part_is_described() -> None:
    assert set(described("## Parts", "key of a part")) == {field.name for field in dataclasses.fields(Part)}


def test_every_field_of_a_health_sample_is_named() -> None:
    assert {field.name for field in dataclasses.fields(HealthSample)} <= set(names(section("### `health`")))


def test_every_event_is_described_with_its_fields() -> None:
    (table,) = tables_in(section("## Events"))
    told = {names(row[0])[0]: names(row[1]) for row in table[2:]}
    real = {
        cls.type: [field.name for field in dataclasses.fields(cls) if field.name != "t"]
        for cls in Event.__subclasses__()
    }
    assert told == real


def test_every_outcome_is_described() -> None:
    assert set(described("### `calls`", "outcome")) == {outcome.value for outcome in Outcome}


def test_every_end_cause_is_named() -> None:
    assert {cause.value for cause in EndCause} <= set(names(section("### `calls`")))


def test_every_path_of_the_layout_is_named() -> None:
    run = RunFolder(Path("RUN"))
    properties = [name for name, value in vars(RunFolder).items() if isinstance(value, property) and name != "run_id"]
    paths = [getattr(run, name) for name in properties]
    paths += [getattr(run.call("<call_id>"), name) for name in ("events", "pcm", "flac", "edges")]
    told = {name.rstrip("/") for row in tables_in(section("## Files"))[0][2:] for name in names(row[0])}
    told |= {str(Path(name).parent) for name in told}
    assert {str(path.relative_to("RUN")) for path in paths} <= told
