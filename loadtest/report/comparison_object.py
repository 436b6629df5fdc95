"""comparison.json: the result as it is, for programs. docs/comparison.md tells its keys."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from loadtest.analyse.compare.result import Choice, Comparison
from loadtest.errors import ExitCode

__all__ = ["comparison_exit_code", "comparison_object", "comparison_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def comparison_exit_code(comparison: Comparison, *, require_verdict: bool = False) -> ExitCode:
    """3 if a gate failed, 4 if a candidate is rejected; with `require_verdict` 5 if nothing was decided, or nothing
    that was declared beforehand; else 0."""
    choices = {candidate.choice for candidate in comparison.candidates.values()}
    if Choice.INVALID in choices:
        return ExitCode.INVALID
    if Choice.REJECT in choices:
        return ExitCode.THRESHOLD_FAILED
    if require_verdict and (Choice.INCONCLUSIVE in choices or comparison.exploratory):
        return ExitCode.INCONCLUSIVE
    return ExitCode.OK


def comparison_object(comparison: Comparison, code: ExitCode) -> dict[str, Any]:
    """The object of comparison.json: field names are keys; what is not known is null, never NaN. code: what `compare`
    ended with."""
    body = _plain(asdict(comparison))
    return {**body, "exit_code": int(code)}


def comparison_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of comparison.json. Keys may be added: a reader should skip what it does not know."""
    made = TypeAdapter(Comparison).json_schema(mode="serialization")
    codes = [int(code) for code in (ExitCode.OK, ExitCode.INVALID, ExitCode.THRESHOLD_FAILED, ExitCode.INCONCLUSIVE)]
    made["properties"]["exit_code"] = {"enum": codes}
    for definition in (made, *made["$defs"].values()):
        _tidy(definition)
    return {"$schema": DIALECT, **made, "title": "loadtest comparison"}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, str) else value


def _tidy(definition: dict[str, Any]) -> None:
    """Every key is always there; titles only repeat them."""
    definition.pop("title", None)
    if "properties" in definition:
        for field in definition["properties"].values():
            field.pop("title", None)
            field.pop("default", None)
        definition["required"] = list(definition["properties"])
    if "description" in definition:
        definition["description"] = " ".join(definition["description"].split())
