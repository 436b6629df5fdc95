"""How long calls go without a 1011: curves, restricted means, a log-rank test by block, and the rate by age.

The wait starts when a call's first socket opens. A planned hang-up censors it; another close ends it otherwise, for no
first 1011 of that connection can follow (a competing event). Without competing events the curve is Kaplan and Meier's,
with them one less Aalen and Johansen's cumulative incidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import Arm, End, FirstCloses
from loadtest.analyse.compare.logrank import stratified_logrank
from loadtest.analyse.estimate import MIN_BLOCKS, Interval
from loadtest.analyse.resample import block_weights

__all__ = ["Curve", "common_horizon", "drawn_means", "restricted_mean", "survival_curve", "time_to_1011"]

STILL_WAITING: Final = 0.1
"""Curves are followed up to the time at which this share of each arm's calls still waits."""
LEAST_BLOCKS_WITH_EVENTS: Final = 6
SAME: Final = 1e-12
CELLS: Final = 200
"""Resampled curves step at no more than so many times; what is estimated steps at every one."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The share that has not had the event; all arrays (k,), one entry a time at which some had it."""

    time_s: Floats
    """Ascending."""
    share: Floats
    """From that time on; 1 before the first."""
    waiting: Ints
    """Just before that time."""


def survival_curve(time_s: Floats, event: Bools, competing: Bools | None = None) -> Curve:
    """The curve of waits (n,) that ended in the event, in a competing one, or were censored."""
    other = np.zeros_like(event) if competing is None else competing
    times, at = np.unique(time_s, return_inverse=True)
    ended, any_end = (
        np.bincount(at[which], minlength=len(times)).astype(np.float64) for which in (event, event | other)
    )
    waiting = len(time_s) - np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(times)))[:-1]])
    share = _free(waiting[None, :], ended[None, :], any_end[None, :])[0]
    steps = ended > 0
    return Curve(time_s=times[steps], share=share[steps], waiting=waiting[steps].astype(np.int64))


def restricted_mean(curve: Curve, horizon_s: float) -> float:
    """Mean time without the event up to the horizon, in seconds: the area under the curve."""
    inside = curve.time_s < horizon_s
    edges = np.concatenate([[0.0], curve.time_s[inside], [horizon_s]])
    return float(np.sum(np.diff(edges) * np.concatenate([[1.0], curve.share[inside]])))


def common_horizon(one: FirstCloses, other: FirstCloses) -> float:
    """The time, in seconds, up to which at least a tenth of the calls of each arm were followed; both have some."""

    def followed(time_s: Floats) -> float:
        return float(np.sort(time_s)[-math.ceil(STILL_WAITING * len(time_s))])

    return min(followed(one.time_s), followed(other.time_s))


