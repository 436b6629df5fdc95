"""Events as lines of JSON, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from enum import StrEnum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from loadtest.record.events import Event

__all__ = ["decode", "encode"]


def _subclasses() -> dict[str, type[Event]]:
    return {cls.type: cls for cls in Event.__subclasses__()}


def encode(event: Event) -> str:
    """One line of JSON, without the newline. Floats are rounded to microseconds."""
    body = {"type": event.type, **{f.name: getattr(event, f.name) for f in dataclasses.fields(event)}}
    return json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in body.items()}, separators=(",", ":"))


def decode(line: str) -> Event | None:
    """The event of one line; None for a type that this version does not know.

    Raises ValueError if the line is no JSON object, or lacks a field or has one of the wrong type.
    """
    body = json.loads(line)
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise ValueError("expected a JSON object with a type")  # noqa: TRY004 - all that is wrong with a line is one error
    cls = _subclasses().get(body["type"])
    if cls is None:
        return None
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):
        if f.name in body:
            values[f.name] = _convert(body[f.name], hints[f.name], f"{body['type']}.{f.name}")
        elif f.default is dataclasses.MISSING:
            raise ValueError(f"{body['type']}.{f.name} is missing")
    return cls(**values)


def _convert(value: Any, hint: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        (hint,) = (a for a in get_args(hint) if a is not type(None))
        return _convert(value, hint, where)
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise ValueError(f"{where}: expected one of {get_args(hint)}, found {value!r}")
    if origin is Mapping:
        if isinstance(value, dict):
            return value
        raise ValueError(f"{where}: expected an object, found {value!r}")
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is hint:
        return value
    raise ValueError(f"{where}: expected {hint.__name__}, found {value!r}")
