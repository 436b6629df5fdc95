from __future__ import annotations

import pytest

from loadtest.stack.gemini.arrival import ArrivalClock

RATE = 16_000


def test_the_earliest_arrival_counts() -> None:
    clock = ArrivalClock(RATE)
    for number, late_s in enumerate((0.03, 0.0, 0.08, 0.01), 1):
        clock.add(100.0 + number * 0.05 + late_s, number * 800)
    assert clock.at(0) == pytest.approx(100.0)
    assert clock.at(2400) == pytest.approx(100.15)


def test_audio_that_was_lost_shifts_what_follows_once_the_past_is_past() -> None:
    clock = ArrivalClock(RATE)
    for number in range(1, 100):
        lost_s = 0.0 if number <= 40 else 1.0
        clock.add(number * 0.05 + lost_s, number * 800)
    assert clock.at(30 * 800) == pytest.approx(1.5)
    assert clock.at(98 * 800) == pytest.approx(98 * 0.05 + 1.0)
