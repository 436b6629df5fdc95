from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.scenario.endpoint import Api
from loadtest.stack.gemini import recordings
from loadtest.stack.gemini.recordings import Recording, Recordings

RATE = 24_000


def audio(recording: Recording) -> NDArray[np.float64]:
    pieces = [
        json.loads(part.payload)["serverContent"]["modelTurn"]["parts"][0]["inlineData"] for part in recording.parts
    ]
    assert {piece["mimeType"] for piece in pieces} == {"audio/pcm;rate=24000"}
    return np.frombuffer(b"".join(base64.b64decode(piece["data"]) for piece in pieces), dtype="<i2") / 32768


def test_replies_are_varied_and_short_and_light(recorded: dict[Api, Recordings]) -> None:
    spoken = recorded["gemini"]
    assert len(spoken.greetings) >= 2
    assert len(spoken.replies) >= 8
    assert len({one.text for one in (*spoken.greetings, *spoken.replies)}) == len((*spoken.greetings, *spoken.replies))
    assert all(1900 <= one.audio_ms <= 6000 for one in (*spoken.greetings, *spoken.replies))
    assert sum(path.stat().st_size for path in recordings.FOLDER.glob("*.flac")) < 1_000_000


def test_every_recording_begins_with_speech(recorded: dict[Api, Recordings]) -> None:
    """Else the wait for a reply would depend on which one was drawn."""
    for one in (*recorded["gemini"].greetings, *recorded["gemini"].replies):
        power = np.convolve(np.square(audio(one)), np.ones(RATE // 100) / (RATE // 100), mode="valid")
        active = power[power > power.max() * 10**-2.5].mean()
        assert np.flatnonzero(power > active / 1000)[0] < 0.012 * RATE, one.name


def test_parts_put_together_are_the_whole(recorded: dict[Api, Recordings]) -> None:
    for api in ("gemini", "vertex"):
        whole = recorded[api].replies[0]
        assert whole.audio_ms == pytest.approx(1000 * audio(whole).size / RATE)
    assert np.array_equal(audio(recorded["gemini"].replies[0]), audio(recorded["vertex"].replies[0]))


def levels_db(one: Recording) -> NDArray[np.float64]:
    """Of each 10 ms, over the active level."""
    whole = audio(one)
    power = np.square(whole[: len(whole) // 240 * 240]).reshape(-1, 240).mean(axis=1) + 1e-12
    return np.asarray(10 * np.log10(power / power[power > power.max() * 10**-2.5].mean()))


def longest_pause_ms(one: Recording) -> float:
    runs = "".join("p" if level < -30 else "s" for level in levels_db(one)).split("s")
    return 10.0 * max(map(len, runs))


def test_speech_without_pauses_has_none_that_a_listener_hears() -> None:
    plain, shaped = recordings.load(43), recordings.load(43, longest_pause_ms=100, longest_ms=1200)
    assert max(longest_pause_ms(one) for one in plain.replies) > 200
    assert max(longest_pause_ms(one) for one in (*shaped.replies, *shaped.greetings)) <= 100
    assert all(800 <= one.audio_ms <= 1200 for one in (*shaped.replies, *shaped.greetings))


def test_a_hole_amid_loud_speech_has_loud_speech_on_both_sides() -> None:
    for one in recordings.load(43, longest_pause_ms=100, longest_ms=1200).replies:
        whole, at = audio(one), 0
        loud = np.square(whole[levels_of_speech(whole)]).mean() / 100
        marked = 0
        for part in one.parts:
            at += round(part.audio_ms * RATE / 1000)
            if part.loud_end:
                marked += 1
                assert min(np.square(whole[at - 240 : at]).mean(), np.square(whole[at : at + 240]).mean()) > loud
        assert marked >= 3, one.name


def levels_of_speech(samples: NDArray[np.float64]) -> NDArray[np.bool_]:
    power = np.convolve(np.square(samples), np.ones(240) / 240, mode="same")
    return np.asarray(power > power.max() * 10**-2.5)
