"""How many times as many 1011s the candidate's connections suffer as the control's, per connected minute."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import Arm
from loadtest.analyse.estimate import MIN_BLOCKS, Interval
from loadtest.analyse.rates import INDEPENDENT, Rate, estimate_rate, union_ratio_interval

__all__ = ["calls_hit_1011", "rate_1011", "raw_rate_1011"]

LEAST_DISCORDANT: Final = 6
"""If one arm had no event, fewer blocks with events than this bound nothing, however many events there were."""
BURSTS: Final = 2.0
"""Dispersion from which closes are said to come in bursts."""

Floats = npt.NDArray[np.float64]


def rate_1011(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The ratio of incidents per connected websocket minute."""
    c, k = candidate.closes, control.closes
    return _ratio(c.incidents, c.minutes, k.incidents, k.minutes, "1011s", "connected minutes", settings)


def raw_rate_1011(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The same of all closes, those of a call within 10 s of one another not merged."""
    c, k = candidate.closes, control.closes
    return _ratio(c.raw, c.minutes, k.raw, k.minutes, "closes", "connected minutes", settings)


def calls_hit_1011(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The ratio of calls with at least one 1011 per call."""
    c, k = candidate.closes, control.closes
    return _ratio(c.calls_hit, c.calls, k.calls_hit, k.calls, "calls with a 1011", "calls", settings)


def _ratio(x1: Floats, t1: Floats, x0: Floats, t0: Floats, events: str, units: str, settings: Settings) -> Effect:
    """Ratio of x1 / t1 to x0 / t0 over the blocks (B,) in which both t are above 0."""
    both = (t1 > 0) & (t0 > 0)
    left_out = int(np.count_nonzero((t1 > 0) | (t0 > 0))) - int(np.count_nonzero(both))
    x1, t1, x0, t0 = x1[both], t1[both], x0[both], t0[both]
    rates = {"candidate": estimate_rate(x1, t1), "control": estimate_rate(x0, t0)}
    n1, n0 = rates["candidate"].events, rates["control"].events
    notes = [_about(arm, rate, events, units) for arm, rate in rates.items() if rate.minutes is not None]
    if left_out:
        notes.append(f"left out {left_out} blocks in which one arm's connections are not known")
    if any((rate.dispersion or 0) >= BURSTS for rate in rates.values()):
        notes.append(f"{events} came in bursts: intervals that should hold in 95 of 100 cases hold in 90 or more then")

    def effect(interval: Interval | None, why: str | None, p_value: float | None = None) -> Effect:
        per1, per0 = rates["candidate"].per_minute, rates["control"].per_minute
        return Effect(
            scale="ratio",
            candidate=per1,
            control=per0,
            value=per1 / per0 if per1 is not None and per0 else None,
            interval=interval,
            why=why,
            p_value=p_value,
            blocks=len(x1),
            notes=tuple(notes),
        )

    if not len(x1):
        return effect(None, "no block in which both arms' connections are known")
    if n1 + n0 == 0:
        bounds = " and ".join(f"{rate.upper_bound:.2g} ({arm})" for arm, rate in rates.items())
        return effect(None, f"neither arm had any: all that is known is rates below {bounds} per {units[:-1]}")
    discordant = int(np.count_nonzero(x1 + x0))
    interval, p_value = union_ratio_interval(x1, t1, x0, t0, seed=settings.seed, tail=settings.tail)
    if min(n1, n0) == 0:
        zero = "candidate" if n1 == 0 else "control"
        notes.append(f"the {zero} had none; {discordant} blocks with any, {LEAST_DISCORDANT} are needed to bound it")
        if discordant < LEAST_DISCORDANT:
            method = f"none: {discordant} blocks with {events}"
            interval, p_value = Interval(low=0.0, high=None, method=method), max(p_value, min(1.0, 2 / 2**discordant))
    if len(x1) < MIN_BLOCKS:
        notes.append(f"{len(x1)} blocks: the interval assumes {INDEPENDENT}, and is too narrow if they come in bursts")
    return effect(interval, None if n0 else f"the control had no {events}: the ratio has no upper end", p_value)


def _about(arm: str, rate: Rate, events: str, units: str) -> str:
    assert rate.minutes is not None
    text = f"{arm}: {rate.events} {events} in {_amount(rate.minutes)} {units}"
    if rate.upper_bound is not None:
        return f"{text}, fewer than {rate.upper_bound:.2g} per {units[:-1]}"
    if rate.dispersion is not None and rate.top_block_share is not None:
        text += f", dispersion {rate.dispersion:.1f}, {rate.top_block_share:.0%} of them in one block"
    return text


def _amount(units: float) -> str:
    """Calls are whole, minutes need no more than one digit."""
    return f"{units:.1f}".removesuffix(".0")
