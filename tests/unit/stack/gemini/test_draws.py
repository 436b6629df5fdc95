from __future__ import annotations

import numpy as np
import pytest

from loadtest.scenario.endpoint import ConstantDelay, ListedDelay, LognormalDelay
from loadtest.stack.gemini.draws import Draws, delay_s


def test_delays_have_the_quantiles_asked_for() -> None:
    rng = Draws(1, "preview", "c1").stream("reply")
    delay = LognormalDelay(distribution="lognormal", median_ms=700, p95_ms=1400)
    drawn = [delay_s(delay, rng, "c1", 1) for _ in range(20_000)]
    assert np.quantile(drawn, 0.5) == pytest.approx(0.7, rel=0.02)
    assert np.quantile(drawn, 0.95) == pytest.approx(1.4, rel=0.03)
    assert delay_s(ConstantDelay(distribution="constant", value_ms=300), rng, "c1", 1) == 0.3


def test_listed_delays_are_taken_by_call_and_utterance() -> None:
    rng = Draws(1, "a", "c1").stream("reply")
    delay = ListedDelay(distribution="listed", value_ms=250, calls_ms={"c1": (100, 2000, 3000)})
    assert [delay_s(delay, rng, "c1", turn) for turn in range(4)] == [0.1, 2.0, 3.0, 0.25]
    assert [delay_s(delay, rng, call, 1) for call in ("c2", None)] == [0.25, 0.25]


def test_streams_are_repeatable_and_apart() -> None:
    def first(seed: int, arm: str, call: str, *names: object) -> float:
        return Draws(seed, arm, call).stream(*names).random()

    same = first(1, "preview", "c1", "reply", 3)
    assert first(1, "preview", "c1", "reply", 3) == same
    others = [
        first(2, "preview", "c1", "reply", 3),
        first(1, "ga", "c1", "reply", 3),
        first(1, "preview", "c2", "reply", 3),
        first(1, "preview", "c1", "reply", 4),
        first(1, "preview", "c1", "turn", 3),
    ]
    assert len({same, *others}) == 6
