"""Faults that meet a connect or a resumption."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.stack.gemini.faults.reasons import INTERNAL, SESSION_NOT_FOUND, UNAVAILABLE
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.messages import INVALID_ARGUMENT
from loadtest.stack.gemini.plan import Close, Mark, Step

__all__ = ["CONNECTS", "Answer", "poisoned"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What meets a connect, in order of what comes first on the wire. A fault does one of them."""

    upgrade_s: float = 0.0
    """The upgrade is answered after so long, s."""
    http_status: int | None = None
    """It is answered with this error."""
    setup_s: float = 0.0
    """setupComplete comes after so long, s; infinity: never."""
    close: Close | None = None
    """This comes in place of setupComplete."""
    model_not_found: bool = False
    """A close for a model that the endpoint doesn't know comes in place of setupComplete."""
    poisons: bool = False
    """The call's handles are poisoned from here on."""
    resumptions_only: bool = False
    """A connect without a handle is spared."""


def _f5(_at: Situation) -> Answer:
    return Answer(close=Close(1011, INTERNAL))


def _f6(at: Situation) -> Answer:
    if at.variant == "setup":
        return Answer(close=Close(1011, UNAVAILABLE))
    return Answer(http_status=at.fault.http_status)


def _f8(_at: Situation) -> Answer:
    return Answer(poisons=True, resumptions_only=True)


REFUSED_RESUMPTIONS: Final[Mapping[str, Close]] = {
    "not_found": Close(1008, SESSION_NOT_FOUND),
    "invalid": Close(1007, INVALID_ARGUMENT),
    "still_open": Close(1011, INTERNAL),
}


def _f9(at: Situation) -> Answer:
    return Answer(close=REFUSED_RESUMPTIONS[at.variant], resumptions_only=True)


def _f13(at: Situation) -> Answer:
    return Answer(http_status=at.fault.http_status)


def _f15(at: Situation) -> Answer:
    if at.variant == "never":
        return Answer(setup_s=math.inf)
    return Answer(setup_s=at.rng.uniform(at.fault.setup_ms_min, at.fault.setup_ms_max) / 1000)


def _f16(at: Situation) -> Answer:
    return Answer(upgrade_s=at.fault.upgrade_s)


def _f17(_at: Situation) -> Answer:
    return Answer(model_not_found=True)


CONNECTS: Final[Mapping[str, Callable[[Situation], Answer]]] = {
    "F5": _f5,
    "F6": _f6,
    "F8": _f8,
    "F9": _f9,
    "F13": _f13,
    "F15": _f15,
    "F16": _f16,
    "F17": _f17,
}
"""By number: how the connect is answered. A fault with the trigger at_run_s answers so for its refused_s."""

POISONED_AFTER_S = 0.5


def poisoned(plan: tuple[Step, ...]) -> tuple[Step, ...]:
    """What becomes of any turn of a session that was resumed with a poisoned handle."""
    kept = (step for step in plan if step.at_s <= POISONED_AFTER_S)
    return (*kept, Step(POISONED_AFTER_S, Mark("F8")), Step(POISONED_AFTER_S, Close(1011, INTERNAL)))
