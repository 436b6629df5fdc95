"""What is sent, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.audio.wav import Samples
from loadtest.call.outgoing import Outgoing


def count(first: int, samples: int) -> Samples:
    return np.arange(first, first + samples, dtype=np.int16)


def noise(position: int, samples: int) -> Samples:
    return -count(position, samples)


@pytest.mark.parametrize("step", [1, 7, 160])
def test_lines_leave_at_their_positions_one_after_the_other(step: int) -> None:
    out = Outgoing()
    out.take(20)
    assert out.say(count(1, 30)) == 20
    assert out.say(count(101, 10)) == 50
    assert out.say(count(201, 10), not_before=90) == 90
    assert out.say(count(301, 10), not_before=40) == 100
    sent = np.concatenate([out.take(step) for _ in range(-(-160 // step))])[:160]
    expected = np.zeros(160, dtype=np.int16)
    for at, line in ((20, count(1, 30)), (50, count(101, 10)), (90, count(201, 10)), (100, count(301, 10))):
        expected[at - 20 : at - 20 + len(line)] = line
    assert sent.tolist() == expected.tolist()


def test_a_line_that_is_due_already_is_said_at_once() -> None:
    out = Outgoing()
    out.take(100)
    assert out.say(count(1, 5), not_before=60) == 100


def test_the_noise_flows_before_between_and_after_the_lines() -> None:
    out = Outgoing(noise)
    out.say(count(1, 5), not_before=10)
    assert out.take(8).tolist() == noise(0, 8).tolist()
    assert out.take(12).tolist() == [*noise(8, 2), *count(1, 5), *noise(15, 5)]


def test_what_nobody_came_for_makes_the_rest_of_the_line_later() -> None:
    out = Outgoing(noise)
    out.say(count(1, 10))
    first = out.take(4)
    out.skip(100)
    assert out.position == 104
    assert [*first, *out.take(8)] == [*count(1, 10), *noise(110, 2)]
