"""Experiments whose truth is known: what intervals and verdicts are held against, and what a plan's power comes from.

Reply latencies are lognormal, with an effect of the block and of the call, part of which the arms share. A turn is
lost with a chance that varies from block to block, and so does the rate of 1011s: by a gamma factor of the block, the
arm's own or the same for all. Calls have the same distribution of lengths in all arms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import integrate, stats

from loadtest.analyse.compare.experiment import (
    Arm,
    Closes,
    End,
    Experiment,
    FirstCloses,
    Greetings,
    Silences,
    Turns,
)

__all__ = ["ArmTruth", "Truth", "simulate", "true_effect"]

REPLY_LIMIT_MS: Final = 10_000.0
GREETING_LIMIT_MS: Final = 8_000.0
EXCESS_SD: Final = 0.8
"""Of the logarithm of a gap's excess: a gap after a lost reply is mostly patience."""
AGAIN: Final = 0.2
"""So many closes within 10 s come with each incident, on the average."""
Z95: Final = float(stats.norm.ppf(0.95))

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTruth:
    """What one arm is, in truth."""

    median_ms: float = 1200.0
    """Of the latency of replies that come."""
    p95_ms: float = 2000.0
    lost_share: float = 0.01
    """Of script turns."""
    talked_over_share: float = 0.005
    rate_1011: float = 0.05
    """Incidents per connected minute."""
    excess_s: float = 4.0
    """Median excess of the gap that a lost turn leaves."""
    greeting_ms: float = 900.0
    """Median."""

    @property
    def sd(self) -> float:
        """Of the logarithm of the latency, all effects together."""
        return math.log(self.p95_ms / self.median_ms) / Z95


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the experiment is, in truth. Arms by name."""

    arms: Mapping[str, ArmTruth]
    calls_per_block: int = 4
    turns_per_call: int = 8
    call_s: float = 90.0
    """Mean; uniform within a third of it."""
    block_share: float = 0.1
    """Of the variance of the logarithm of a latency: what the turns of a block have in common."""
    call_share: float = 0.15
    shared: float = 0.5
    """Of the effect of a block, the part that all arms have in common."""
    lost_precision: float | None = 50.0
    """Of the beta distribution of a block's chance to lose a turn; None: the same in every block."""
    burst: float | None = None
    """Shape of the gamma factor on a block's 1011 rate: the smaller, the burstier; None: 1."""
    burst_in_both: bool = False
    """The same factor for all arms."""
    other_close_rate: float = 0.005
    """Closes that are no 1011, per connected minute: they compete."""


def simulate(truth: Truth, blocks: int, seed: int | tuple[int, ...]) -> Experiment:
    """An experiment of so many blocks; the same seed gives the same."""
    draws = np.random.default_rng(seed)
    common = draws.normal(size=blocks)
    common_factor = _factors(truth, blocks, draws)
    arms = {}
    for name, arm in truth.arms.items():
        factor = common_factor if truth.burst_in_both else _factors(truth, blocks, draws)
        arms[name] = _arm(name, arm, truth, blocks, common, factor, draws)
    return Experiment(n_blocks=blocks, reply_limit_ms=REPLY_LIMIT_MS, greeting_limit_ms=GREETING_LIMIT_MS, arms=arms)


def true_effect(metric: str, candidate: ArmTruth, control: ArmTruth, truth: Truth, horizon_s: float = 0.0) -> float:
    """What an interval of this metric should hold: a ratio or a difference, as the metric has it.

    horizon_s: up to where the time to the first 1011 is counted. inf or nan: a latency that is not below the limit.
    """
    one, other = candidate, control
    match metric:
        case "reply_latency_p50" | "reply_latency_p95" | "reply_latency_p99":
            q = int(metric[-2:]) / 100
            return _quantile(one, q) / _quantile(other, q)
        case "greeting_latency_p50":
            return one.greeting_ms / other.greeting_ms
        case "rate_1011":
            return one.rate_1011 / other.rate_1011 if other.rate_1011 else math.nan
        case "lost_turns":
            return 100 * (one.lost_share - other.lost_share)
        case "talked_over_share":
            return one.talked_over_share - other.talked_over_share
        case "answered_share":
            return other.lost_share + other.talked_over_share - one.lost_share - one.talked_over_share
        case "gap_seconds":
            return one.lost_share * one.excess_s / (other.lost_share * other.excess_s) if other.lost_share else math.nan
        case "time_to_1011":
            return _mean_time_s(one, truth, horizon_s) - _mean_time_s(other, truth, horizon_s)
    raise ValueError(f"no truth of {metric}")


def _quantile(arm: ArmTruth, q: float) -> float:
    """Of all script turns, those without a reply at the limit; inf there."""
    within = q / (1 - arm.lost_share - arm.talked_over_share)
    if within >= 1:
        return math.inf
    value = arm.median_ms * math.exp(arm.sd * float(stats.norm.ppf(within)))
    return value if value < REPLY_LIMIT_MS else math.inf


