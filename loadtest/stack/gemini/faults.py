"""The fault catalogue: one small behaviour a fault, by where it takes hold.

TURN     a change to the plan of a model turn
CLOCK    something that happens at an age of the connection
CONNECT  an answer to a connect, in place of a session

What may be asked of each is stated in `loadtest.scenario.endpoint.FAULTS`; when they strike, in `hazards`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from loadtest.scenario.endpoint import Fault
from loadtest.stack.gemini.plan import AudioPart, Close, Mark, Say, Step, TurnComplete

__all__ = ["CLOCK", "CONNECT", "TURN", "Refusal", "Strike"]

Plan = tuple[Step, ...]

INTERNAL = "Internal error encountered."
UNAVAILABLE = "The service is currently unavailable."
DEADLINE = "Deadline expired before operation could complete."


@dataclass(frozen=True, slots=True)
class Strike:
    """What a CLOCK fault does. idle_only: it waits until nobody speaks and nothing is awaited."""

    close: Close
    idle_only: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a CONNECT fault answers: an HTTP status at the upgrade, or a close in place of setupComplete."""

    http_status: int | None = None
    close: Close | None = None


def _cut(plan: Plan, at_s: float, fault: str, close: Close) -> Plan:
    """The plan until `at_s`, then the close."""
    kept = tuple(step for step in plan if step.at_s <= at_s)
    return (*kept, Step(at_s, Mark(fault)), Step(at_s, close))


def _audio(plan: Plan) -> list[int]:
    return [index for index, step in enumerate(plan) if isinstance(step.what, AudioPart)]


def _f1(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    silent = tuple(step for step in plan if isinstance(step.what, Say) and step.at_s < plan[_audio(plan)[0]].at_s)
    return _cut(silent, rng.uniform(0.2, 1.5), fault.fault, Close(1011, INTERNAL))


def _f2(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    audio = _audio(plan)
    last = audio[rng.randrange(max(1, len(audio) - 1))]
    kept = plan[: last + 1]
    return _cut(kept, kept[-1].at_s, fault.fault, Close(1011, INTERNAL))


def _f20(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    return _cut(plan, rng.uniform(0.0, plan[-1].at_s), fault.fault, Close(None))


def _f23(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    """The hole is in the audio as played: what was sent ahead plays out first."""
    audio = _audio(plan)
    after = rng.randrange(len(audio) // 4, max(len(audio) // 4 + 1, 3 * len(audio) // 4))
    hole_s = rng.uniform(fault.stall_ms_min, fault.stall_ms_max) / 1000
    split = audio[after] + 1
    sent_s = sum(step.what.audio_ms for step in plan[:split] if isinstance(step.what, AudioPart)) / 1000
    ahead_s = plan[audio[0]].at_s + sent_s - plan[split - 1].at_s
    late_s = hole_s + max(0.0, ahead_s)
    stalled = tuple(
        # turnComplete follows the playback, which is late by the hole alone.
        replace(step, at_s=step.at_s + (hole_s if isinstance(step.what, TurnComplete) else late_s))
        for step in plan[split:]
    )
    ordered = tuple(sorted(stalled, key=lambda step: step.at_s))
    return (*plan[:split], Step(plan[split - 1].at_s, Mark(fault.fault)), *ordered)


def _f26(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    begins_s = plan[_audio(plan)[0]].at_s
    kept = tuple(step for step in plan if isinstance(step.what, Say) and step.at_s < begins_s)
    reason = "RESPONSE_REJECTED" if rng.random() < 0.5 else None
    return (*kept, Step(begins_s, Mark(fault.fault)), Step(begins_s, TurnComplete(reason)))


def _f4(rng: random.Random) -> Strike:
    return Strike(Close(1011, rng.choice((UNAVAILABLE, DEADLINE))), idle_only=True)


def _f20_clock(_rng: random.Random) -> Strike:
    return Strike(Close(None))


def _f5(_fault: Fault) -> Refusal:
    return Refusal(close=Close(1011, INTERNAL))


def _f13(fault: Fault) -> Refusal:
    return Refusal(http_status=fault.http_status)


TURN: dict[str, Callable[[Plan, random.Random, Fault], Plan]] = {
    "F1": _f1,
    "F2": _f2,
    "F20": _f20,
    "F23": _f23,
    "F26": _f26,
}
CLOCK: dict[str, Callable[[random.Random], Strike]] = {"F4": _f4, "F20": _f20_clock}
CONNECT: dict[str, Callable[[Fault], Refusal]] = {"F5": _f5, "F13": _f13}
