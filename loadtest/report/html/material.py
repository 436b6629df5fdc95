"""What a page is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadtest.analyse.compare.experiment import Experiment
from loadtest.analyse.compare.result import Comparison
from loadtest.report.html.pool import Pool
from loadtest.report.view import Summary

__all__ = ["Material", "kind_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a page is made from; either `comparison` or `pool` is there."""

    pool: Pool | None
    summary: Summary | None
    """Of a single run."""
    comparison: Comparison | None
    experiment: Experiment | None
    """What the comparison was made from, if it was made now."""
    no_comparison: str
    """Why there is none."""
    absent: tuple[str, ...] = ()
    """Runs of the comparison that are not beside it."""


def kind_of(material: Material) -> Literal["rehearsal", "live", "other"]:
    """The humblest of what the comparison, the summary and the runs say of themselves."""
    said = {str(run.data.info.kind) for run in material.pool.runs} if material.pool is not None else set()
    said |= {of.kind for of in (material.summary, material.comparison) if of is not None}
    if "rehearsal" in said:
        return "rehearsal"
    return "live" if said == {"live"} else "other"
