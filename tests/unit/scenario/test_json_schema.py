"""The schemas for editors: they take what the loader takes, and refuse what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from loadtest.scenario.json_schema import SCHEMAS, json_schema
from loadtest.scenario.problems import Problem
from loadtest.scenario.shipped import EDITOR_COMMENT
from loadtest.scenario.thresholds import parse_threshold
from loadtest.scenario.validate import validate
from loadtest.scenario.yaml_source import parse_source

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "scenarios"
FILES = sorted(SHIPPED.rglob("*.yaml"))
KINDS = {"scripts": "script", "endpoints": "endpoint", "scenarios": "scenario"}


def fits(what: str, document: Any) -> bool:
    return Draft202012Validator(json_schema(what)).is_valid(document)


def loads(what: str, document: Any) -> bool:
    """Whether the loader takes the document, files aside."""
    problems: list[Problem] = []
    source = parse_source(json.dumps(document).encode(), "a.yaml", problems)
    assert source is not None
    return validate(SCHEMAS[what], source, problems) is not None


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


@pytest.mark.parametrize("what", SCHEMAS)
def test_it_is_a_schema(what: str) -> None:
    Draft202012Validator.check_schema(json_schema(what))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_shipped_file_fits_and_leads_its_editor_to_its_schema(path: Path) -> None:
    inside = path.relative_to(SHIPPED).parts
    what = KINDS[inside[0] if len(inside) > 1 else SHIPPED.name]
    first = path.read_text().splitlines()[0]
    assert first.startswith(EDITOR_COMMENT)
    schema = (path.parent / first.removeprefix(EDITOR_COMMENT)).resolve()
    assert schema == SHIPPED / "schema" / f"{what}.schema.json"
    errors = Draft202012Validator(json.loads(schema.read_text())).iter_errors(read(path))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("what", SCHEMAS)
def test_every_key_is_described(what: str) -> None:
    schema = json_schema(what)
    undescribed = [
        f"{where}.{name}"
        for where, mapping in _mappings(schema)
        for name, field in mapping["properties"].items()
        if not field.get("description") and name not in {"median", "p95"}
    ]
    assert undescribed == []


def _mappings(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    named = {"": schema, **schema["$defs"]}
    forms = [(name, form) for name, each in named.items() for form in (each, *each.get("anyOf", ()))]
    return [(name, form) for name, form in forms if "properties" in form]


ARM: dict[str, Any] = {"model": "m", "endpoint": {"profile": "p.yaml"}}
SCENARIO: dict[str, Any] = {
    "version": 1,
    "name": "a",
    "arms": {"ga": ARM},
    "blocks": 1,
    "arrivals": [{"rate_per_minute": 1}],
    "script": "s.yaml",
}
SCRIPT: dict[str, Any] = {"version": 1, "lines": [{"name": "a", "audio": "a.wav"}]}
PROFILE: dict[str, Any] = {
    "version": 1,
    "model": "m",
    "reply_delay": {"distribution": "constant", "value_ms": 1},
}


def scenario(**changes: Any) -> dict[str, Any]:
    return {**SCENARIO, **changes}


def arm(**changes: Any) -> dict[str, Any]:
    return scenario(arms={"ga": {**ARM, **changes}})


def line(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "lines": [{"name": "a", "audio": "a.wav"}, {"name": "b", **changes}]}


def fault(**changes: Any) -> dict[str, Any]:
    return {**PROFILE, "faults": [{"fault": "F1", **changes}]}


RIGHT: list[tuple[str, Any]] = [
    ("scenario", SCENARIO),
    ("scenario", scenario(cap="auto")),
    ("scenario", scenario(cap=3)),
    ("scenario", scenario(compare=None)),
    ("scenario", scenario(compare={"control": "ga", "success": ["lost_turns"], "margins": {"gap_seconds": 0.3}})),
    ("scenario", scenario(callee={"ring_s": 2, "patience_s": {"uniform": [1, 2]}})),
    ("scenario", scenario(callee={"ring_s": {"lognormal": {"median": 1, "p95": 2.5}}})),
    ("scenario", scenario(callee={"ring_s": {"constant": 0.5}})),
    ("scenario", scenario(arrivals=[{"ramp_per_minute": [1, 2], "for_s": 3}])),
    ("scenario", scenario(thresholds=["reply_latency.p50 < 3000", "answered_share.ga.value>=0.9"])),
    ("scenario", arm(agent="reference")),
    ("scenario", arm(agent={"reference": None})),
    ("scenario", arm(endpoint="google")),
    ("scenario", arm(endpoint={"google": None})),
    ("scenario", arm(endpoint={"base_url": "https://localhost", "ca_file": "ca.pem"})),
    ("scenario", arm(agent={"command": ["a", "b"], "name": "n"}, env={"A": "b"}, api="vertex")),
    (
        "scenario",
        scenario(stack="external", arms={"ga": {"model": "m", "agent": {"external": None, "name": "n"}}}),
    ),
    ("script", SCRIPT),
    ("script", line(say="hello {name}", wait_s={"uniform": [1, 2]}) | {"variables": {"name": ["Ann"]}}),
    ("script", line(dtmf="12w#", reply=False)),
    ("script", line(audio="b.wav", if_silent_s=2)),
    ("script", SCRIPT | {"voice": "en-us+f3", "goodbye": {"name": "bye", "say": "Bye."}}),
    ("endpoint", PROFILE),
    ("endpoint", PROFILE | {"reply_delay": {"distribution": "lognormal", "median_ms": 1, "p95_ms": 2}}),
    ("endpoint", fault(per_turn=0.1)),
]
WRONG: list[tuple[str, Any]] = [
    ("scenario", {key: value for key, value in SCENARIO.items() if key != "script"}),
    ("scenario", scenario(versoin=1)),
    ("scenario", scenario(version=2)),
    ("scenario", scenario(version="1")),
    ("scenario", scenario(name="Not A Name")),
    ("scenario", scenario(blocks="3")),
    ("scenario", scenario(blocks=0)),
    ("scenario", scenario(cap=0)),
    ("scenario", scenario(cap="automatic")),
    ("scenario", scenario(stack="cloud")),
    ("scenario", scenario(arms={})),
    *((what, {**document, "version": True}) for what, document in (("scenario", SCENARIO), ("endpoint", PROFILE))),
    ("script", {**line(say="Yes."), "version": True}),
    ("script", line(dtmf=None)),
    ("script", line(audio=None)),
    ("script", line(audio="b.wav", wait_s={"uniform": None})),
    ("scenario", arm(endpoint={"profile": None})),
    ("scenario", scenario(arrivals=[{"rate_per_minute": None}])),
    ("endpoint", fault(per_turn=None)),
    ("scenario", scenario(arms={"An Arm": ARM})),
    ("scenario", scenario(arrivals=[])),
    ("scenario", scenario(arrivals=[{}])),
    ("scenario", scenario(arrivals=[{"rate_per_minute": 1, "ramp_per_minute": [1, 2], "for_s": 1}])),
    ("scenario", scenario(arrivals=[{"ramp_per_minute": [1, 2]}])),
    ("scenario", scenario(arrivals=[{"ramp_per_minute": [1, 2, 3], "for_s": 1}])),
    ("scenario", scenario(callee={"ring_s": -1})),
    ("scenario", scenario(callee={"ring_s": {}})),
    ("scenario", scenario(callee={"ring_s": {"constant": 1, "uniform": [1, 2]}})),
    ("scenario", scenario(callee={"ring_s": {"lognormal": {"median": 1}}})),
    ("scenario", scenario(callee={"ring_s": {"lognormal": {"median": 0, "p95": 1}}})),
    ("scenario", scenario(callee={"ring_s": {"uniform": [-1, 2]}})),
    ("scenario", scenario(callee={"ring_s": "soon"})),
    ("scenario", scenario(thresholds=[3])),
    ("scenario", scenario(compare={"control": "ga", "success": ["lost"]})),
    ("scenario", scenario(compare={"control": "ga", "margins": {"gaps": 0.3}})),
    ("scenario", scenario(compare={"control": "ga", "margins": {"gap_seconds": 0}})),
    ("scenario", arm(agent="refrence")),
    ("scenario", arm(agent={})),
    ("scenario", arm(agent={"external": True})),
    ("scenario", arm(agent={"reference": True, "command": ["a"]})),
    ("scenario", arm(agent={"command": []})),
    ("scenario", arm(agent={"command": "a b"})),
    ("scenario", arm(endpoint="gogle")),
    ("scenario", arm(endpoint={"profile": "p", "google": True})),
    ("scenario", arm(endpoint={"profile": "p", "ca_file": "c"})),
    ("scenario", arm(endpoint={"base_url": "http://localhost"})),
    ("scenario", arm(api="aistudio")),
    ("scenario", arm(env={"A": 1})),
    ("script", {"version": 1, "lines": []}),
    ("script", line()),
    ("script", line(audio="b.wav", say="b")),
    ("script", line(say="")),
    ("script", line(dtmf="12x")),
    ("script", line(dtmf="w")),
    ("script", line(dtmf=12)),
    ("script", line(audio="b.wav", reply="no")),
    ("script", line(audio="b.wav", if_silent_s=0)),
    ("script", line(audio="b.wav", wait_s=-1)),
    ("script", SCRIPT | {"voice": "-f"}),
    ("script", SCRIPT | {"variables": {"name": []}}),
    ("script", SCRIPT | {"variables": {"Name": ["a"]}}),
    ("script", SCRIPT | {"variables": {"name": [1]}}),
    ("script", SCRIPT | {"goodbye": {"name": "bye", "audio": "b.wav", "wait_s": 1}}),
    ("endpoint", PROFILE | {"send_speed": 0.5}),
    ("endpoint", PROFILE | {"reply_delay": {"distribution": "constant"}}),
    ("endpoint", PROFILE | {"reply_delay": {"distribution": "normal", "value_ms": 1}}),
    ("endpoint", fault()),
    ("endpoint", fault(per_turn=0.1, at_turn=1)),
    ("endpoint", fault(per_turn=1.1)),
    ("endpoint", PROFILE | {"faults": [{"fault": "F99", "per_turn": 0.1}]}),
]


@pytest.mark.parametrize(("what", "document"), RIGHT, ids=lambda value: json.dumps(value)[-70:])
def test_what_is_right_is_right_to_both(what: str, document: Any) -> None:
    assert loads(what, document)
    assert fits(what, document)


@pytest.mark.parametrize(("what", "document"), WRONG, ids=lambda value: json.dumps(value)[-70:])
def test_what_is_wrong_is_refused_by_both(what: str, document: Any) -> None:
    assert not loads(what, document)
    assert not fits(what, document)


@pytest.mark.parametrize(
    "text", ["latency.p50 < 3", "reply_latency.p51 < 3", "reply_latency < 3", "lost_turns.per_100 = 3"]
)
def test_a_threshold_that_is_none_is_refused_by_both(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_threshold(text, ("ga",))
    assert not fits("scenario", scenario(thresholds=[text]))


@given(st.data())
def test_a_key_that_no_model_knows_is_refused_at_every_level(data: st.DataObject) -> None:
    what = data.draw(st.sampled_from(list(SCHEMAS)))
    document = {"scenario": scenario(callee={}, validity={}), "script": SCRIPT, "endpoint": fault(per_turn=0.1)}[what]
    whole = json.loads(json.dumps(document))
    mappings = [place for place in _dicts(whole) if place is not whole.get("arms")]
    data.draw(st.sampled_from(mappings))["no_such_key"] = 1
    assert not fits(what, whole)
    assert not loads(what, whole)


def _dicts(value: Any) -> list[dict[str, Any]]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [*([value] if isinstance(value, dict) else []), *(found for each in inside for found in _dicts(each))]


def test_defaults_are_those_of_the_models() -> None:
    schema = json_schema("scenario")
    told = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    assert told["cap"] == "auto"
    assert told == {name: SCHEMAS["scenario"].model_fields[name].default for name in told}
