"""Faults that strike at an age of the connection, or at a time of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.stack.gemini.faults.reasons import DEADLINE, UNAVAILABLE
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.plan import Close

__all__ = ["CLOCKS", "Strike"]


@dataclass(frozen=True, slots=True)
class Strike:
    """What is done. idle_only: it waits until nobody speaks and nothing is awaited."""

    close: Close
    idle_only: bool = False


def _f4(at: Situation) -> Strike:
    return Strike(Close(1011, UNAVAILABLE if at.variant == "unavailable" else DEADLINE), idle_only=True)


def _f20(_at: Situation) -> Strike:
    return Strike(Close(None))


CLOCKS: Final[Mapping[str, Callable[[Situation], Strike]]] = {"F4": _f4, "F20": _f20}
"""By number: what it does. Drawn as the connection opens; age_s and run_s are those of the strike."""
