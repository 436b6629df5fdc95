"""A part of `make accuracy`: what docs/measurement.md promises of the edges, and that the measuring of it can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from loadtest.audio.edges import speech_segments
from loadtest.audio.noise import NoiseKind
from loadtest.audio.wav import RATE
from tests.accuracy.cells import CELLS, Cell, Measured, beyond_hearing, measure_cell
from tests.accuracy.errors import Errors, compare, together
from tests.accuracy.false_replies import BACKGROUNDS, FalseReplies, false_replies
from tests.accuracy.known import Known, Placed, known
from tests.accuracy.page import BEGIN, END, into
from tests.accuracy.promises import broken
from tests.unit.audio.signals import Floats

Found = tuple[tuple[Known, Errors], ...]


@cache
def found(group: str, name: str) -> Found:
    """All sounds once."""
    return measure_cell(next(cell for cell in CELLS[group] if cell.name == name), seeds=1)


def p95(values: Floats | Sequence[float]) -> float:
    return float(np.percentile(np.abs(values), 95))


@pytest.mark.parametrize("cell", CELLS["Clean"], ids=lambda cell: str(cell.name))
def test_clean_edges_are_as_exact_as_promised(cell: Cell) -> None:
    assert not broken({"Clean": [(cell, found("Clean", cell.name))], "Noise": []})


@pytest.mark.parametrize(
    ("group", "name", "onset_ms", "end_ms"),
    [
        ("Codecs", "Opus, 16 kbit/s", 5.0, 25.0),
        ("Codecs", "G.711, ulaw", 5.0, 25.0),
        ("Packets of 20 ms lost, and concealed", "10%", 20.0, 25.0),
    ],
)
def test_what_lines_do_to_speech_moves_its_edges_no_more_than_it_must(
    group: str, name: str, onset_ms: float, end_ms: float
) -> None:
    ((_, errors),) = found(group, name)
    assert (errors.missed, errors.false) == (0, 0)
    assert p95(errors.onset) <= onset_ms
    assert p95(errors.end) <= end_ms


def test_a_sound_alone_is_speech_however_steady_and_as_exact(usual: Known) -> None:
    """In a file of its own, without a pause from which noise could be told."""
    wrong = []
    for sound in usual.placed:
        silence = np.zeros(RATE, np.int16)
        segments = speech_segments(np.concatenate((silence, sound.audio, silence)), RATE)
        alone = [Placed(sound.name, RATE, RATE + len(sound.audio), sound.audio)]
        wrong.append(compare(segments, alone))
    errors = together(wrong)
    assert (errors.missed, errors.false) == (0, 0)
    assert p95(errors.onset) <= 10.0
    assert p95(errors.end) <= 10.0


@pytest.mark.parametrize("kind", list(NoiseKind))
def test_noise_at_10_db_costs_what_it_hides_and_little_more(kind: NoiseKind) -> None:
    ((clean, errors),) = found("Noise", f"{kind} noise, 10 dB SNR")
    assert (errors.missed, errors.false) == (0, 0)
    *_, onset, _ = beyond_hearing(clean, errors, 10.0)
    assert p95(onset) <= 30.0
    assert abs(float(np.median(errors.onset))) <= 10.0


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_nobody_replies_in_noise_or_music(background: str) -> None:
    for snr_db in (None, 10.0):
        assert false_replies(background, 3.0, snr_db).by_both == 0
    if background != "music":  # which energy alone takes for speech
        assert false_replies(background, 6.0, None, seed=5).by_energy == 0


@pytest.fixture(scope="module")
def usual() -> Known:
    return known(-20.0, seed=0)


@pytest.mark.parametrize("by_ms", [-30.0, 30.0])
@pytest.mark.parametrize("edge", ["start_s", "end_s"])
def test_a_detector_that_is_30_ms_off_breaks_the_promise(usual: Known, edge: str, by_ms: float) -> None:
    segments = speech_segments(usual.samples, RATE)
    off = [replace(segment, **{edge: getattr(segment, edge) + by_ms / 1000}) for segment in segments]
    told = broken({"Clean": [(CELLS["Clean"][0], ((usual, compare(off, usual.placed)),))], "Noise": []})
    assert len(told) == 2  # p95 and p99
    assert all(("onset" if edge == "start_s" else "end") in line for line in told)


def test_what_takes_too_long_or_replies_to_music_is_told(usual: Known) -> None:
    clean: Measured = {
        "Clean": [(CELLS["Clean"][0], ((usual, compare(speech_segments(usual.samples, RATE), usual.placed)),))],
        "Noise": [],
    }
    assert not broken(clean, [("music", None, FalseReplies(30.0, 300, 0))], {"by both detectors": 59.0})
    told = broken(clean, [("music", None, FalseReplies(30.0, 300, 1))], {"by both detectors": 61.0})
    assert len(told) == 2


def test_what_is_missed_invented_or_run_together_is_told(usual: Known) -> None:
    segments = speech_segments(usual.samples, RATE)
    missing = [segment for segment in segments if segment.end_s * RATE < usual.placed[-1].start]
    assert compare(missing, usual.placed).missed == 1
    invented = replace(segments[-1], start_s=segments[-1].end_s + 0.2, end_s=segments[-1].end_s + 0.4)
    assert compare([*segments, invented], usual.placed).false == 1
    together = [replace(segments[0], end_s=segments[-1].end_s)]
    assert np.abs(compare(together, usual.placed).end).max() > 10_000


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    text = into(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n")
    assert text == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert into(text, "new\n") == text
