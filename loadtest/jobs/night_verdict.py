"""The declared comparison, on the blocks of as many nights as the scenario says, at its declared looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from loadtest.analyse.compare.read import read_runs
from loadtest.analyse.compare.result import Comparison
from loadtest.errors import LoadtestError
from loadtest.jobs.compare import compare_read, hold_all
from loadtest.record.layout import RunFolder
from loadtest.record.run_scenario import read_run_scenario
from loadtest.scenario.models import Scenario
from loadtest.scenario.nightly_spec import NightlySpec

__all__ = ["Verdict", "place_in_group", "verdict_of_nights"]

MAY_DIFFER: Final = ("host.release",)
"""Between nights: kernels are updated. The comparison then calls itself exploratory."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the nights' blocks say together, or why nothing is said tonight."""

    comparison: Comparison | None
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a night stands among those whose blocks make one verdict."""

    number: int
    """From 1."""
    members: tuple[str, ...]
    """Ids of the runs of the group so far, this one included."""


def verdict_of_nights(results: Path, history: pl.DataFrame, scenario: Scenario, run_id: str) -> Verdict:
    """The verdict of this night's group, if a declared look is due.

    history: rows of the scenario, as in `loadtest.record.history.COLUMNS`. Nights that do not count are in no group;
    another fingerprint begins a new one.
    """
    spec, compare = scenario.nightly or NightlySpec(), scenario.compare
    if compare is None:
        return Verdict(None, "the scenario declares no comparison: no verdict is due")
    place = place_in_group(history, run_id, spec.verdict_nights)
    if place is None:
        return Verdict(None, "an invalid night is in no verdict")
    due = [math.ceil(spec.verdict_nights * look / compare.looks) for look in range(1, compare.looks + 1)]
    where = f"night {place.number} of the {spec.verdict_nights} whose blocks make a verdict"
    if place.number not in due:
        coming = min(number for number in due if number > place.number)
        return Verdict(None, f"{where}: the next look is after night {coming}")
    folders = [RunFolder(results / run) for run in place.members]
    try:
        return Verdict(_compared(folders, spec, scenario), where)
    except LoadtestError as e:
        return Verdict(None, f"{where}, and a look is due, but: {e.message}".replace(f"{results}/", ""))


def place_in_group(history: pl.DataFrame, run_id: str, size: int) -> Place | None:
    """Counted from the last change of the fingerprint; None for a night that does not count."""
    nights = history.filter(pl.col("state") == "complete").unique("run_id", maintain_order=True)
    runs = list(nights.sort("night", "started_utc", "run_id").select("run_id", "fingerprint").iter_rows())
    found = [i for i, (run, _) in enumerate(runs) if run == run_id]
    if not found:
        return None
    last = found[0]
    first = last
    while first > 0 and runs[first - 1][1] == runs[last][1]:
        first -= 1
    number = (last - first) % size + 1
    return Place(number, tuple(run for run, _ in runs[last - number + 1 : last + 1]))


def _compared(folders: Sequence[RunFolder], spec: NightlySpec, scenario: Scenario) -> Comparison:
    with hold_all(folders):
        read = read_runs(folders, allowed=MAY_DIFFER)
        declared = {(read_run_scenario(folder).nightly or NightlySpec()).verdict_nights for folder in folders}
    read = replace(read, planned_blocks=spec.verdict_nights * scenario.blocks)
    if declared != {spec.verdict_nights}:
        reason = f"nightly.verdict_nights was not {spec.verdict_nights} on all of these nights"
        read = replace(read, exploratory=(*read.exploratory, reason))
    return compare_read(read)
