"""How many times the control's latency the candidate's is, at a quantile.

The estimate is the ratio of the arms' pooled quantiles over the blocks in which both have values. A turn that was not
answered in time stays in, at the limit: of a quantile that falls there it is known only that it is beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from loadtest.analyse.compare.effect import Effect, Estimator, Settings
from loadtest.analyse.compare.experiment import Arm
from loadtest.analyse.estimate import MIN_BLOCKS, Interval
from loadtest.analyse.quantiles import AT_LIMIT_SHARE, needed, order_statistic
from loadtest.analyse.resample import Ordered, arm_swaps, block_weights, drawn_quantiles, in_order, rank

__all__ = ["greeting_ratio", "latency_ratio"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Side = Literal["candidate", "control"]

SAME: Final = 1e-9
"""Log ratios closer than this are one and the same."""
ARMS: Final[tuple[Side, Side]] = ("candidate", "control")


def latency_ratio(q: float, *, outside_closes: bool = False) -> Estimator:
    """The estimator of the ratio of the reply latencies' q-quantiles.

    `outside_closes` leaves out the turns that a close touched. The arm with more closes then sheds more of its slow
    turns: a sensitivity, never the figure that decides.
    """

    def estimate(candidate: Arm, control: Arm, settings: Settings) -> Effect:
        def sample(arm: Arm) -> _Sample:
            kept = ~arm.turns.in_close if outside_closes else slice(None)
            return _Sample(arm.turns.latency_ms[kept], arm.turns.block[kept])

        what = "turns outside closes" if outside_closes else "turns"
        return _ratio(sample(candidate), sample(control), q, what, settings)

    return estimate


def greeting_ratio(q: float) -> Estimator:
    """The estimator of the ratio of the greeting latencies' q-quantiles; `Settings.limit_ms` is the greeting limit."""

    def estimate(candidate: Arm, control: Arm, settings: Settings) -> Effect:
        def sample(arm: Arm) -> _Sample:
            return _Sample(arm.greetings.latency_ms, arm.greetings.block)

        return _ratio(sample(candidate), sample(control), q, "greetings", settings)

    return estimate


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Latencies of one arm, and the block of each; both arrays (n,)."""

    values_ms: Floats
    blocks: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Both arms' latencies in the blocks in which both have some, at most the limit, in ascending order.

    The candidate's blocks are units 0 to n_blocks - 1, the control's n_blocks to 2 n_blocks - 1.
    """

    ordered: Ordered
    n_blocks: int
    unpaired: int
    """Blocks left out."""

    def arm(self, arm: Side) -> Ordered:
        """One arm's values alone, in units 0 to n_blocks - 1."""
        units = self.ordered.units
        if arm == "candidate":
            mine, first = units < self.n_blocks, 0
        else:
            mine, first = units >= self.n_blocks, self.n_blocks
        return Ordered(self.ordered.values[mine], units[mine] - first, self.n_blocks)


def _pair(candidate: _Sample, control: _Sample, limit_ms: float) -> _Pair:
    samples = (candidate, control)
    size = 1 + max((int(s.blocks.max()) for s in samples if len(s.blocks)), default=-1)
    has = [np.bincount(s.blocks, minlength=size) > 0 for s in samples]
    both = has[0] & has[1]
    n_blocks, number = int(np.count_nonzero(both)), np.cumsum(both) - 1
    kept = [both[s.blocks] for s in samples]
    values = np.concatenate([s.values_ms[k] for s, k in zip(samples, kept, strict=True)])
    units = np.concatenate(
        [number[s.blocks[k]] + i * n_blocks for i, (s, k) in enumerate(zip(samples, kept, strict=True))]
    )
    unpaired = int(np.count_nonzero(has[0] | has[1])) - n_blocks
    return _Pair(in_order(values.clip(max=limit_ms), units, 2 * n_blocks), n_blocks, unpaired)


