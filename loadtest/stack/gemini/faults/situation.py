"""What a fault's behaviour may look at when it strikes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from loadtest.scenario.faults import Fault
from loadtest.stack.gemini.state import CallState

__all__ = ["Situation"]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a fault strikes.

    fault: its settings. variant: the form that it takes, if it has several. rng: for all that it draws; nothing else
    uses it. connection: number of the connection in its call, from 1. age_s: of the connection. run_s: seconds of the
    run. turn: the caller's latest utterance in the call, from 1; 0 before it.
    """

    fault: Fault
    variant: str
    rng: random.Random
    call: CallState
    connection: int
    age_s: float
    run_s: float
    turn: int
    heard_s: float = 0.0
    """TURNS: length of the utterance that the turn answers, s."""
    since_reply_s: float | None = None
    """TURNS: from the end of the reply before, as played, to the beginning of that utterance, s."""
