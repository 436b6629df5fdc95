"""Faults that change the plan of a model turn.

A change takes the plan as it is, undisturbed or already changed by others, and gives the plan as it will be carried
out, with a Mark where the fault takes effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.faults.reasons import INTERNAL
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.plan import AudioPart, Close, Forget, GenerationComplete, Mark, Say, Step, TurnComplete
from loadtest.stack.gemini.recordings import RATE

__all__ = ["TURNS"]

Plan = tuple[Step, ...]

NEAR_ZERO = 2
"""Steps of 16 bits: -84 dBFS."""


def _cut(plan: Plan, at_s: float, fault: str, close: Close) -> Plan:
    """The plan until `at_s`, then the close."""
    kept = tuple(step for step in plan if step.at_s <= at_s)
    return (*kept, Step(at_s, Mark(fault)), Step(at_s, close))


def _audio(plan: Plan) -> list[int]:
    return [index for index, step in enumerate(plan) if isinstance(step.what, AudioPart)]


def _f1(plan: Plan, at: Situation) -> Plan:
    silent = tuple(step for step in plan if isinstance(step.what, Say) and step.at_s < plan[_audio(plan)[0]].at_s)
    return _cut(silent, at.rng.uniform(0.2, 1.5), at.fault.fault, Close(1011, INTERNAL))


def _f2(plan: Plan, at: Situation) -> Plan:
    audio = _audio(plan)
    last = audio[at.rng.randrange(max(1, len(audio) - 1))]
    kept = plan[: last + 1]
    return _cut(kept, kept[-1].at_s, at.fault.fault, Close(1011, INTERNAL))


def _f10(plan: Plan, at: Situation) -> Plan:
    *kept, mark, close = _f1(plan, at)
    return (*kept, mark, Step(mark.at_s, Forget()), close)


def _f20(plan: Plan, at: Situation) -> Plan:
    return _cut(plan, at.rng.uniform(0.0, plan[-1].at_s), at.fault.fault, Close(None))


def _f23(plan: Plan, at: Situation) -> Plan:
    """The hole is in what is played: what was sent ahead plays out first. It is amid loud speech if there is any."""
    audio = _audio(plan)
    inner = range(len(audio) // 4, max(len(audio) // 4 + 1, 3 * len(audio) // 4))
    loud = [i for i in inner if isinstance(part := plan[audio[i]].what, AudioPart) and part.loud_end]
    after = at.rng.choice(loud or inner)
    hole_s = at.rng.uniform(at.fault.stall_ms_min, at.fault.stall_ms_max) / 1000
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
    return (*plan[:split], Step(plan[split - 1].at_s, Mark(at.fault.fault, round(hole_s * 1000, 3))), *ordered)


def _f26(plan: Plan, at: Situation) -> Plan:
    begins_s = plan[_audio(plan)[0]].at_s
    kept = tuple(step for step in plan if isinstance(step.what, Say) and step.at_s < begins_s)
    reason = "RESPONSE_REJECTED" if at.variant == "rejected" else None
    return (*kept, Step(begins_s, Mark(at.fault.fault)), Step(begins_s, TurnComplete(reason)))


def _f27(plan: Plan, at: Situation) -> Plan:
    begins = _audio(plan)[0]
    return (
        *plan[:begins],
        Step(plan[begins].at_s, Mark(at.fault.fault)),
        *(_hushed(step, at) for step in plan[begins:]),
    )


def _hushed(step: Step, at: Situation) -> Step:
    if not isinstance(step.what, AudioPart):
        return step
    samples = at.rng.choices((-NEAR_ZERO, 0, NEAR_ZERO), k=round(step.what.audio_ms * RATE / 1000))
    frames = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    return replace(step, what=AudioPart(messages.audio_part(frames), step.what.audio_ms))


def _f32(plan: Plan, at: Situation) -> Plan:
    """All of the reply again, once what was said has been heard and a silence after it."""
    audio = _audio(plan)
    said = tuple(step for step in plan[audio[0] :] if isinstance(step.what, AudioPart | Say))
    length_s = sum(step.what.audio_ms for step in said if isinstance(step.what, AudioPart)) / 1000
    begins_s = said[0].at_s
    again, later_s = [*plan[: audio[0]], Step(begins_s, Mark(at.fault.fault)), *said], 0.0
    for _ in range(at.rng.randint(1, 3)):
        later_s += length_s + at.rng.uniform(at.fault.repeat_ms_min, at.fault.repeat_ms_max) / 1000
        again += [replace(step, at_s=step.at_s + later_s) for step in said]
    return (*again, Step(again[-1].at_s, GenerationComplete()), Step(begins_s + later_s + length_s, TurnComplete()))


TURNS: Final[Mapping[str, Callable[[Plan, Situation], Plan]]] = {
    "F1": _f1,
    "F2": _f2,
    "F10": _f10,
    "F20": _f20,
    "F23": _f23,
    "F26": _f26,
    "F27": _f27,
    "F32": _f32,
}
"""By number: the change. Plans have at least one audio part."""
