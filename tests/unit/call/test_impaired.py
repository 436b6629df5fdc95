"""A bad line: the noise that is always there, and what becomes of the lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Line, Samples
from loadtest.call.impaired import NOISE_S, BadLine, ImpairedLine
from loadtest.scenario.impairments import Impairments
from tests.unit.measure.build import voice

LINES = tuple(
    Line(name, np.concatenate([np.zeros(RATE // 5, np.int16), voice(s)]), name)
    for name, s in (("first", 2.0), ("second", 1.0))
)


def bad(**spec: Any) -> BadLine:
    return BadLine(Impairments.model_validate(spec), LINES, seed=3)


def rms_dbfs(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) / 32768**2))


@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_the_noise_is_so_far_below_the_speech_of_the_lines_behind_and_between_them(kind: str) -> None:
    line = ImpairedLine(bad(noise={"kind": kind, "snr_db": 20}), seed=5)
    speech = active_level_dbfs(np.concatenate([one.samples for one in LINES]), RATE)
    assert speech is not None
    between = line.between(0, round(NOISE_S * RATE))
    assert speech - rms_dbfs(between) == pytest.approx(20, abs=0.1)
    behind = line.said("first", LINES[0].samples) - LINES[0].samples
    # Babble has louder and softer moments: a line is two seconds of it.
    assert speech - rms_dbfs(behind) == pytest.approx(20, abs=3 if kind == "babble" else 0.7)


def test_the_noise_goes_on_without_an_end() -> None:
    line = ImpairedLine(bad(noise={"kind": "white", "snr_db": 20}), seed=5)
    whole = round(NOISE_S * RATE)
    around = line.between(whole - 100, 200)
    assert around.tolist() == [*line.between(whole - 100, 100), *line.between(whole, 100)]
    assert (around != 0).mean() > 0.9


def test_the_callees_of_a_pair_say_the_same_and_others_do_not() -> None:
    spec: dict[str, Any] = {"noise": {"kind": "white", "snr_db": 15}, "telephone": "ulaw", "loss": 0.1}
    samples = LINES[0].samples
    one, same = ImpairedLine(bad(**spec), seed=5), ImpairedLine(bad(**spec), seed=5)
    assert one.said("first", samples).tolist() == same.said("first", samples).tolist()
    assert one.between(4711, 900).tolist() == same.between(4711, 900).tolist()
    other = ImpairedLine(bad(**spec), seed=6)
    assert other.said("first", samples).tolist() != one.said("first", samples).tolist()
    assert other.between(4711, 900).tolist() != one.between(4711, 900).tolist()
    assert one.said("second", samples).tolist() != one.said("first", samples).tolist()


def test_the_telephone_takes_the_band_of_lines_and_noise_alike() -> None:
    line = ImpairedLine(bad(noise={"kind": "white", "snr_db": 10}, telephone="alaw"), seed=5)
    for sent in (line.between(0, 4 * RATE), line.said("first", LINES[0].samples)):
        power = np.abs(np.fft.rfft(sent.astype(np.float64))) ** 2
        hertz = np.fft.rfftfreq(len(sent), 1 / RATE)
        assert power[hertz > 4200].sum() < 1e-3 * power.sum()


def test_a_line_is_as_long_as_before_and_no_later() -> None:
    line = ImpairedLine(bad(telephone="ulaw", noise={"kind": "pink", "snr_db": 30}), seed=5)
    samples = LINES[0].samples
    sent = line.said("first", samples)
    assert len(sent) == len(samples)
    lags = range(-40, 41)
    middle = slice(RATE // 2, RATE)
    likeness = [float(np.dot(np.roll(sent, -lag)[middle].astype(float), samples[middle].astype(float))) for lag in lags]
    assert lags[int(np.argmax(likeness))] == 0


def test_losses_strike_lines_alone_where_there_is_no_noise() -> None:
    line = ImpairedLine(bad(loss=0.2), seed=5)
    samples = LINES[0].samples
    packets = (line.said("first", samples) != samples).reshape(-1, RATE // 50).any(axis=1)[10:]
    assert 0.08 < packets.mean() < 0.35
    assert not line.between(0, RATE).any()
