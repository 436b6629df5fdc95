"""All figures of one arm, from the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from loadtest.analyse.barge_ins import BargeIns, count_barge_ins
from loadtest.analyse.closes import CloseCounts, count_closes, exposure
from loadtest.analyse.gaps import Losses, count_losses, sound_gaps
from loadtest.analyse.inputs import RunData, block_numbers
from loadtest.analyse.labels import label_shares
from loadtest.analyse.packets import AudioPath, count_packets
from loadtest.analyse.quantiles import Quantile, estimate_quantile
from loadtest.analyse.rates import Rate, RateRatio, estimate_rate, estimate_ratio
from loadtest.analyse.shares import Bools, Floats, Ints, Share, estimate_share
from loadtest.analyse.validity import ValidTurns, count_valid
from loadtest.record.events import Outcome

__all__ = [
    "LEAST_MS",
    "ArmFigures",
    "EnergyAlone",
    "Greeting",
    "answered_flags",
    "arm_figures",
    "flags",
    "greeting_latencies_ms",
    "rate_ratios",
    "reply_latencies_ms",
    "with_greeting_due",
]

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
GREETING_QUANTILES: Final = {"p50": 0.5, "p95": 0.95}
LEAST_MS: Final = 1.0
"""A latency below this counts as this: ratios and logarithms need positive ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """How soon after the answer the agent was heard first."""

    greeted: int
    calls: int
    """Valid calls that were answered and that an agent joined."""
    latency: Mapping[str, Quantile]
    """By p50, p95; a call without a greeting counts as greeting_limit_s, unless the arm never greets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyAlone:
    """What the figures would be without the second detector: how much rests on it."""

    answered: Share
    reply_latency: Mapping[str, Quantile]
    """By p50, p95, p99."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm. Everything about turns is over its valid script turns; re-prompts are never turns here."""

    planned: int
    outcomes: Mapping[str, int]
    """Planned calls by outcome; they sum to `planned`."""
    script_turns: ValidTurns
    answered: Share
    talked_over: Share
    """The agent spoke while the callee did; it counts as not answered in time."""
    disputed: Share
    """The second detector disagreed about the turn, among turns that it looked at."""
    energy_alone: EnergyAlone | None
    """None if it was not asked."""
    labels: Mapping[str, Share]
    """By label: turns in which it was heard, see `loadtest.measure.labels`."""
    reply_latency: Mapping[str, Quantile]
    """By p50, p95, p99; a turn without a measured reply counts as reply_limit_s."""
    greeting: Greeting
    closes: CloseCounts
    rate_1011: Rate
    """Incidents per connected minute, in calls whose connected time is known."""
    unknown_exposure_calls: int
    """Calls that an agent joined and whose connected time is not known: in no rate."""
    unknown_exposure_incidents: int
    losses: Losses
    barge_ins: BargeIns
    audio_path: AudioPath


def arm_figures(data: RunData, arm: str) -> ArmFigures:
    """Compute the figures of `arm`; an arm without calls has zeros and Nones."""
    calls, turns, gaps, connections, closes = (
        frame.filter(pl.col("arm") == arm)
        for frame in (data.calls, data.turns, data.gaps, data.connections, data.closes)
    )
    script = turns.filter(pl.col("kind") == "script")
    valid = script.filter(pl.col("valid").fill_null(value=False))
    blocks = block_numbers(valid)
    connected = exposure(calls, closes)
    seen = valid.filter(pl.col("disputed").is_not_null())
    return ArmFigures(
        planned=calls.height,
        outcomes=_outcomes(calls),
        script_turns=count_valid(script),
        answered=estimate_share(answered_flags(valid), blocks),
        talked_over=estimate_share(flags(valid["outcome"] == "talked_over"), blocks),
        disputed=estimate_share(flags(seen["disputed"]), block_numbers(seen)),
        energy_alone=_energy_alone(valid, blocks, data) if seen.height else None,
        labels=label_shares(valid, blocks),
        reply_latency=_latencies(reply_latencies_ms(valid, data.limit_ms), blocks, QUANTILES, data.limit_ms, data.seed),
        greeting=_greeting(calls, data),
        closes=count_closes(closes, connections),
        rate_1011=estimate_rate(connected.events, connected.minutes),
        unknown_exposure_calls=connected.unknown_calls,
        unknown_exposure_incidents=connected.unknown_events,
        losses=count_losses(calls, valid, sound_gaps(gaps, turns, calls), closes),
        barge_ins=count_barge_ins(turns, data.seed),
        audio_path=count_packets(calls),
    )


