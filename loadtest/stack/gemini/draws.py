"""Seeded draws: every quantity of a call has its own stream, so none depends on when another was drawn."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from loadtest.scenario.endpoint import ConstantDelay, Delay, ListedDelay

__all__ = ["Draws", "delay_s"]

_Z95 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Draws:
    """The random streams of one call in one arm.

    call: the call's id, or a name of the connection when the client gave none.
    """

    seed: int
    arm: str
    call: str

    def stream(self, *names: object) -> random.Random:
        """The stream of what `names` say, the same whenever it is asked for."""
        return random.Random("/".join(str(part) for part in (self.seed, self.arm, self.call, *names)))


def delay_s(delay: Delay, rng: random.Random, call_id: str | None, turn: int) -> float:
    """The delay of a reply, in seconds. turn: the caller's utterance that it answers, from 1; 0 for the greeting."""
    if isinstance(delay, ListedDelay):
        listed = delay.calls_ms.get(call_id or "", ())
        return (listed[turn] if turn < len(listed) else delay.value_ms) / 1000.0
    if isinstance(delay, ConstantDelay):
        return delay.value_ms / 1000.0
    sigma = math.log(delay.p95_ms / delay.median_ms) / _Z95
    return delay.median_ms / 1000.0 * math.exp(sigma * rng.gauss(0.0, 1.0))
