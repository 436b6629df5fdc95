"""Faults around a tool call. The model takes no result of a call that is struck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.stack.gemini.faults.reasons import ENTITY_NOT_FOUND, NOT_IMPLEMENTED, OCCURRED
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.plan import Close

__all__ = ["TOOLS", "ToolStrike"]

AFTER_S = (0.1, 0.5)
"""Between toolCall, or what the function returned, and the close."""


@dataclass(frozen=True, slots=True)
class ToolStrike:
    """How the session ends: `after_s` seconds after the call, after what it returned, or after the audio that follows
    the call.
    """

    close: Close
    after: Literal["call", "result", "audio"]
    after_s: float = 0.0


def _f3(at: Situation) -> ToolStrike:
    close = Close(1011, OCCURRED) if at.variant == "internal" else Close(1008, ENTITY_NOT_FOUND)
    return ToolStrike(close, at.rng.choice(("call", "result")), at.rng.uniform(*AFTER_S))


def _f18(_at: Situation) -> ToolStrike:
    return ToolStrike(Close(1008, NOT_IMPLEMENTED), "audio")


TOOLS: Final[Mapping[str, Callable[[Situation], ToolStrike]]] = {"F3": _f3, "F18": _f18}
"""By number: how the session ends."""
