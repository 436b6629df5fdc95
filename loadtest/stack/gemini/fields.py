"""JSON as the protocol has it: keys in snake or camel case on the way in, compact on the way out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["INVALID_ARGUMENT", "Invalid", "get", "listed", "pack"]

INVALID_ARGUMENT = "Request contains an invalid argument."
_SNAKE = re.compile(r"_([a-z0-9])")


@dataclass(frozen=True, slots=True)
class Invalid:
    """Something that the server closes for."""

    reason: str


def get(mapping: Any, name: str) -> Any:
    """The value of `name`, given in snake case, under its snake or camel key; None when absent."""
    if not isinstance(mapping, Mapping):
        return None
    value = mapping.get(name)
    return value if value is not None else mapping.get(_SNAKE.sub(lambda m: m.group(1).upper(), name))


def listed(mapping: Any, name: str) -> Sequence[Any]:
    """The list under `name`; empty when there is none."""
    value = get(mapping, name)
    return value if isinstance(value, list) else ()


def pack(message: Mapping[str, Any]) -> bytes:
    """What goes into a frame."""
    return json.dumps(message, separators=(",", ":")).encode()
