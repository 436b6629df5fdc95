"""JSON Schema of what a user may write, for editors: they complete, describe, and underline mistakes as they are made.

Made from the models. What YAML allows beyond a model's fields, and what a model checks beyond them, is added here. The
loader remains the judge: it also knows the files that are named, and what fits together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from loadtest.scenario.callee import Script
from loadtest.scenario.catalogue import FAULTS, TRIGGERS
from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.models import Scenario
from loadtest.scenario.thresholds import METRICS

__all__ = ["SCHEMAS", "json_schema"]

Schema = dict[str, Any]

SCHEMAS: Final[Mapping[str, type[BaseModel]]] = {"scenario": Scenario, "script": Script, "endpoint": EndpointProfile}
"""What there is a schema of, and the model of each."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(what: str) -> Schema:
    """The schema (draft 2020-12) of one of SCHEMAS."""
    model = SCHEMAS[what]
    made = model.model_json_schema()
    definitions = made.pop("$defs", {})
    for name, definition in {**definitions, model.__name__: made}.items():
        _make_plain(definition)
        if name in _CORRECTIONS:
            _CORRECTIONS[name](definition)
    title = f"loadtest {what}" if what != "endpoint" else "loadtest endpoint profile"
    return {"$schema": DIALECT, "title": title, **made, "$defs": definitions}


def _make_plain(schema: Any) -> None:
    """Without titles, which repeat the key in other letters, and with defaults only where a user could write them."""
    if isinstance(schema, list):
        for entry in schema:
            _make_plain(entry)
    if not isinstance(schema, dict):
        return
    schema.pop("title", None)
    if "default" in schema and (schema["default"] is None or isinstance(schema["default"], dict | list)):
        del schema["default"]  # of a mapping: its fields tell theirs
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    for field in schema.get("properties", {}).values():
        _make_plain(field)
    for key in ("items", "prefixItems", "anyOf", "oneOf", "additionalProperties", "patternProperties"):
        _make_plain(schema.get(key))


def _exactly_one(*names: str) -> Callable[[Schema], None]:
    def correct(schema: Schema) -> None:
        _never_null(schema, names)
        schema["oneOf"] = [{"required": [name]} for name in names]

    return correct


def _never_null(schema: Schema, names: tuple[str, ...]) -> None:
    """A key without a value would satisfy `required`, and nothing else."""
    for name in names:
        field = schema["properties"][name]
        forms = [form for form in field.get("anyOf", ()) if form != {"type": "null"}]
        if len(forms) == 1:
            del field["anyOf"]
            field |= forms[0]


def _or(*others: Schema, one_of: tuple[str, ...]) -> Callable[[Schema], None]:
    """The mapping with exactly one of these keys, or something else."""

    def correct(schema: Schema) -> None:
        description = schema.pop("description")
        _never_null(schema, one_of)
        mapping = {**schema, "oneOf": [{"required": [name]} for name in one_of]}
        schema.clear()
        schema.update({"description": description, "anyOf": [*others, mapping]})

    return correct


def _distribution(schema: Schema) -> None:
    lognormal = {"type": "number", "exclusiveMinimum": 0}
    schema["properties"]["lognormal"] = {
        "description": schema["properties"]["lognormal"]["description"],
        "type": "object",
        "properties": {"median": lognormal, "p95": lognormal},
        "required": ["median", "p95"],
        "additionalProperties": False,
    }
    _never_null(schema, ("uniform",))
    for end in schema["properties"]["uniform"]["prefixItems"]:
        end["minimum"] = 0
    _or({"type": "number", "minimum": 0}, one_of=("constant", "uniform", "lognormal"))(schema)


def _agent(schema: Schema) -> None:
    schema["dependentRequired"] = {"external": ["name"], "plugin": ["reference"]}
    _or({"const": "reference"}, one_of=("reference", "command", "external"))(schema)


def _endpoint(schema: Schema) -> None:
    schema["dependentRequired"] = {"ca_file": ["base_url"]}
    _or({"const": "google"}, one_of=("profile", "base_url", "google"))(schema)


def _arrivals(schema: Schema) -> None:
    _exactly_one("rate_per_minute", "ramp_per_minute")(schema)
    schema["dependentRequired"] = {"ramp_per_minute": ["for_s"]}


def _scenario(schema: Schema) -> None:
    (number,) = [form for form in schema["properties"]["cap"]["anyOf"] if form["type"] == "integer"]
    number["minimum"] = 1
    metrics = "|".join(rf"{name}(\.[^.\s<>=]+)?\.({'|'.join(metric.stats)})" for name, metric in METRICS.items())
    schema["properties"]["thresholds"]["items"]["pattern"] = rf"^\s*({metrics})\s*[<>]=?\s*[0-9.eE+-]+\s*$"


def _script(schema: Schema) -> None:
    for values in schema["properties"]["variables"]["patternProperties"].values():
        values["minItems"] = 1


def _fault(schema: Schema) -> None:
    schema["properties"]["fault"] |= {
        "enum": list(FAULTS),
        "description": "; ".join(f"{name}: {kind.summary}" for name, kind in FAULTS.items()),
    }
    _exactly_one(*TRIGGERS)(schema)


_CORRECTIONS: Final[Mapping[str, Callable[[Schema], None]]] = {
    "Distribution": _distribution,
    "AgentSpec": _agent,
    "EndpointSpec": _endpoint,
    "Arrivals": _arrivals,
    "PlainLine": _exactly_one("audio", "say", "dtmf"),
    "ScriptLine": _exactly_one("audio", "say", "dtmf"),
    "Scenario": _scenario,
    "Script": _script,
    "Fault": _fault,
}
