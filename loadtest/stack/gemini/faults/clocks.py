"""Faults that strike at an age of the connection, or at a time of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.stack.gemini.faults.reasons import ABORTED, CANCELLED, DEADLINE, UNAVAILABLE
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.messages import INVALID_ARGUMENT
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.state import HalfOpen, LatePongs, Silence

__all__ = ["CLOCKS", "Strike"]


@dataclass(frozen=True, slots=True)
class Strike:
    """What is done to a connection."""

    what: Close | HalfOpen | LatePongs | Silence
    idle_only: bool = False
    """It waits until nobody speaks and nothing is awaited."""
    go_away_s: float | None = None
    """It is announced by goAway with so much time left, s, and done when that is over."""
    lifetime: bool = False
    """It stands in place of the profile's own limit."""


ENDS: Final[Mapping[str, Close]] = {
    "deadline": Close(1011, DEADLINE),
    "cancelled": Close(1000, CANCELLED),
    "aborted": Close(1008, ABORTED),
}


def _f4(at: Situation) -> Strike:
    return Strike(Close(1011, UNAVAILABLE if at.variant == "unavailable" else DEADLINE), idle_only=True)


def _f6(_at: Situation) -> Strike:
    return Strike(Close(1011, UNAVAILABLE))


def _f11(at: Situation) -> Strike:
    return Strike(ENDS.get(at.variant, Silence()), go_away_s=at.fault.time_left_s)


def _f12(at: Situation) -> Strike:
    return Strike(ENDS[at.variant], lifetime=True)


def _f19(_at: Situation) -> Strike:
    return Strike(Close(1007, INVALID_ARGUMENT))


def _f20(_at: Situation) -> Strike:
    return Strike(Close(None))


def _f21(_at: Situation) -> Strike:
    return Strike(HalfOpen())


def _f22(at: Situation) -> Strike:
    fault, rng = at.fault, at.rng
    return Strike(LatePongs(lambda: rng.uniform(fault.pong_ms_min, fault.pong_ms_max) / 1000))


CLOCKS: Final[Mapping[str, Callable[[Situation], Strike]]] = {
    "F4": _f4,
    "F6": _f6,
    "F11": _f11,
    "F12": _f12,
    "F19": _f19,
    "F20": _f20,
    "F21": _f21,
    "F22": _f22,
}
"""By number: what it does. Drawn as the connection opens; age_s and run_s are those of the strike."""
