from __future__ import annotations

import math

import numpy as np
import pytest

from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.signals import burst, noise, shipped_lines, to_int16


def standard(samples: Samples, rate: int) -> float:
    """Method B of ITU-T P.56 as the standard tells it, one sample after another; margin reached by bisection."""
    decay, hangover = math.exp(-1.0 / (rate * 0.03)), round(0.2 * rate)
    thresholds = [2.0**j for j in range(15)]  # in int16 steps
    active, since = [0] * 15, [hangover] * 15
    p = q = squares = 0.0
    for x in samples.tolist():
        squares += x * x
        p = decay * p + (1 - decay) * abs(x)
        q = decay * q + (1 - decay) * p
        for j in range(15):
            if q >= thresholds[j]:
                active[j] += 1
                since[j] = 0
            elif since[j] < hangover:
                active[j] += 1
                since[j] += 1
    levels = [10 * math.log10(squares / count) if count else -math.inf for count in active]
    marks = [20 * math.log10(threshold) for threshold in thresholds]
    j = next(j for j in range(15) if levels[j] - marks[j] <= 15.9)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        level = levels[j - 1] + middle * (levels[j] - levels[j - 1])
        mark = marks[j - 1] + middle * (marks[j] - marks[j - 1])
        low, high = (middle, high) if level - mark > 15.9 else (low, middle)
    return levels[j - 1] + low * (levels[j] - levels[j - 1]) - 20 * math.log10(32768)


def test_it_agrees_with_the_standard_sample_by_sample() -> None:
    line = next(line for line in shipped_lines() if line.name == "yes-please")
    # Longer than one block of the vectorised envelope's rows, and with activity that spans blocks.
    pauses = np.zeros(RATE * 3, dtype=np.int16)
    samples = np.concatenate((line.samples, pauses, line.samples // 3, pauses, line.samples))
    assert active_level_dbfs(samples, RATE) == pytest.approx(standard(samples, RATE), abs=1e-6)


def test_it_agrees_with_the_standard_where_blocks_meet() -> None:
    # At 1 kHz a block is 240 samples and the 256 rows worked on at once are 61 s.
    samples = to_int16(np.concatenate([np.concatenate((noise(700, -20, n), np.zeros(900))) for n in range(80)]))
    assert active_level_dbfs(samples, 1000) == pytest.approx(standard(samples, 1000), abs=1e-6)


def test_pauses_do_not_lower_the_level_of_speech() -> None:
    speech = to_int16(burst(2.0, -20))
    pause = np.zeros(60 * RATE, dtype=np.int16)
    alone, among = active_level_dbfs(speech, RATE), active_level_dbfs(np.concatenate((pause, speech, pause)), RATE)
    assert alone == pytest.approx(-20.0, abs=0.1)
    # What the standard's hangover of 0.2 s and its envelope's decay add to two seconds.
    assert among == pytest.approx(-20.0 - 10 * math.log10(2.27 / 2.0), abs=0.1)


@pytest.mark.parametrize("level", [-50, -35, -21])
def test_the_shipped_lines_scaled_have_the_level_they_were_scaled_to(level: float) -> None:
    line = shipped_lines()[0]
    before = active_level_dbfs(line.samples, RATE)
    assert before is not None
    scaled = to_int16(line.samples.astype(float) * 10 ** ((level - before) / 20))
    assert active_level_dbfs(scaled, RATE) == pytest.approx(level, abs=0.3)


def test_silence_has_no_active_level() -> None:
    assert active_level_dbfs(np.zeros(RATE, dtype=np.int16), RATE) is None
    assert active_level_dbfs(np.zeros(0, dtype=np.int16), RATE) is None
