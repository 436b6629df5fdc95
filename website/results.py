"""The results schema: types from the code, meanings from docs/results.md, which a test holds against the code."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.record.events import Event
from loadtest.record.plan_io import PLAN
from loadtest.record.run_json import Part, RunInfo
from loadtest.record.tables import ANALYSIS_VERSION, TABLES, TABLES_VERSION
from website.markdown import NOTICE, table

__all__ = ["results_page"]

LEAD = "## Tables"
HEADINGS = {"run.json": "## run.json", "parts[]": "## Parts"}


def results_page(told: str) -> str:
    """told: the text of docs/results.md."""
    lead = meanings(told, LEAD)
    parts = [
        "# Results schema\n\n",
        f"{NOTICE} [The results folder](../results.md) says what each file is for.\n\n",
        f"Tables are of schema {TABLES_VERSION}, made by analysis {ANALYSIS_VERSION}.\n\n",
    ]
    for name, schema in TABLES.items():
        means = lead | meanings(told, f"### `{name}`")
        parts += [f"## tables/{name}.parquet\n\n", _columns(schema, means)]
    parts += ["## plan.parquet\n\n", _columns(PLAN, meanings(told, "## plan.parquet"))]
    for title, kind in (("run.json", RunInfo), ("parts[]", Part)):
        means = meanings(told, HEADINGS[title])
        rows = ((f"`{f.name}`", _type(f.type), means.get(f.name, "")) for f in dataclasses.fields(kind))
        parts += [f"## {title}\n\n", table(("key", "type", "meaning"), rows)]
    parts += ["## Events\n\n", table(("type", "fields", "meaning"), _events(meanings(told, "## Events")))]
    return "".join(parts)


def meanings(told: str, heading: str) -> dict[str, str]:
    """By name in the first column of the tables below a heading, what the last one says; of two, the first."""
    sections = re.split(r"^(#+ .*)$", told, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for row in re.findall(r"^\|(.*)\|$", sections[sections.index(heading) + 1], flags=re.MULTILINE):
        first, *_, last = re.split(r"(?<!\\)\|", row)
        for name in re.findall(r"`([^`]+)`", first):
            found.setdefault(name, _from_here(last.strip()))
    return found


def _from_here(text: str) -> str:
    """Its links, of a page one folder up."""
    return re.sub(r"\]\((?!#|\w+:)", "](../", text).replace("](#", "](../results.md#")


def _columns(schema: Mapping[str, Any], means: Mapping[str, str]) -> str:
    rows = ((f"`{name}`", str(kind), means[name]) for name, kind in schema.items())
    return table(("column", "type", "meaning"), rows)


def _events(means: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for kind in Event.__subclasses__():
        fields = (f"`{f.name}` {_type(f.type)}" for f in dataclasses.fields(kind) if f.name != "t")
        yield f"`{kind.type}`", ", ".join(fields), means[kind.type]


def _type(annotation: object) -> str:
    """Annotations are text here; collections in words."""
    words = {"Mapping[str, ": "mapping of ", "tuple[": "list of ", "Literal[": "", ", ...": "", "]": "", "Any": "any"}
    return functools.reduce(lambda text, word: text.replace(*word), words.items(), str(annotation))