def _energy_alone(valid: pl.DataFrame, blocks: Ints, data: RunData) -> EnergyAlone:
    twice = pl.col("disputed").is_not_null()
    alone = valid.with_columns(
        outcome=pl.when(twice).then("energy_outcome").otherwise("outcome"),
        latency_ms=pl.when(twice).then("energy_latency_ms").otherwise("latency_ms"),
        # By energy alone, too, what was answered was not lost.
        lost=pl.when(twice).then(None).otherwise("lost"),
    )
    return EnergyAlone(
        answered=estimate_share(answered_flags(alone), blocks),
        reply_latency=_latencies(reply_latencies_ms(alone, data.limit_ms), blocks, QUANTILES, data.limit_ms, data.seed),
    )


def reply_latencies_ms(script_turns: pl.DataFrame, limit_ms: float) -> Floats:
    """Latency of each turn (n,), nothing dropped: lost, talked over, or without a measured reply is `limit_ms`."""
    measured = pl.when(_answered_expr()).then(pl.col("latency_ms"))
    latency = script_turns.select(measured.fill_null(limit_ms).clip(LEAST_MS, limit_ms).alias("ms"))["ms"]
    return latency.to_numpy()


def answered_flags(script_turns: pl.DataFrame) -> Bools:
    """Whether each turn (n,) was answered in time."""
    return flags(script_turns.select(_answered_expr().alias("answered"))["answered"])


def greeting_latencies_ms(due: pl.DataFrame, limit_ms: float) -> Floats:
    """Greeting latency of each call (n,) of `with_greeting_due`: what never came is `limit_ms`."""
    return due["greeting_latency_ms"].fill_null(limit_ms).clip(LEAST_MS, limit_ms).to_numpy()


def with_greeting_due(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls whose greeting latency counts: valid, answered, and with an agent."""
    return calls.filter(
        pl.col("valid").fill_null(value=False)
        & pl.col("answered_s").is_not_null()
        & pl.col("agent_joined_s").is_not_null()
    )


def rate_ratios(data: RunData, control: str) -> dict[str, RateRatio]:
    """The 1011 rate of every other arm over the control's, over complete blocks."""
    by_arm = {
        arm: exposure(
            *(f.filter((pl.col("arm") == arm) & pl.col("block").is_not_null()) for f in (data.calls, data.closes))
        )
        for arm in data.scenario.arms
    }
    base = by_arm[control]
    ratios = {}
    for arm, other in by_arm.items():
        if arm == control:
            continue
        shared = sorted({*base.blocks} & {*other.blocks})
        at, at0 = ([side.blocks.index(b) for b in shared] for side in (other, base))
        ratios[arm] = estimate_ratio(
            arm, control, other.events[at], other.minutes[at], base.events[at0], base.minutes[at0], seed=data.seed
        )
    return ratios


def _answered_expr() -> pl.Expr:
    return (pl.col("outcome") == "answered").fill_null(value=False) & ~pl.col("lost").fill_null(value=False)


def _latencies(
    values: Floats,
    blocks: Ints,
    which: Mapping[str, float],
    limit_ms: float | None,
    seed: int,
) -> dict[str, Quantile]:
    return {name: estimate_quantile(values, blocks, q, limit_ms=limit_ms, seed=seed) for name, q in which.items()}


def _greeting(calls: pl.DataFrame, data: RunData) -> Greeting:
    taken = with_greeting_due(calls)
    greeted = int(taken["greeting_latency_ms"].count())
    limit_ms = data.scenario.callee.greeting_limit_s * 1000
    n = taken.height
    if not greeted:
        taken = taken.clear()
    return Greeting(
        greeted=greeted,
        calls=n,
        latency=_latencies(
            greeting_latencies_ms(taken, limit_ms), block_numbers(taken), GREETING_QUANTILES, limit_ms, data.seed
        ),
    )


def _outcomes(calls: pl.DataFrame) -> dict[str, int]:
    told = calls["outcome"].fill_null("unknown")
    order = {str(outcome): i for i, outcome in enumerate(Outcome)}
    names = sorted(told.unique().to_list(), key=lambda name: (order.get(name, len(order)), name))
    return {name: int((told == name).sum()) for name in names}


def flags(series: pl.Series) -> Bools:
    """Null is False."""
    return series.fill_null(value=False).to_numpy().astype(np.bool_)