def _mean_time_s(arm: ArmTruth, truth: Truth, horizon_s: float) -> float:
    """Restricted mean time to a call's first 1011, which never comes where another close was first."""
    per_s, other_per_s, shape = arm.rate_1011 / 60, truth.other_close_rate / 60, truth.burst

    def lost(t: float) -> float:
        first = math.exp(-per_s * t) if shape is None else float((1 + per_s * t / shape) ** -(shape + 1))
        return (horizon_s - t) * per_s * first * math.exp(-other_per_s * t)

    return horizon_s - float(integrate.quad(lost, 0, horizon_s)[0])


def _factors(truth: Truth, blocks: int, draws: np.random.Generator) -> Floats:
    return np.ones(blocks) if truth.burst is None else draws.gamma(truth.burst, 1 / truth.burst, blocks)


def _arm(
    name: str, arm: ArmTruth, truth: Truth, blocks: int, common: Floats, factor: Floats, draws: np.random.Generator
) -> Arm:
    per_block = truth.calls_per_block
    call_block = np.repeat(np.arange(blocks), per_block)
    calls = len(call_block)
    turn_call = np.repeat(np.arange(calls), truth.turns_per_call)
    block = call_block[turn_call]
    own = draws.normal(size=blocks)
    of_block = math.sqrt(truth.shared) * common + math.sqrt(1 - truth.shared) * own
    of_call, of_turn = draws.normal(size=calls), draws.normal(size=len(block))

    def effects(sd: float, residual: Floats, on_call: Floats) -> Floats:
        shares = truth.block_share, truth.call_share, 1 - truth.block_share - truth.call_share
        scales = [sd * math.sqrt(share) for share in shares]
        at = block if len(residual) == len(block) else call_block
        return np.exp(scales[0] * of_block[at] + scales[1] * on_call + scales[2] * residual)

    latency = arm.median_ms * effects(arm.sd, of_turn, of_call[turn_call])
    chance = draws.random(len(block))
    lost_chance = _chances(arm.lost_share, truth.lost_precision, blocks, draws)[block]
    lost = chance < lost_chance
    # What is lost isn't talked over; of the others so many more are that the share is the declared one.
    talked_over = ~lost & (draws.random(len(block)) * (1 - arm.lost_share) < arm.talked_over_share)
    unanswered = lost | talked_over
    latency[unanswered] = REPLY_LIMIT_MS
    greeting = arm.greeting_ms * effects(arm.sd, draws.normal(size=calls), of_call)

    length_s = truth.call_s * draws.uniform(2 / 3, 4 / 3, calls)
    incidents = draws.poisson(arm.rate_1011 * factor[call_block] * length_s / 60)
    raw = incidents + draws.poisson(AGAIN * incidents)
    excess = arm.excess_s * np.exp(EXCESS_SD * draws.normal(size=int(lost.sum())))

    def by_block(values: npt.NDArray[np.generic], at: Ints = call_block) -> Floats:
        return np.bincount(at, weights=values.astype(np.float64), minlength=blocks).astype(np.float64)

    return Arm(
        name=name,
        turns=Turns(
            block=block,
            latency_ms=latency.clip(1.0, REPLY_LIMIT_MS),
            answered=~unanswered & (latency < REPLY_LIMIT_MS),
            talked_over=talked_over,
            lost=lost,
            in_close=lost & (incidents[turn_call] > 0),
        ),
        greetings=Greetings(block=call_block, latency_ms=greeting.clip(1.0, GREETING_LIMIT_MS)),
        closes=Closes(
            incidents=by_block(incidents),
            raw=by_block(raw),
            minutes=by_block(length_s / 60),
            calls_hit=by_block(incidents > 0),
            calls=np.full(blocks, float(per_block)),
        ),
        silences=Silences(excess_s=by_block(excess, block[lost]), talk_s=by_block(length_s)),
        first_closes=_first_closes(truth, call_block, length_s, incidents, draws),
    )


def _chances(share: float, precision: float | None, blocks: int, draws: np.random.Generator) -> Floats:
    if precision is None or not 0 < share < 1:
        return np.full(blocks, share)
    return draws.beta(share * precision, (1 - share) * precision, blocks)


def _first_closes(
    truth: Truth, block: Ints, length_s: Floats, incidents: Ints, draws: np.random.Generator
) -> FirstCloses:
    """So many closes fall anywhere into a call: the first of n uniform ones is the smallest."""
    first = length_s * (1 - draws.random(len(block)) ** (1 / np.maximum(incidents, 1)))
    first = np.where(incidents > 0, first, np.inf)
    per_s = truth.other_close_rate / 60
    other = draws.exponential(1 / per_s, len(block)) if per_s > 0 else np.full(len(block), np.inf)
    end = np.full(len(block), int(End.HANG_UP))
    end[(first < length_s) & (first <= other)] = End.CLOSE_1011
    end[(other < length_s) & (other < first)] = End.OTHER_CLOSE
    return FirstCloses(block=block, time_s=np.minimum(np.minimum(first, other), length_s).clip(min=1e-3), end=end)