def _ratio(candidate: _Sample, control: _Sample, q: float, what: str, settings: Settings) -> Effect:
    name, limit = f"p{q * 100:g}", f"limit of {settings.limit_ms / 1000:g} s"
    pair = _pair(candidate, control, settings.limit_ms)
    arms = {arm: pair.arm(arm) for arm in ARMS}
    sizes = {arm: len(ordered.values) for arm, ordered in arms.items()}
    seen = {a: float(o.values[rank(q, sizes[a]) - 1]) for a, o in arms.items() if sizes[a] >= needed(q)}
    drawn: dict[Side, Floats] = {}
    if len(seen) == len(ARMS) and pair.n_blocks >= MIN_BLOCKS:
        weights = block_weights(pair.n_blocks, settings.resamples, settings.seed)
        drawn = {arm: drawn_quantiles(ordered, q, weights) for arm, ordered in arms.items()}
    touched = {arm: quantiles >= settings.limit_ms for arm, quantiles in drawn.items()}
    beyond = tuple(
        arm
        for arm, figure in seen.items()
        if figure >= settings.limit_ms or (drawn and np.mean(touched[arm]) > AT_LIMIT_SHARE)
    )
    known = {arm: figure for arm, figure in seen.items() if arm not in beyond}
    notes = []
    if pair.unpaired:
        notes.append(f"blocks left out, as one arm has no {what} in them: {pair.unpaired}")
    if beyond or any(at_limit.any() for at_limit in touched.values()):
        late = (
            f"{np.mean(o.values >= settings.limit_ms):.2%} of the {arm}'s {what}"
            for arm, o in arms.items()
            if sizes[arm]
        )
        notes.append(f"{' and '.join(late)} count as the {limit}")

    def effect(why: str | None, interval: Interval | None = None, p_value: float | None = None) -> Effect:
        return Effect(
            scale="ratio",
            candidate=known.get("candidate"),
            control=known.get("control"),
            value=known["candidate"] / known["control"] if len(known) == len(ARMS) else None,
            interval=interval,
            why=why,
            p_value=p_value,
            blocks=pair.n_blocks,
            beyond_limit=beyond,
            notes=tuple(notes),
        )

    if len(seen) < len(ARMS):
        has = " and ".join(f"the {arm} has {sizes[arm]}" for arm in ARMS if arm not in seen)
        return effect(f"{name} needs {needed(q)} {what} in each arm: {has}")
    if beyond:
        return effect(f"{name} > {limit} for the {' and the '.join(beyond)}")
    if not drawn:
        return effect(f"needs {MIN_BLOCKS} blocks, has {pair.n_blocks}")
    logs = np.log(drawn["candidate"]) - np.log(drawn["control"])
    if np.ptp(logs) < SAME:
        return effect("the blocks don't differ: nothing tells how far off the ratio may be")
    value = known["candidate"] / known["control"]
    if not any(at_limit.any() for at_limit in touched.values()):
        return effect(None, _from_error(value, logs, settings.tail, pair.n_blocks), _swap_p_value(pair, q, settings))
    if settings.tail * len(logs) < 1:
        notes.append(f"{len(logs)} resamples can't tell an error of {settings.tail:.2g} at each end")
    interval = _percentiles(logs, touched["candidate"], touched["control"], settings.tail, pair.n_blocks)
    return effect(None, interval, _swap_p_value(pair, q, settings))


def _from_error(value: float, logs: Floats, tail: float, n_blocks: int) -> Interval:
    """The ratio `value`, times and over e^(t x standard error of the log), from resampled log ratios (r,)."""
    times = math.exp(stats.t.isf(tail, n_blocks - 1) * np.std(logs, ddof=1))
    method = f"standard error from {len(logs)} resamples of {n_blocks} blocks, t on {n_blocks - 1} df"
    return Interval(low=value / times, high=value * times, method=method)


def _percentiles(logs: Floats, no_top: Bools, no_bottom: Bools, tail: float, n_blocks: int) -> Interval:
    """Percentiles of resampled log ratios (r,): `no_top` where the candidate is beyond the limit, `no_bottom` where the
    control is. An end that falls there is unbounded, as is one beyond which less than one resample would lie.
    """

    def end(inwards: Floats, unknown: Bools) -> float:
        return order_statistic(np.where(unknown, -np.inf, inwards), tail) if tail * len(logs) >= 1 else -math.inf

    low, high = end(logs, no_bottom), -end(-logs, no_top)
    return Interval(
        low=math.exp(low),
        high=math.exp(high) if math.isfinite(high) else None,
        method=f"percentiles of {len(logs)} resamples of {n_blocks} blocks",
    )


def _swap_p_value(pair: _Pair, q: float, settings: Settings) -> float | None:
    """Two-sided: how often the arms, swapped in some of the blocks, are at least as far apart as they were seen."""
    if not settings.p_values:
        return None
    swapped = arm_swaps(pair.n_blocks, settings.resamples, settings.seed)
    weights = np.concatenate([1 - swapped, swapped], axis=1)
    one, other = (drawn_quantiles(pair.ordered, q, taken) for taken in (weights, 1 - weights))
    apart = np.abs(np.log(one) - np.log(other))
    return float(np.mean(apart >= apart[0] - SAME))
