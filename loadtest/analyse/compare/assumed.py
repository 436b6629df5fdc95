"""What a plan's power is computed from: the truth that is assumed, by itself or from a pilot run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from loadtest.analyse.compare.experiment import Arm, Experiment
from loadtest.analyse.compare.simulate import EXCESS_SD, ArmTruth, Truth
from loadtest.analyse.quantiles import needed, order_statistic
from loadtest.errors import ScenarioError

__all__ = ["EFFECTS", "LIKELY_GAIN", "from_pilot", "with_effects"]

EFFECTS: Final = (
    *("reply_latency_p50", "reply_latency_p95", "greeting_latency_p50", "rate_1011", "lost_turns"),
    *("talked_over_share", "gap_seconds"),
)
"""What can be said to differ; everything else follows from these."""
LIKELY_GAIN: Final = 0.5
"""What the candidate is assumed to have of the control's 1011s and lost turns, where nothing is said."""
FEW_BLOCKS: Final = 12
FEWEST_EVENTS: Final = 10


def with_effects(arm: ArmTruth, effects: Mapping[str, float]) -> ArmTruth:
    """The arm, different by so much: ratios, or differences in the metric's unit, as `loadtest compare` shows them.

    A p50 moves the whole distribution, and a p95 beside it, or alone, the tail. Raises ScenarioError for what cannot
    be.
    """
    for key, value in effects.items():
        if key not in EFFECTS:
            raise ScenarioError(
                f"--effect {key}: expected one of {', '.join(EFFECTS)}",
                remedy="Name what the candidate does otherwise; all other metrics follow from that.",
            )
        if key not in {"lost_turns", "talked_over_share"} and not value > 0:
            raise ScenarioError(
                f"--effect {key}={value:g}: expected a ratio above 0",
                remedy=f"Say how many times the control's the candidate's is, for example {key}=1.1.",
            )
    p50 = effects.get("reply_latency_p50", 1.0)
    moved = replace(
        arm,
        median_ms=arm.median_ms * p50,
        p95_ms=arm.p95_ms * effects.get("reply_latency_p95", p50),
        greeting_ms=arm.greeting_ms * effects.get("greeting_latency_p50", 1.0),
        rate_1011=arm.rate_1011 * effects.get("rate_1011", 1.0),
        lost_share=arm.lost_share + effects.get("lost_turns", 0.0) / 100,
        talked_over_share=arm.talked_over_share + effects.get("talked_over_share", 0.0),
    )
    shares = moved.lost_share, moved.talked_over_share
    if min(shares) < 0 or sum(shares) >= 1 or moved.p95_ms <= moved.median_ms:
        raise ScenarioError(
            f"these effects leave {100 * shares[0]:g} lost turns in 100, {100 * shares[1]:g} % talked over, "
            f"a median of {moved.median_ms:.0f} ms and a p95 of {moved.p95_ms:.0f} ms",
            remedy="Say smaller differences, or assume more of the control with --assume.",
        )
    if "gap_seconds" in effects and moved.lost_share > 0:
        times = effects["gap_seconds"] * arm.lost_share / moved.lost_share
        moved = replace(moved, excess_s=arm.excess_s * times)
    return moved


def from_pilot(experiment: Experiment, control: str, otherwise: Truth) -> tuple[Truth, tuple[str, ...]]:
    """What the control was in a pilot, and how its blocks differed; in words what it was too small to tell.

    Where it was, `otherwise` holds. Only the control counts: what the candidate does otherwise is to be assumed, not
    read off from too little.
    """
    arm, untold = experiment.arms[control], list[str]()
    truth, base = otherwise, otherwise.arms[control]
    answered = arm.turns.latency_ms[arm.turns.answered]
    if len(answered) >= needed(0.95):
        base = replace(base, median_ms=order_statistic(answered, 0.5), p95_ms=order_statistic(answered, 0.95))
        base = replace(base, p95_ms=max(base.p95_ms, 1.01 * base.median_ms))
    else:
        untold.append(f"{len(answered)} answered turns don't tell the reply latency")
    n = len(arm.turns.block)
    if n:
        base = replace(base, lost_share=(float(arm.turns.lost.sum()) + 0.5) / (n + 1))
        base = replace(base, talked_over_share=(float(arm.turns.talked_over.sum()) + 0.5) / (n + 1))
    greeted = arm.greetings.latency_ms[arm.greetings.latency_ms < experiment.greeting_limit_ms]
    if len(greeted):
        base = replace(base, greeting_ms=order_statistic(greeted, 0.5))
    events, minutes = float(arm.closes.incidents.sum()), float(arm.closes.minutes.sum())
    if minutes > 0:
        base = replace(base, rate_1011=(events + 0.5) / minutes)
    else:
        untold.append("no connected time is known: the rate of 1011s is assumed")
    if events < FEWEST_EVENTS:
        untold.append(f"{events:.0f} 1011s don't tell their rate well, nor whether they come in bursts")
    elif experiment.n_blocks >= FEW_BLOCKS:
        truth = replace(truth, burst=_burst(arm))
    lost = float(arm.turns.lost.sum())
    if lost >= FEWEST_EVENTS and arm.silences.excess_s.sum() > 0:
        mean = float(arm.silences.excess_s.sum()) / lost
        base = replace(base, excess_s=mean / math.exp(EXCESS_SD**2 / 2))
    if experiment.n_blocks >= FEW_BLOCKS and len(answered) >= 4 * experiment.n_blocks:
        truth = replace(truth, block_share=_block_share(arm))
    else:
        untold.append(f"{experiment.n_blocks} blocks don't tell how much they differ")
    return replace(truth, arms={**truth.arms, control: base}), tuple(untold)


def _burst(arm: Arm) -> float | None:
    """Shape of the gamma factor that makes blocks differ as they do; None if they differ no more than by chance."""
    connected = arm.closes.minutes > 0
    events, minutes = arm.closes.incidents[connected], arm.closes.minutes[connected]
    expected = events.sum() / minutes.sum() * minutes
    extra = float(np.sum((events - expected) ** 2 - expected))
    return float(np.sum(expected**2)) / extra if extra > 0.2 * float(np.sum(expected)) else None


def _block_share(arm: Arm) -> float:
    """Of the variance of the logarithm of latencies, the part between blocks (analysis of variance), 0 to 0.8."""
    logs, block = np.log(arm.turns.latency_ms[arm.turns.answered]), arm.turns.block[arm.turns.answered]
    _, member, sizes = np.unique(block, return_inverse=True, return_counts=True)
    means = np.bincount(member, weights=logs) / sizes
    within = float(np.sum((logs - means[member]) ** 2)) / (len(logs) - len(sizes))
    between = float(np.sum(sizes * (means - logs.mean()) ** 2)) / (len(sizes) - 1)
    per_block = (len(logs) - float(np.sum(sizes**2)) / len(logs)) / (len(sizes) - 1)
    extra = max(0.0, (between - within) / per_block)
    return min(0.8, extra / (extra + within)) if extra + within > 0 else 0.0
