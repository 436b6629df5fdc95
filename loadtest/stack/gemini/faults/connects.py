"""Faults that meet a connect or a resumption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.stack.gemini.faults.reasons import INTERNAL
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.plan import Close

__all__ = ["CONNECTS", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status at the upgrade, or a close in place of setupComplete."""

    http_status: int | None = None
    close: Close | None = None


def _f5(_at: Situation) -> Refusal:
    return Refusal(close=Close(1011, INTERNAL))


def _f13(at: Situation) -> Refusal:
    return Refusal(http_status=at.fault.http_status)


CONNECTS: Final[Mapping[str, Callable[[Situation], Refusal]]] = {"F5": _f5, "F13": _f13}
"""By number: how the connect is answered. A fault with the trigger at_run_s answers so for its refused_s."""
