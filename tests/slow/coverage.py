"""How often intervals hold the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from scipy import stats

from loadtest.analyse.compare.effect import Settings
from loadtest.analyse.compare.metrics import METRICS
from loadtest.analyse.compare.simulate import simulate, true_effect
from loadtest.analyse.compare.survival import common_horizon
from tests.slow.cells import Cell

__all__ = ["Covered", "Run", "binomial", "cover"]

Run = Callable[[Callable[[int], Any], int, Callable[[int], None]], list[Any]]
"""What `loadtest.analyse.compare.many.simulated` gives."""

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """One metric of one cell."""

    cell: Cell
    metric: str
    given: int
    """Simulations that gave an interval."""
    of: int
    held: int
    """Of those given: the truth lies within."""
    above: int
    """The truth lies above the interval's high end."""

    @property
    def share(self) -> float:
        return self.held / self.given

    @property
    def kept(self) -> bool:
        """The binomial interval of the coverage reaches what is asked of it."""
        if not self.given:
            return False
        low, high = binomial(self.held, self.given)
        return high >= self.cell.least and low <= self.cell.most


def binomial(count: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share."""
    found = stats.binomtest(count, n).proportion_ci(confidence_level=CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def cover(cell: Cell, n: int, run: Run, progress: Callable[[int], None] = lambda done: None) -> list[Covered]:
    """Simulate the cell n times; the seeds of two cells differ."""
    seen = run(partial(_once, cell), n, progress)
    found = []
    for i, metric in enumerate(cell.metrics):
        sides = [of[i] for of in seen if of[i] is not None]
        found.append(
            Covered(cell=cell, metric=metric, given=len(sides), of=n, held=sides.count(0), above=sides.count(1))
        )
    return found


def _once(cell: Cell, seed: int) -> list[int | None]:
    """By metric: 0 if the interval holds the truth, 1 if that lies above, -1 below; None without an interval."""
    experiment = simulate(cell.truth, cell.blocks, (*cell.name.encode(), seed))
    candidate, control = cell.truth.arms["preview"], cell.truth.arms["ga"]
    waits = (experiment.arms[arm].first_closes for arm in ("preview", "ga"))
    horizon_s = common_horizon(*waits)  # what is estimated reaches as far as an experiment's calls do
    found: list[int | None] = []
    for metric in cell.metrics:
        of = METRICS[metric]
        limit_ms = experiment.greeting_limit_ms if of.limit == "greeting" else experiment.reply_limit_ms
        settings = Settings(seed=seed, limit_ms=limit_ms, p_values=False)
        effect = of.estimate(experiment.arms["preview"], experiment.arms["ga"], settings)
        if effect.interval is None:
            found.append(None)
            continue
        truth = true_effect(metric, candidate, control, cell.truth, horizon_s)
        high = effect.interval.high
        found.append(1 if high is not None and truth > high else -1 if truth < effect.interval.low else 0)
    return found
