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
from loadtest.stack.gemini import messages
from loadtest.stack.gemini.plan import AudioPart, Close, Forget, GenerationComplete, Mark, Say, Step, TurnComplete
from loadtest.stack.gemini.recordings import RATE

__all__ = ["CLOCK", "CONNECT", "TURN", "Refusal", "Strike"]

Plan = tuple[Step, ...]

INTERNAL = "Internal error encountered."
UNAVAILABLE = "The service is currently unavailable."
DEADLINE = "Deadline expired before operation could complete."

NEAR_ZERO = 2
"""Steps of 16 bits: -84 dBFS."""


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


def _f10(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    *kept, mark, close = _f1(plan, rng, fault)
    return (*kept, mark, Step(mark.at_s, Forget()), close)


def _f20(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    return _cut(plan, rng.uniform(0.0, plan[-1].at_s), fault.fault, Close(None))


def _f23(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    """The hole is in what is played: what was sent ahead plays out first. It is amid loud speech if there is any."""
    audio = _audio(plan)
    inner = range(len(audio) // 4, max(len(audio) // 4 + 1, 3 * len(audio) // 4))
    loud = [i for i in inner if isinstance(part := plan[audio[i]].what, AudioPart) and part.loud_end]
    after = rng.choice(loud or inner)
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
    return (*plan[:split], Step(plan[split - 1].at_s, Mark(fault.fault, round(hole_s * 1000, 3))), *ordered)


def _f26(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    begins_s = plan[_audio(plan)[0]].at_s
    kept = tuple(step for step in plan if isinstance(step.what, Say) and step.at_s < begins_s)
    reason = "RESPONSE_REJECTED" if rng.random() < 0.5 else None
    return (*kept, Step(begins_s, Mark(fault.fault)), Step(begins_s, TurnComplete(reason)))


def _f27(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    begins = _audio(plan)[0]
    return (*plan[:begins], Step(plan[begins].at_s, Mark(fault.fault)), *(_hushed(step, rng) for step in plan[begins:]))


def _hushed(step: Step, rng: random.Random) -> Step:
    if not isinstance(step.what, AudioPart):
        return step
    samples = rng.choices((-NEAR_ZERO, 0, NEAR_ZERO), k=round(step.what.audio_ms * RATE / 1000))
    frames = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    return replace(step, what=AudioPart(messages.audio_part(frames), step.what.audio_ms))


def _f32(plan: Plan, rng: random.Random, fault: Fault) -> Plan:
    """All of the reply again, once what was said has been heard and a silence after it."""
    audio = _audio(plan)
    said = tuple(step for step in plan[audio[0] :] if isinstance(step.what, AudioPart | Say))
    length_s = sum(step.what.audio_ms for step in said if isinstance(step.what, AudioPart)) / 1000
    begins_s = said[0].at_s
    again, later_s = [*plan[: audio[0]], Step(begins_s, Mark(fault.fault)), *said], 0.0
    for _ in range(rng.randint(1, 3)):
        later_s += length_s + rng.uniform(fault.repeat_ms_min, fault.repeat_ms_max) / 1000
        again += [replace(step, at_s=step.at_s + later_s) for step in said]
    return (*again, Step(again[-1].at_s, GenerationComplete()), Step(begins_s + later_s + length_s, TurnComplete()))


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
    "F10": _f10,
    "F20": _f20,
    "F23": _f23,
    "F26": _f26,
    "F27": _f27,
    "F32": _f32,
}
CLOCK: dict[str, Callable[[random.Random], Strike]] = {"F4": _f4, "F20": _f20_clock}
CONNECT: dict[str, Callable[[Fault], Refusal]] = {"F5": _f5, "F13": _f13}