def time_to_1011(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The difference of the restricted mean times to the first 1011, in seconds; more is better."""
    one, other = candidate.first_closes, control.first_closes
    size = 1 + max((int(waits.block.max()) for waits in (one, other) if len(waits.block)), default=-1)
    both = np.logical_and(*(np.bincount(waits.block, minlength=size) > 0 for waits in (one, other)))
    blocks = int(np.count_nonzero(both))
    if not blocks:
        return _unknown("no block in which both arms' first connections are known")
    one, other = _only(one, both), _only(other, both)
    horizon = common_horizon(one, other)
    mean1, mean0 = restricted_mean(_curve(one), horizon), restricted_mean(_curve(other), horizon)
    notes = [f"mean of the first {horizon:.4g} s, up to which a tenth of each arm's calls were followed"]
    notes += [
        f"{arm}: {np.count_nonzero(waits.end == End.CLOSE_1011)} of {len(waits.end)} calls had a 1011 first"
        for arm, waits in (("candidate", one), ("control", other))
    ]
    test = stratified_logrank(one, other, seed=settings.seed)
    if test.p_value is not None:
        notes.append(
            f"log-rank by block: the candidate had {test.observed} where {test.expected:.1f} were its share, "
            f"p = {test.p_value:.2g}"
        )

    def effect(interval: Interval | None, why: str | None, p_value: float | None = None) -> Effect:
        return Effect(
            scale="difference",
            candidate=mean1,
            control=mean0,
            value=mean1 - mean0,
            interval=interval,
            why=why,
            p_value=p_value,
            blocks=blocks,
            notes=tuple(notes),
        )

    eventful = len(np.unique(np.concatenate([waits.block[waits.end == End.CLOSE_1011] for waits in (one, other)])))
    if blocks < MIN_BLOCKS:
        return effect(None, f"needs {MIN_BLOCKS} blocks, has {blocks}")
    if eventful < LEAST_BLOCKS_WITH_EVENTS:
        why = f"needs {LEAST_BLOCKS_WITH_EVENTS} blocks in which a call had a 1011 first, has {eventful}"
        return effect(None, why)
    weights = block_weights(blocks, settings.resamples, settings.seed)
    drawn = drawn_means(one, horizon, weights) - drawn_means(other, horizon, weights)
    error = math.sqrt(blocks / (blocks - 1)) * float(np.std(drawn, ddof=1))  # resampling divides by blocks, not by df
    if error <= SAME * horizon:
        return effect(None, "the blocks don't differ: nothing tells how far off this may be")
    reach = -float(special.stdtrit(blocks - 1, settings.tail)) * error
    interval = Interval(
        low=max(-horizon, mean1 - mean0 - reach),
        high=min(horizon, mean1 - mean0 + reach),
        method=f"standard error from {len(weights)} resamples of {blocks} blocks, t on {blocks - 1} df",
    )
    return effect(interval, None, min(1.0, 2 * float(special.stdtr(blocks - 1, -abs(mean1 - mean0) / error))))


def _unknown(why: str) -> Effect:
    return Effect(scale="difference", candidate=None, control=None, value=None, interval=None, why=why)


def _only(first: FirstCloses, blocks: Bools) -> FirstCloses:
    """The waits in the blocks (B,) that are true, which are numbered anew."""
    kept, number = blocks[first.block], np.cumsum(blocks) - 1
    return FirstCloses(block=number[first.block[kept]], time_s=first.time_s[kept], end=first.end[kept])


def _curve(first: FirstCloses) -> Curve:
    return survival_curve(first.time_s, first.end == End.CLOSE_1011, first.end == End.OTHER_CLOSE)


def drawn_means(first: FirstCloses, horizon_s: float, weights: Floats) -> Floats:
    """The restricted mean of each resample (r,) of whole blocks, from weights (r, B)."""
    ends = first.end != End.HANG_UP
    times = np.unique(first.time_s[ends & (first.time_s < horizon_s)])
    if not len(times):
        return np.full(len(weights), horizon_s)
    if len(times) > CELLS:
        times = times[np.unique(np.linspace(0, len(times) - 1, CELLS).astype(np.int64))]
    n_blocks, n_times = weights.shape[1], len(times)
    # The last of the times at which a call still waits: its own, or the next, if it ended; else the one before.
    last = np.where(ends, np.searchsorted(times, first.time_s), np.searchsorted(times, first.time_s, side="right") - 1)

    def by_block(which: Bools) -> Floats:
        width = n_times + 2
        counted = np.bincount(first.block[which] * width + last[which] + 1, minlength=n_blocks * width)
        return counted.reshape(n_blocks, width).astype(np.float64)

    inside = first.time_s < horizon_s
    left = np.cumsum(by_block(np.ones(len(last), dtype=np.bool_))[:, ::-1], axis=1)[:, ::-1]
    waiting, ended, any_end = (
        weights @ counts[:, 1:-1]
        for counts in (left, by_block(inside & (first.end == End.CLOSE_1011)), by_block(inside & ends))
    )
    lasts = np.diff(np.append(times, horizon_s))
    means: Floats = times[0] + _free(waiting, ended, any_end) @ lasts
    return means


def _free(waiting: Floats, ended: Floats, any_end: Floats) -> Floats:
    """The share without the event after each time; all (r, k): of those waiting, how many had it, or any end."""
    of = np.maximum(waiting, 1)
    left = np.cumprod(1 - any_end / of, axis=1)
    before = np.concatenate([np.ones((len(left), 1)), left[:, :-1]], axis=1)
    free: Floats = 1 - np.cumsum(before * ended / of, axis=1)
    return free
