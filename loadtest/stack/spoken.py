"""Keeping what was said out of agents' logs: livekit-agents logs it, field by field, and so does who prints its events.

A sentence that an agent prints by its own words cannot be told from any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["NOT_STORED", "without_words"]

NOT_STORED = "[not stored]"
_NAMES = (
    # All that livekit-agents marks as private since 1.8, and what it called the same before.
    r"lk\.pii\.(?!participant_identity|room_name)\w+",
    r"(?:\w+_)?transcript",
    r"(?:input|output)_?[tT]ranscription",
    r"(?:\w+_)?text(?:_content)?",
    r"user_input|content|chat_ctx|instructions|(?:raw_)?arguments|output",
)
_NAME = re.compile("|".join(_NAMES))
_COLOUR = r"(?:\x1b\[[\d;]*m)*"
_FIELD = re.compile(rf"""(?<![\w.])(?:{"|".join(_NAMES)})["']?{_COLOUR}\s*[:=]\s*{_COLOUR}(?=["'\[{{])""")
_MOST_TRIES = 8


def without_words(line: str) -> str:
    """A line of a log, without its end, with what was said replaced: in its JSON, else from there on."""
    field = _FIELD.search(line)
    if field is None:
        return line
    start = -1
    for _ in range(_MOST_TRIES):
        start = line.find("{", start + 1)
        if not 0 <= start < field.start():
            break
        try:
            found, end = json.JSONDecoder().raw_decode(line, start)
        except ValueError:
            continue
        if end > field.start():
            return line[:start] + json.dumps(_without(found), ensure_ascii=False) + without_words(line[end:])
    return line[: field.start()] + NOT_STORED


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: NOT_STORED if _NAME.fullmatch(key) else _without(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one) for one in value]
    return without_words(value) if isinstance(value, str) else value
