"""Received audio is put where it belongs in time, however unpunctually it reaches Python."""

from __future__ import annotations

import math
import random

import numpy as np

from loadtest.audio.wav import RATE, Samples
from loadtest.call.channel import Placement, ReceivedChannel

FRAME = RATE // 50  # 20 ms


def ramp(start: int) -> Samples:
    """A frame whose samples tell their number in the stream."""
    return (np.arange(start, start + FRAME) % 30000).astype(np.int16)


def deliver(channel: ReceivedChannel, arrivals_s: list[float], start: int = 0) -> list[Placement]:
    placed = []
    for number, arrival_s in enumerate(arrivals_s):
        channel.add(ramp(start + number * FRAME), arrival_s)
        placed += channel.place(arrival_s)
    return placed + channel.place(math.inf)


def test_late_frames_are_placed_by_the_sample_count_and_not_by_their_arrival() -> None:
    chance = random.Random(1)
    true_start_s = 0.5
    arrivals = [true_start_s + (n + 1) * 0.02 + abs(chance.gauss(0, 0.012)) for n in range(500)]
    arrivals = [max(arrivals[: n + 1]) for n in range(500)]  # a loop hands frames out in order
    placed = deliver(ReceivedChannel(), arrivals)
    errors_ms = [
        (placement.position - (true_start_s * RATE + n * FRAME)) * 1000 / RATE for n, placement in enumerate(placed)
    ]
    assert len(placed) == 500
    assert max(abs(e) for e in errors_ms) < 2.5


def test_a_stream_that_stood_still_for_a_second_is_continued_a_second_later() -> None:
    arrivals = [(n + 1) * 0.02 + (1.0 if n >= 100 else 0.0) for n in range(300)]
    placed = deliver(ReceivedChannel(), arrivals)
    assert placed[99].position == 99 * FRAME
    assert placed[100].position == 100 * FRAME + RATE
    assert [p.step for p in placed if p.step] == [RATE]


def test_frames_that_were_only_held_up_stay_where_they_belong() -> None:
    # A second of audio arrives at once after a stall of the tester; nothing of it was lost.
    arrivals = [(n + 1) * 0.02 for n in range(300)]
    arrivals = [3.0 if 2.0 < a < 3.0 else a for a in arrivals]
    channel = ReceivedChannel()
    placed = deliver(channel, arrivals)
    assert [p.position for p in placed] == [n * FRAME for n in range(300)]
    health = channel.health()
    assert health.frame_gap_ms > 900
    assert health.late_frames > 40
    assert 900 < health.late_ms < 1000


def test_lateness_that_grows_in_small_steps_is_no_less_late() -> None:
    # Half a second in which every frame comes 10 ms later than the one before: no gap to speak of.
    arrivals = [(n + 1) * 0.02 + 0.01 * max(0, min(n - 100, 25)) * (n < 126) for n in range(300)]
    channel = ReceivedChannel()
    deliver(channel, arrivals)
    health = channel.health()
    assert health.frame_gap_ms < 40
    assert health.late_ms > 240
    assert channel.health().late_ms == 0.0


def test_an_anchor_that_was_set_too_late_is_corrected() -> None:
    # The first two seconds are congested: every frame 50 ms late.
    arrivals = [(n + 1) * 0.02 + (0.05 if n < 100 else 0.0) for n in range(300)]
    placed = deliver(ReceivedChannel(), arrivals)
    assert placed[-1].position == 299 * FRAME


def test_nothing_is_placed_before_the_window_has_passed() -> None:
    channel = ReceivedChannel()
    channel.add(ramp(0), 0.02)
    assert channel.place(0.9) == []
    assert len(channel.place(1.1)) == 1
