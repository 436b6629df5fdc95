"""Pages that are made from the code name everything that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.cli import COMMANDS
from loadtest.errors import ExitCode
from loadtest.record.events import Event
from loadtest.record.tables import TABLES
from loadtest.scenario.compared import COMPARED
from loadtest.scenario.json_schema import SCHEMAS, json_schema
from loadtest.scenario.thresholds import METRICS
from website.commands import commands_page
from website.decisions import decisions_page
from website.errors import errors_page
from website.metrics import metrics_page
from website.results import meanings, results_page
from website.schemas import kind, schema_page

ROOT = Path(__file__).parents[3]
RESULTS = (ROOT / "docs" / "results.md").read_text()


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """Of all tables in it, as their cells; bars that divide nothing are in one."""
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_every_command_says_what_its_help_says() -> None:
    told = sections(commands_page())
    assert [name.split()[1] for name in told if name.count(" ") == 1] == list(COMMANDS)
    assert "Usage: loadtest stack install [OPTIONS]" in told["loadtest stack install"]
    run = told["loadtest run"]
    assert "Usage: loadtest run [OPTIONS]" in run
    assert "--resume" in run
    assert "Examples:\n    loadtest run scenarios/" in run


@pytest.mark.parametrize("what", SCHEMAS)
def test_every_field_of_a_schema_is_a_row_with_what_it_takes(what: str) -> None:
    page, schema = schema_page(what), json_schema(what)
    told = sections(page)
    assert list(told) == list(schema["$defs"])
    top = page.partition("\n## ")[0]
    assert [row[0] for row in rows(top)[2:]] == [f"`{name}`" for name in schema["properties"]]
    for name, definition in schema["$defs"].items():
        fields = [row for row in rows(told[name]) if row[0] not in ("field", "---")]
        if "properties" in definition:
            assert [row[0] for row in fields] == [f"`{field}`" for field in definition["properties"]]
        assert all(len(row) == 4 and row[1] for row in fields)
    for name in re.findall(r"\]\(#([^)]+)\)", page):
        assert name in {heading.lower() for heading in told}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "number > 0 ≤ 1"),
        ({"type": "integer", "minimum": 1}, "whole number ≥ 1"),
        ({"enum": ["a", "b"], "type": "string"}, "`a` `b`"),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}, {"type": "null"}]}, "`auto` or whole number"),
        ({"type": "array", "items": {"$ref": "#/$defs/Fault"}, "minItems": 1}, "list of [Fault](#fault) (at least 1)"),
        ({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}, "[number, number]"),
        ({"type": "object", "patternProperties": {"^x$": {"type": "number"}}}, "mapping of names to number"),
        ({"type": ["boolean", "null"]}, "true or false"),
    ],
)
def test_what_a_value_must_be_is_said_in_words(schema: dict[str, object], told: str) -> None:
    assert kind(schema) == told


def test_every_column_has_its_type_and_what_the_contract_says_of_it() -> None:
    told = sections(results_page(RESULTS))
    for name, schema in TABLES.items():
        found = rows(told[f"tables/{name}.parquet"])[2:]
        assert [(row[0], row[1]) for row in found] == [(f"`{c}`", str(kind)) for c, kind in schema.items()]
        assert all(row[2] for row in found)
    assert {row[0] for row in rows(told["Events"])[2:]} == {f"`{event.type}`" for event in Event.__subclasses__()}
    assert ["`latency_ms`", "Float64", "`reply_start_s` - `speech_end_s`"] in rows(told["tables/turns.parquet"])


def test_a_column_that_the_contract_does_not_describe_stops_the_build() -> None:
    with pytest.raises(KeyError, match="latency_ms"):
        results_page(RESULTS.replace("| `latency_ms` |", "| `latency` |"))


def test_links_of_a_meaning_lead_from_one_folder_below() -> None:
    told = "## A\n\n| key | meaning |\n|---|---|\n| `x` | see [a](a.md#b) and [c](#c) |\n\n| `x` | of another kind |\n"
    assert meanings(told, "## A") == {"x": "see [a](../a.md#b) and [c](../results.md#c)"}


def test_every_metric_is_listed_with_its_margin() -> None:
    told = sections(metrics_page())
    compared = {row[0].strip("`"): row[-1] for row in rows(told["By which arms are compared"])[2:]}
    assert compared == {name: f"{m.margin:g}" if m.margin is not None else "" for name, m in COMPARED.items()}
    assert [row[0].strip("`") for row in rows(told["For thresholds"])[2:]] == list(METRICS)


def test_every_exit_code_and_error_is_listed() -> None:
    told = sections(errors_page())
    assert [row[0] for row in rows(told["Exit codes"])[2:]] == [str(code.value) for code in ExitCode]
    assert all(row[2] for row in rows(told["Exit codes"])[2:])
    errors = {row[0]: row for row in rows(told["Errors"])[2:]}
    assert errors["`NewerError`"][1:3] == ["`RecordError`", "1"]
    assert errors["`ScenarioError`"][2] == "2"


def test_every_decision_is_linked_by_its_title() -> None:
    folder = ROOT / "docs" / "adr"
    page = decisions_page(folder)
    assert all(f"]({path.name})" in page for path in folder.glob("*.md"))
    assert "- [1. Everything is real but Google's endpoint](0001-real-parts-one-simulated.md)" in page
