"""A quick look at what `make slow` proves at length: intervals hold the truth, verdicts are seldom wrong.

Seeded; the same code with fewer simulations. Any way in which an interval could be too narrow, such as resampling turns
instead of blocks, shows in some of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loadtest.analyse.compare.simulate import simulate
from tests.slow.cells import CELLS
from tests.slow.coverage import Covered, cover
from tests.slow.page import COMPARISONS, NIGHTS, into, page, rate_tables
from tests.slow.verdicts import SAME, Rate, a_a, first_blocks, sequential

QUICK = (
    "slower candidate, alike turns in a block, 24 blocks",
    "shares of 0.02 against 0.06, clustered in blocks, 48 blocks",
    "1011s: 100 an arm, 24 blocks",
    "1011s: bursts by arm, 24 blocks",
    "time to the first 1011, 24 blocks",
)


def here(one: Callable[[int], Any], n: int, progress: Callable[[int], None]) -> list[Any]:
    return [one(seed) for seed in range(n)]


@pytest.mark.parametrize("name", QUICK)
def test_intervals_hold_the_truth(name: str) -> None:
    (cell,) = (cell for cell in CELLS if cell.name == name)
    for found in cover(cell, 60, here):
        assert found.kept, (found.metric, found.held, found.given)


def test_the_same_endpoint_twice_is_seldom_told_apart() -> None:
    for rate in (*a_a(24, here), *sequential(6, here)):
        assert rate.kept, (rate.what, rate.count)


def test_every_metric_is_in_the_long_simulations() -> None:
    from loadtest.analyse.compare.metrics import METRICS

    assert {metric for cell in CELLS for metric in cell.metrics} == set(METRICS)
    assert len({cell.name for cell in CELLS}) == len(CELLS)


def test_a_look_sees_the_first_blocks_alone() -> None:
    whole = simulate(SAME, 8, 1)
    half = first_blocks(whole, 4)
    assert half.n_blocks == 4
    for name, arm in half.arms.items():
        assert arm.turns.block.max() == 3
        assert len(arm.closes.minutes) == 4
        assert (arm.turns.latency_ms == whole.arms[name].turns.latency_ms[: len(arm.turns.block)]).all()
        assert np.isin(arm.first_closes.block, range(4)).all()


def test_what_is_broken_is_said_on_the_page() -> None:
    cell = CELLS[0]
    fine = Covered(cell=cell, metric="reply_latency_p50", given=2000, of=2000, held=1900, above=60)
    bad = Covered(cell=cell, metric="reply_latency_p95", given=2000, of=2000, held=1800, above=100)
    none = Covered(cell=cell, metric="rate_1011", given=0, of=2000, held=0, above=0)
    often = Rate(what="adopt or reject", count=160, n=2000, most=0.05)
    text = page([fine, bad, none], {"The same endpoint twice": [often]})
    assert [line.count("BROKEN") for line in text.splitlines() if cell.name in line] == [0, 1, 1]
    assert "| adopt or reject | 2000 | 8.0 [6.8, 9.3] **BROKEN** | at most 5 |" in text
    begin, end = COMPARISONS
    assert into(f"before {begin} old {end} after", text, COMPARISONS).startswith(f"before {begin}\n\nHow often")


def test_nights_are_written_where_nights_stand() -> None:
    (begin, end), (other, other_end) = NIGHTS, COMPARISONS
    often = Rate(what="a change point after 5 nights", count=1600, n=2000, least=0.75)
    text = into(f"{other} kept {other_end} {begin} old {end}", rate_tables({"A step": [often]}), NIGHTS)
    assert f"{other} kept {other_end} {begin}\n\nA step:" in text
    assert "| a change point after 5 nights | 2000 | 80.0 [78.2, 81.7] | at least 75 |" in text
    assert "old" not in text
