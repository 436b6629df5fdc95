"""What to expect of a plan: how many calls at once, how long, how many dropped. An estimate, with its assumptions."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.plan.calls import PlannedCall
from loadtest.scenario.base import Distribution
from loadtest.scenario.callee import Pickup, ScriptLine
from loadtest.scenario.endpoint import ConstantDelay, Delay, ListedDelay
from loadtest.scenario.load import LoadedScenario

__all__ = ["Outlook", "outlook"]

REPLY_S = (2.0, 4.5)
"""Length of a greeting or reply, uniform."""
SETUP_S = 1.0
"""From the answer to the agent's readiness to greet, and from the goodbye to the end of the call, together."""
PATH_S = 0.3
"""Both ways between callee and endpoint."""
UNKNOWN_LATENCY = Distribution(lognormal={"median": 1.5, "p95": 3.0})
"""Reply latency of an endpoint that is not simulated here."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a plan is expected to come to."""

    calls: dict[str, int]
    """Planned calls by arm."""
    turns: dict[str, int]
    """Script turns by arm, if every answered call gets through its script."""
    cap: int
    peak: int
    """Most calls at the same time in 95 % of the simulations."""
    mean: float
    """Calls at the same time, mean from the first dial to the last hang-up."""
    minutes: float
    """From the first dial to the last hang-up."""
    dropped_share: float
    """Of the calls, due while the cap was reached."""
    call_s: float
    """Length of an answered call, mean."""
    talk_by_call_s: tuple[float, ...]
    """From the answer to the hang-up, mean, by call in the plan's order; 0 where nobody answers."""
    assumptions: tuple[str, ...]


def outlook(loaded: LoadedScenario, calls: Sequence[PlannedCall], cap: int) -> Outlook:
    """Simulate the plan through; seeded, so the same plan has the same outlook."""
    scenario = loaded.scenario
    random = np.random.Generator(np.random.PCG64(scenario.seed))
    rounds = max(3, min(200, 40_000 // max(1, len(calls))))
    answered = np.array([call.pickup is Pickup.ANSWER for call in calls], dtype=bool)
    talk = np.where(answered, _talk_s(loaded, calls, random, rounds), 0)
    lengths = np.array([call.ring_s for call in calls]) + talk
    simulated = [_through(calls, row, cap) for row in lengths.tolist()]
    talking = lengths[:, answered]
    return Outlook(
        calls={arm: sum(call.arm == arm for call in calls) for arm in scenario.arms},
        turns={
            arm: sum(call.arm == arm and call.pickup is Pickup.ANSWER for call in calls) * len(_turns(loaded))
            for arm in scenario.arms
        },
        cap=cap,
        peak=sorted(peak for peak, *_ in simulated)[int(0.95 * (rounds - 1))],
        mean=statistics.fmean(busy / end for _, _, busy, end in simulated if end > 0) if calls else 0.0,
        minutes=statistics.fmean(end for *_, end in simulated) / 60,
        dropped_share=statistics.fmean(dropped / len(calls) for _, dropped, *_ in simulated) if calls else 0.0,
        call_s=float(talking.mean()) if talking.size else 0.0,
        talk_by_call_s=tuple(talk.mean(axis=0).round(3).tolist()),
        assumptions=(
            f"greetings and replies last {REPLY_S[0]:g} to {REPLY_S[1]:g} s",
            "reply latency as the endpoint's profile sets it"
            if len(loaded.profiles) == len(scenario.arms)
            else "reply latency as the endpoint's profile sets it, else 1.5 s in the median and 3 s at p95",
            "every line is answered: a lost reply makes a call longer by the callee's patience and a re-prompt",
        ),
    )


def _talk_s(
    loaded: LoadedScenario, calls: Sequence[PlannedCall], random: np.random.Generator, rounds: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Seconds from answer to end, shape (rounds, calls), were every call answered."""
    callee = loaded.scenario.callee
    interruptions = sum(line.barge_in is not None for line in loaded.script.spec.lines)  # each has a reply as well
    turns = len(_turns(loaded)) + interruptions + 1  # the greeting is one more
    said = [line for line in zip(loaded.script.spec.lines, loaded.script.lines, strict=True) if not line[0].if_silent_s]
    said_s = sum(line.duration_s for _, line in said)
    said_s += loaded.script.goodbye.duration_s if loaded.script.goodbye else 0.0
    said_s += callee.agent_finished_after_s * sum(not spec.reply for spec, _ in said)
    length = np.empty((rounds, len(calls)))
    for i, call in enumerate(calls):
        profile = loaded.profiles.get(call.arm)
        latency = UNKNOWN_LATENCY if profile is None else _in_seconds(profile.reply_delay)
        end_pointing_s = 0.0 if profile is None else profile.end_of_speech_silence_ms / 1000 + PATH_S
        drawn = random.uniform(1e-6, 1 - 1e-6, (rounds, turns))
        waits = np.vectorize(latency.quantile)(drawn) + end_pointing_s
        replies = random.uniform(*REPLY_S, (rounds, turns))
        talk_s = (waits + replies + callee.agent_finished_after_s).sum(axis=1)
        length[:, i] = SETUP_S + said_s + sum(call.waits_s) + talk_s
    return np.minimum(length, callee.max_call_s)


def _turns(loaded: LoadedScenario) -> list[ScriptLine]:
    """The lines that are turns if every reply comes."""
    return [
        line for line in loaded.script.spec.lines if line.reply and line.if_silent_s is None and line.barge_in is None
    ]


def _in_seconds(delay: Delay) -> Distribution:
    if isinstance(delay, ConstantDelay):
        return Distribution(constant=delay.value_ms / 1000)
    if isinstance(delay, ListedDelay):
        listed = [value for values in delay.calls_ms.values() for value in values] or [delay.value_ms]
        return Distribution(constant=statistics.fmean(listed) / 1000)
    return Distribution(lognormal={"median": delay.median_ms / 1000, "p95": delay.p95_ms / 1000})


def _through(calls: Sequence[PlannedCall], lengths: Sequence[float], cap: int) -> tuple[int, int, float, float]:
    """Most calls at once, calls dropped, call-seconds, and when the last call ends."""
    ends: list[float] = []
    peak, dropped, busy, last = 0, 0, 0.0, 0.0
    for call, length in zip(calls, lengths, strict=True):
        while ends and ends[0] <= call.due_s:
            heapq.heappop(ends)
        if len(ends) >= cap:
            dropped += 1
            continue
        heapq.heappush(ends, call.due_s + length)
        peak, busy, last = max(peak, len(ends)), busy + length, max(last, call.due_s + length)
    return peak, dropped, busy, last
