"""Recordings small enough to be carried by the page: Opus in Ogg, a minute round the worst moment."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile

from loadtest.audio.wav import FLAC_NAME, RATE

__all__ = ["BUDGET_BYTES", "Clip", "clips", "excerpt"]

LONGEST_S: Final = 60.0
BEFORE_S: Final = 20.0
"""Heard before the worst moment."""
COMPRESSION: Final = 0.97
"""Of libsndfile's Opus; about 18 kbit/s for both channels together."""
BUDGET_BYTES: Final = 1_500_000
"""Of all clips; a third more as text. Whatever would exceed it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Part of a recording."""

    uri: str
    start_s: float
    """In the recording, which begins with the answer."""
    end_s: float
    whole: bool
    size: int


def clips(calls: Sequence[tuple[Path, float]], budget: int = BUDGET_BYTES) -> list[Clip | None]:
    """A clip for each (folder of a call, moment in its recording, s), within the budget; None: there is none."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda call: excerpt(*call), calls))
    spent = 0
    kept: list[Clip | None] = []
    for clip in found:
        if clip is not None and spent + clip.size <= budget:
            spent += clip.size
            kept.append(clip)
        else:
            kept.append(None)
    return kept


def excerpt(folder: Path, moment_s: float) -> Clip | None:
    """At most a minute of a recording that contains the moment; None if there is no recording that can be read."""
    try:
        with soundfile.SoundFile(folder / FLAC_NAME) as file:
            length_s = file.frames / file.samplerate
            if file.samplerate != RATE or not file.frames:
                return None
            start_s = 0.0 if length_s <= LONGEST_S else max(0.0, min(moment_s - BEFORE_S, length_s - LONGEST_S))
            end_s = min(length_s, start_s + LONGEST_S)
            file.seek(int(start_s * RATE))
            frames = file.read(int((end_s - start_s) * RATE), dtype="int16", always_2d=True)
        out = io.BytesIO()
        soundfile.write(out, frames, RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION)
    except (OSError, soundfile.LibsndfileError):
        return None
    data = out.getvalue()
    return Clip(
        uri=f"data:audio/ogg;base64,{base64.b64encode(data).decode()}",
        start_s=start_s,
        end_s=end_s,
        whole=length_s <= LONGEST_S,
        size=len(data),
    )
