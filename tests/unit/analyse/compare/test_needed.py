"""How many more blocks would decide."""

from __future__ import annotations

import math

import pytest

from loadtest.analyse.compare.looks import pick_look
from loadtest.analyse.compare.needed import blocks_needed
from loadtest.analyse.compare.verdict import Harm


def needed(
    harm: Harm | None, *, blocks: int = 48, planned: int = 48, looks: int = 1, margin: bool = True
) -> int | None:
    return blocks_needed(
        harm,
        0.1,
        margin_counts=margin,
        blocks=blocks,
        least_blocks=24,
        planned=planned,
        look=pick_look(blocks, planned, looks, 0.025),
        alpha=0.025,
    )


def test_half_the_distance_needs_four_times_the_blocks() -> None:
    far = needed(Harm(-0.15, 0.15, 0.0), blocks=400, planned=400)
    near = needed(Harm(-0.1, 0.2, 0.05), blocks=400, planned=400)
    assert far is not None
    assert near is not None
    assert (400 + far) / 400 == pytest.approx(1.5**2, rel=0.03)
    assert (400 + near) / 400 == pytest.approx(9, rel=0.03)


def test_the_blocks_of_the_plan_may_be_enough_where_a_look_asks_more() -> None:
    assert needed(Harm(-0.12, 0.12, 0.0), blocks=48, planned=96, looks=2) == 48


def test_without_a_margin_the_way_is_to_no_difference() -> None:
    more = needed(Harm(-0.2, 0.0001, -0.1), blocks=400, planned=400, margin=False)
    assert more is not None
    assert 1 <= more < 10


def test_too_few_blocks_need_those_that_a_verdict_needs() -> None:
    assert needed(None, blocks=10) == 14
    assert needed(Harm(-0.01, 0.01, 0.0), blocks=13, planned=13) == 11


@pytest.mark.parametrize(
    "harm",
    [None, Harm(-math.inf, math.inf, None), Harm(-math.inf, math.inf, 0.2), Harm(-1, 1.2, 0.1), Harm(-3, 3, 0.09)],
)
def test_what_cannot_be_told_is_not_told(harm: Harm | None) -> None:
    assert needed(harm) is None
