"""docs/scenario.md names every field that a user may write, with its default, and no other; the examples load."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from loadtest.scenario import arms, base, callee, compare_spec, endpoint, faults, impairments, models, nightly_spec
from loadtest.scenario.catalogue import FAULTS
from loadtest.scenario.compared import COMPARED
from loadtest.scenario.hosts import host_problems
from loadtest.scenario.load import load_scenario
from loadtest.scenario.thresholds import METRICS

ROOT = Path(__file__).parents[3]
DOC = ROOT / "docs" / "scenario.md"

SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "Scenario": (models.Scenario,),
    "Arm": (arms.Arm,),
    "Agent": (arms.AgentSpec,),
    "Endpoint": (arms.EndpointSpec,),
    "Arrivals": (models.Arrivals,),
    "Callee": (callee.CalleeSpec,),
    "Pickup": (callee.PickupMix,),
    "Impairments": (impairments.Impairments,),
    "Noise": (impairments.Noise,),
    "Distribution": (base.Distribution,),
    "Compare": (compare_spec.CompareSpec,),
    "Validity": (models.ValidityLimits,),
    "Limits": (models.Limits,),
    "Nightly": (nightly_spec.NightlySpec,),
    "Script": (callee.Script,),
    "Line": (callee.ScriptLine,),
    "Barge-in": (callee.BargeIn,),
    "Pause": (callee.Pause,),
    "Re-prompt and goodbye": (callee.PlainLine,),
    "Endpoint profile": (endpoint.EndpointProfile,),
    "Reply delay": (endpoint.ConstantDelay, endpoint.LognormalDelay, endpoint.ListedDelay),
    "Fault": (faults.Fault,),
}


@cache
def tables(heading: str) -> list[list[list[str]]]:
    """The tables below a heading, as the cells of their rows."""
    parts = re.split(r"^## (.*)$", DOC.read_text(), flags=re.MULTILINE)
    assert heading in parts, f"{DOC.name} has no section {heading!r}"
    text = parts[parts.index(heading) + 1]
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    return [[[c.strip() for c in row.strip("|").split("|")] for row in table.splitlines()] for table in found]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_model_has_a_section() -> None:
    documented = {model for group in SECTIONS.values() for model in group}
    modules = (models, arms, callee, base, compare_spec, endpoint, faults, impairments, nightly_spec)
    public = [getattr(module, name) for module in modules for name in module.__all__]
    models_of = {m for m in public if isinstance(m, type) and issubclass(m, BaseModel)}
    assert models_of - {base.Model} == documented


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_field_is_described_with_its_default(heading: str) -> None:
    fields = {name: field for model in SECTIONS[heading] for name, field in model.model_fields.items()}
    rows = {names(row[0])[0]: row for row in tables(heading)[0][2:]}
    assert list(rows) == list(fields)
    for name, field in fields.items():
        _, default, meaning = rows[name]
        assert meaning, f"{name} has no meaning"
        if not isinstance(field.default, BaseModel) and not (heading == "Arm" and name == "endpoint"):
            assert (default == "required") == field.is_required(), name
        if isinstance(field.default, bool | int | float) or (isinstance(field.default, str) and field.default):
            assert default == _as_written(field.default), name


def _as_written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_fault_is_described_with_its_triggers_settings_and_variants() -> None:
    told = {names(row[0])[0]: [row[1], *map(names, row[2:])] for row in tables("Fault")[1][2:]}
    assert told == {
        number: [kind.summary, list(kind.triggers), [*kind.required, *kind.settings], list(kind.variants)]
        for number, kind in FAULTS.items()
    }


def test_every_metric_is_described_with_its_stats() -> None:
    told = {names(row[0])[0]: (tuple(names(row[1])), row[2]) for row in tables("Thresholds")[0][2:]}
    assert told == {name: (metric.stats, metric.unit) for name, metric in METRICS.items()}


def test_every_compared_metric_is_described_with_its_margin() -> None:
    told = {names(row[0])[0]: row[1:] for row in tables("Compare")[1][2:]}
    assert told == {
        name: [
            metric.title,
            metric.unit,
            "lower" if metric.lower_is_better else "higher",
            metric.scale,
            "" if metric.margin is None else str(metric.margin),
        ]
        for name, metric in COMPARED.items()
    }


def examples(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


PAGES = ("README.md", "docs/own-scenario.md", "docs/plugin-upgrade.md", "docs/scenario.md", "docs/your-agent.md")


@pytest.mark.parametrize("text", [t for page in PAGES for t in examples(page) if "arms:" in t])
def test_example_loads(text: str, tmp_path: Path) -> None:
    for folder in ("scripts", "audio", "endpoints"):
        (tmp_path / folder).symlink_to(ROOT / "scenarios" / folder)
    (tmp_path / "my-ca.pem").symlink_to(certifi.where())
    if "version:" not in text:  # a part of a scenario
        rest = "version: 1\nname: part\nblocks: 1\narrivals: [{rate_per_minute: 6}]\nscript: scripts/short.yaml\n"
        text = rest + text
    (tmp_path / "example.yaml").write_text(text)
    assert list(host_problems(load_scenario(tmp_path / "example.yaml"))) == []


def test_every_example_of_an_agent_of_ones_own_is_a_whole_scenario() -> None:
    found = examples("docs/your-agent.md")
    assert len(found) == 3
    assert all("version: 1" in text for text in found)


def test_example_profile_is_one() -> None:
    (text,) = [t for t in examples("docs/scenario.md") if "reply_delay" in t]
    endpoint.EndpointProfile.model_validate(YAML(typ="safe", pure=True).load(text))
