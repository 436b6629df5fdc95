"""Faults that change the plan of a model turn.

A change takes the plan as it is, undisturbed or already changed by others, and gives the plan as it will be carried
out, with a Mark where the fault takes effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.faults.reasons import INTERNAL
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.plan import (
    AudioPart,
    Close,
    Deaf,
    Drop,
    Forget,
    GenerationComplete,
    Mark,
    Mute,
    Say,
    Step,
    TurnComplete,
    cut_reason,
)
from loadtest.stack.gemini.recordings import RATE

__all__ = ["ASPECTS", "TURNS", "Change"]

Plan = tuple[Step, ...]

EXHAUSTED: Final = (
    "[ORIGINAL ERROR] generic::resource_exhausted: RESOURCE_EXHAUSTED: Maximum concurrent sessions exceeded"
)
NEAR_ZERO = 2
"""Steps of 16 bits: -84 dBFS."""


def _cut(plan: Plan, at_s: float, fault: str, close: Close) -> Plan:
    """The plan until `at_s`, then the close."""
    kept = tuple(step for step in plan if step.at_s <= at_s)
    return (*kept, Step(at_s, Mark(fault)), Step(at_s, close))


def _audio(plan: Plan) -> list[int]:
    return [index for index, step in enumerate(plan) if isinstance(step.what, AudioPart)]


def _before_audio(plan: Plan, at: Situation, close: Close) -> Plan:
    begins_s = plan[_audio(plan)[0]].at_s
    silent = tuple(step for step in plan if isinstance(step.what, Say) and step.at_s < begins_s)
    return _cut(silent, at.rng.uniform(at.fault.close_ms_min, at.fault.close_ms_max) / 1000, at.fault.fault, close)


def _f1(plan: Plan, at: Situation) -> Plan:
    return _before_audio(plan, at, Close(1011, INTERNAL))


def _f2(plan: Plan, at: Situation) -> Plan:
    audio = _audio(plan)
    last = audio[at.rng.randrange(max(1, len(audio) - 1))]
    kept = plan[: last + 1]
    return _cut(kept, kept[-1].at_s, at.fault.fault, Close(1011, INTERNAL))


def _f10(plan: Plan, at: Situation) -> Plan:
    *kept, mark, close = _f1(plan, at)
    return (*kept, mark, Step(mark.at_s, Forget()), close)


def _f14(plan: Plan, at: Situation) -> Plan:
    reason = f"Request trace id: {at.rng.getrandbits(64):016x}, {EXHAUSTED}"
    return _before_audio(plan, at, Close(1011, cut_reason(reason)))


def _f19(plan: Plan, at: Situation) -> Plan:
    return _before_audio(plan, at, Close(1007, messages.INVALID_ARGUMENT))


def _f20(plan: Plan, at: Situation) -> Plan:
    return _cut(plan, at.rng.uniform(0.0, plan[-1].at_s), at.fault.fault, Close(None))


def _f23(plan: Plan, at: Situation) -> Plan:
    """The hole is in what is played: what was sent ahead plays out first. It is amid loud speech if there is any."""
    split = _within_speech(plan, at)
    hole_s = at.rng.uniform(at.fault.stall_ms_min, at.fault.stall_ms_max) / 1000
    sent_s = sum(step.what.audio_ms for step in plan[:split] if isinstance(step.what, AudioPart)) / 1000
    ahead_s = plan[_audio(plan)[0]].at_s + sent_s - plan[split - 1].at_s
    late_s = hole_s + max(0.0, ahead_s)
    stalled = tuple(
        # turnComplete follows the playback, which is late by the hole alone.
        replace(step, at_s=step.at_s + (hole_s if isinstance(step.what, TurnComplete) else late_s))
        for step in plan[split:]
    )
    ordered = tuple(sorted(stalled, key=lambda step: step.at_s))
    return (*plan[:split], Step(plan[split - 1].at_s, Mark(at.fault.fault, round(hole_s * 1000, 3))), *ordered)


def _within_speech(plan: Plan, at: Situation) -> int:
    """The place behind a part from the middle half of the reply, where speech is loud before and after, if it is."""
    audio = _audio(plan)
    inner = range(len(audio) // 4, max(len(audio) // 4 + 1, 3 * len(audio) // 4))
    loud = [i for i in inner if isinstance(part := plan[audio[i]].what, AudioPart) and part.loud_end]
    return audio[at.rng.choice(loud or inner)] + 1


def _f24(plan: Plan, at: Situation) -> Plan:
    kept = plan[: _within_speech(plan, at)]
    now_s = kept[-1].at_s
    return (*kept, Step(now_s, Mark(at.fault.fault)), Step(now_s, TurnComplete()))


def _f25(plan: Plan, at: Situation) -> Plan:
    """All that the client says meanwhile is lost; then the session answers as if nothing had been."""
    heard = _heard(plan)
    begins_s = plan[_audio(plan)[0]].at_s
    unfinished = (Step(begins_s, GenerationComplete()),) if at.variant == "unfinished" else ()
    after = (*unfinished, Step(begins_s, Deaf(at.fault.silence_s)), Step(begins_s + at.fault.silence_s, Drop()))
    return (*heard, Step(begins_s, Mark(at.fault.fault)), *after)


def _heard(plan: Plan) -> Plan:
    return tuple(step for step in plan if isinstance(step.what, Say) and step.what.of_caller)


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


def _f28(plan: Plan, at: Situation) -> Plan:
    """The last quarter comes late; turnComplete follows the playback that the server believes in, or what is late."""
    audio = _audio(plan)
    split = audio[3 * len(audio) // 4]
    ends_s = plan[split].at_s
    late_s = at.rng.uniform(at.fault.late_ms_min, at.fault.late_ms_max) / 1000
    rest = [replace(step, at_s=step.at_s + late_s) for step in plan[split:] if isinstance(step.what, AudioPart | Say)]
    mark = Step(ends_s, Mark(at.fault.fault, late_ms=round(late_s * 1000, 3)))
    complete = Step(max(plan[-1].at_s, rest[-1].at_s), TurnComplete())
    return (*plan[:split], mark, Step(ends_s, GenerationComplete()), *rest, complete)


def _f29(plan: Plan, at: Situation) -> Plan:
    """This reply is whole; those to come have no audio at all."""
    ends_s = plan[-1].at_s
    phantom = (Mark(at.fault.fault), Mute(at.fault.fault), TurnComplete(interrupted=True))
    return (*plan[:-1], *(Step(ends_s, what) for what in phantom))


def _f30(plan: Plan, at: Situation) -> Plan:
    """Meanwhile the session answers to nothing."""
    heard = _heard(plan)
    again_s = at.fault.again_s
    late = tuple(replace(step, at_s=step.at_s + again_s) for step in plan)
    stuck_s = heard[-1].at_s if heard else 0.0
    mark = Mark(at.fault.fault, late_ms=again_s * 1000)
    return (*heard, Step(stuck_s, mark), Step(stuck_s, Deaf(late[0].at_s - stuck_s)), *late)


def _f31(plan: Plan, at: Situation) -> Plan:
    heard = _heard(plan)
    late_s = at.fault.creep_ms_per_minute / 1000 * (at.age_s - (at.fault.at_age_s or 0.0)) / 60
    late = (replace(step, at_s=step.at_s + late_s) for step in plan[len(heard) :])
    behind_s = heard[-1].at_s if heard else 0.0
    return (*heard, Step(behind_s, Mark(at.fault.fault, late_ms=round(late_s * 1000, 3))), *late)


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


def _f33(plan: Plan, at: Situation) -> Plan:
    after_ms = None if at.since_reply_s is None else at.since_reply_s * 1000
    short = at.heard_s * 1000 <= at.fault.utterance_ms_max
    if not short or after_ms is None or not 0 <= after_ms <= at.fault.after_reply_ms_max:
        return plan
    return (Step(0.0, Mark(at.fault.fault)), Step(0.0, Drop()))


@dataclass(frozen=True, slots=True)
class Change:
    """What a fault makes of a plan. It takes and gives a plan in order of time; what it does not change it returns.

    Of two changes of the same aspect only one is made; those of different aspects are made in the order of ASPECTS.
    """

    aspect: Literal["delay", "sound", "flow", "end"]
    made: Callable[[Plan, Situation], Plan]


ASPECTS: Final = ("delay", "sound", "flow", "end")
"""When it comes, what it sounds like, how it goes on, how it ends."""

TURNS: Final[Mapping[str, Change]] = {
    "F1": Change("end", _f1),
    "F2": Change("end", _f2),
    "F7": Change("end", _f1),
    "F10": Change("end", _f10),
    "F14": Change("end", _f14),
    "F19": Change("end", _f19),
    "F20": Change("end", _f20),
    "F23": Change("flow", _f23),
    "F24": Change("end", _f24),
    "F25": Change("end", _f25),
    "F26": Change("end", _f26),
    "F27": Change("sound", _f27),
    "F28": Change("flow", _f28),
    "F29": Change("end", _f29),
    "F30": Change("delay", _f30),
    "F31": Change("delay", _f31),
    "F32": Change("flow", _f32),
    "F33": Change("end", _f33),
}
"""By number. The plans that they are given have at least one audio part."""
