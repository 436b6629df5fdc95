"""Holding a document against its model, and saying in the user's words what does not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from loadtest.scenario.callee import KEYS, VARIABLE, VOICE
from loadtest.scenario.problems import FieldPath, Place, Problem, describe, dotted, nearest
from loadtest.scenario.schema import description, fields_at
from loadtest.scenario.yaml_source import Source

__all__ = ["validate"]

M = TypeVar("M", bound=BaseModel)

_EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "string_too_long": "text of at most {max_length} characters",
    "bool_type": "true or false",
    "dict_type": "a mapping (key: value lines)",
    "model_type": "a mapping (key: value lines)",
    "model_attributes_type": "a mapping (key: value lines)",
    "tuple_type": "a list ([a, b], or lines that begin with -)",
    "greater_than": "a number > {gt:g}",
    "greater_than_equal": "a number >= {ge:g}",
    "less_than": "a number < {lt:g}",
    "less_than_equal": "a number <= {le:g}",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "union_tag_invalid": "{expected_tags} as {discriminator}",
    "union_tag_not_found": "a mapping with {discriminator}",
}
_FORMS: Final[Mapping[str, str]] = {
    "Distribution": "a number, {uniform: [low, high]} or {lognormal: {median: m, p95: p}}",
    "AgentSpec": "reference, {reference, plugin: v}, {command: [...], name: n} or {external, name: n}",
    "EndpointSpec": "{profile: FILE}, {base_url: URL, ca_file: FILE} or google",
}
_PATTERNS: Final[Mapping[str, str]] = {
    "^[a-z0-9][a-z0-9_-]{0,39}$": "a name of at most 40 small letters, digits, - and _",
    r"^https://\S+$": "an https:// URL",
    KEYS: "keys of a telephone (0-9 * # A-D; w between them is a pause)",
    VOICE: "the name of a voice, such as en-us+f3",
    VARIABLE: "a name of at most 40 small letters, digits and _",
}
_FIELD_FIRST = re.compile(r"([a-z_]+(?:\.[\w-]+)*): (.+)", re.DOTALL)


def validate(model: type[M], source: Source, problems: list[Problem]) -> M | None:
    """The model that the document describes; None, and entries in `problems`, if it does not fit.

    Strict: "3" is no number and 1 is not true.
    """
    try:
        return model.model_validate(source.data, strict=True)
    except ValidationError as error:
        explained = _Explanation(model, source)
        reported = {(problem.place, problem.field) for problem in problems}
        # Each member of a union that did not fit is an error of its own: together they say what was expected.
        together: dict[tuple[FieldPath, Place, str], list[tuple[str, str]]] = {}
        for details in error.errors():
            for place, path, expected, found, remedy in explained.of(details):
                together.setdefault((path, place, found), []).append((expected, remedy))
        for (path, place, found), members in together.items():
            first, *others = dict.fromkeys(expected for expected, _ in members)
            text = " or ".join((first, *(other.removeprefix("expected ") for other in others)))
            if (place, dotted(path)) not in reported:
                problems.append(Problem(place, dotted(path), f"{text}{found}", members[0][1]))
        return None


class _Explanation:
    def __init__(self, model: type[BaseModel], source: Source) -> None:
        self._model = model
        self._source = source

    def of(self, details: ErrorDetails) -> list[tuple[Place, FieldPath, str, str, str]]:
        """Place, field, what was expected, `; found ...`, remedy."""
        kind, loc = details["type"], details["loc"]
        path, value = self._follow(loc)
        if kind == "too_short" and len(value) >= details.get("ctx", {}).get("min_length", 0):
            return []  # only entries without faults were counted, and those with one are said
        if kind == "missing":
            return [self._missing(path, str(loc[-1]), value)]
        if kind == "extra_forbidden":
            return [self._unknown(path, loc)]
        if kind == "value_error":
            return [self._refused(path, line, value) for line in _text_of(details).split("\n")]
        if loc and loc[-1] == "[key]":
            value, place = loc[-2], self._source.key_place(path)
        else:
            place = self._source.place(path)
        expected = self._expected(details)
        return [(place, path, f"expected {expected}", f"; found {describe(value)}", self._remedy(path, details, value))]

    def _follow(self, loc: FieldPath) -> tuple[FieldPath, Any]:
        """The part of `loc` that is in the document, and the value there."""
        path: FieldPath = ()
        value = self._source.data
        for part in loc:
            known = part in value if isinstance(value, dict) else isinstance(value, tuple) and part in range(len(value))
            if known:
                path, value = (*path, part), value[part]
        return path, value

    def _missing(self, path: FieldPath, name: str, value: Any) -> tuple[Place, FieldPath, str, str, str]:
        if isinstance(value, tuple):
            return self._source.place(path), path, "expected one more entry", f"; found {describe(value)}", "Add it."
        field = (*path, name)
        meaning = description(self._model, field)
        place = self._source.key_place(path)
        return place, field, "expected this key", "; found nothing", f"Add `{name}: ...`. {meaning}".strip()

    def _unknown(self, path: FieldPath, loc: FieldPath) -> tuple[Place, FieldPath, str, str, str]:
        key = str(loc[-1])
        known = fields_at(self._model, loc[:-1])
        close = nearest(key, known)
        remedy = f"Did you mean `{close}`?" if close else f"Take it out, or use one of {', '.join(known)}."
        return self._source.key_place(path), path, f"expected {_any_of(known)}", f'; found unknown key "{key}"', remedy

    def _refused(self, path: FieldPath, text: str, value: Any) -> tuple[Place, FieldPath, str, str, str]:
        named = _FIELD_FIRST.fullmatch(text)
        if named:
            deeper, found = self._follow((*path, *(int(p) if p.isdigit() else p for p in named[1].split("."))))
            if len(deeper) > len(path):
                path, text, value = deeper, named[2], found
        found_text = f"; found {describe(value)}" if path and "found" not in text else ""
        return self._source.place(path), path, text, found_text, self._meaning(path)

    def _expected(self, details: ErrorDetails) -> str:
        context = details.get("ctx", {})
        if details["type"] == "model_type" and context.get("class_name") in _FORMS:
            return _FORMS[context["class_name"]]
        if details["type"] == "string_pattern_mismatch":
            return _PATTERNS.get(context["pattern"], f"text like {context['pattern']}")
        form = _EXPECTED.get(details["type"])
        return form.format_map(context).replace("'", "") if form else details["msg"]

    def _remedy(self, path: FieldPath, details: ErrorDetails, value: Any) -> str:
        if details["type"] == "string_type" and isinstance(value, bool | int | float):
            return "If it is meant as text, put it in quotes."
        if details["type"] in {"literal_error", "enum"} and isinstance(value, str):
            known = re.findall(r"'([^']*)'", str(details.get("ctx", {}).get("expected", "")))
            close = nearest(value, known)
            if close:
                return f"Did you mean `{close}`?"
        return self._meaning(path)

    def _meaning(self, path: FieldPath) -> str:
        meaning = description(self._model, path)
        return f"{path[-1]}: {meaning}" if meaning else "Correct it, or take it out."


def _text_of(details: ErrorDetails) -> str:
    return str(details.get("ctx", {}).get("error", details["msg"]))


def _any_of(known: tuple[str, ...]) -> str:
    return "a known key" if len(known) > 6 else f"one of {', '.join(known)}" if known else "no key here"
