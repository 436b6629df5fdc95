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
