"""A line is known by its sound, whatever it came through; and no other is taken for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from loadtest.audio.impairments import add_noise, lose_packets, telephone
from loadtest.audio.noise import NoiseKind
from loadtest.audio.wav import RATE, Samples
from loadtest.stack.gemini.asking import Asking
from tests.accuracy.opus import through_opus
from tests.unit.audio.signals import shipped_lines

LINES = {line.name: line.samples for line in shipped_lines()}
KNOWN = Asking.of(LINES.values())
NAMES = list(LINES)


def bad_line(heard: Samples) -> Samples:
    """All of it together."""
    return through_opus(lose_packets(telephone(add_noise(heard, NoiseKind.BABBLE, 10.0, 5)), 0.05, 9), 32)


PATHS: dict[str, Callable[[Samples], Samples]] = {
    "clean": lambda heard: heard,
    "softer": lambda heard: (heard // 8).astype(np.int16),
    "Opus": lambda heard: through_opus(heard, 24),
    "G.711": telephone,
    "5 % lost": lambda heard: lose_packets(heard, 0.05, 3),
    "noise, 20 dB": lambda heard: add_noise(heard, NoiseKind.PINK, 20.0, 7),
    "noise, 10 dB": lambda heard: add_noise(heard, NoiseKind.WHITE, 10.0, 7),
    "all of it, with babble at 10 dB": bad_line,
}


@pytest.mark.parametrize("path", PATHS)
def test_every_line_is_taken_for_itself_and_for_nothing_else(path: str) -> None:
    pause = np.zeros(RATE, np.int16)
    heard = PATHS[path](np.concatenate([part for line in LINES.values() for part in (pause, line)] + [pause]))
    wrong, at = [], 0
    for name, line in LINES.items():
        at += len(pause)
        # Utterances are found a little too early or too late.
        for early, late in ((0.2, 0.0), (0.0, 0.3)):
            utterance = heard[at - round(early * RATE) : at + len(line) + round(late * RATE)]
            found = [NAMES[number] for number in KNOWN.found_in(utterance)]
            wrong += [(name, found)] if found != [name] else []
        at += len(line)
    assert wrong == []


def test_one_of_several_recordings_is_enough_and_without_any_nothing_asks() -> None:
    both = Asking.of([LINES["how-much"], LINES["yes"]])
    assert both.is_in(LINES["yes"])
    assert both.is_in(LINES["how-much"])
    assert not Asking().is_in(LINES["yes"])


def test_half_a_line_is_not_the_line() -> None:
    line = LINES["book-appointment"]
    assert not KNOWN.is_in(line[: len(line) // 2])
    assert not KNOWN.is_in(line[len(line) // 2 :])


def test_what_is_no_line_asks_for_nothing() -> None:
    for heard in (np.zeros(RATE, np.int16), np.zeros(10, np.int16), np.full(RATE, 3000, np.int16)):
        assert not KNOWN.is_in(heard)
