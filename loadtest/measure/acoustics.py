"""What is heard in a call's recording: all that the tables need of it, so that they can be made again without it.

`calls/<call_id>/edges.json` holds it. It is made anew from the recording as long as there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from loadtest.audio.edges import Segment
from loadtest.audio.repeats import Repeat, repeats
from loadtest.audio.second_opinion import Opinion, second_opinions
from loadtest.audio.sounds import Sound, listen
from loadtest.audio.wav import Recording
from loadtest.errors import RecordError
from loadtest.record.tables import ANALYSIS_VERSION
from loadtest.record.writer import write_atomically

__all__ = ["Acoustics", "acoustics", "read_edges", "write_edges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acoustics:
    """Made from a recording by `acoustics`, and by nothing else; seconds from its first sample.

    Where the callee's speech begins and ends is in the events, to the sample.
    """

    duration_s: float
    agent: tuple[Segment, ...]
    """The agent's speech as received, by its energy."""
    opinions: tuple[Opinion, ...] | None
    """Of the second detector, on each of these; None if it was not asked."""
    sounds: tuple[Sound, ...]
    """What else was heard of it."""
    repeats: tuple[Repeat, ...]
    """What it said twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    analysis_version: int
    acoustics: Acoustics


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    analysis_version: int


_FILE: Final = TypeAdapter(_File)
_HEAD: Final = TypeAdapter(_Head)


def acoustics(recording: Recording, *, second_opinion: bool = True) -> Acoustics:
    """Listen to a whole recording. The same samples give the same, on every machine.

    second_opinion: ask the second detector as well.
    """
    agent, sounds = listen(recording.right, recording.rate)
    return Acoustics(
        duration_s=recording.duration_s,
        agent=agent,
        opinions=second_opinions(recording.right, recording.rate, agent) if second_opinion else None,
        sounds=sounds,
        repeats=repeats(recording.right, recording.rate, agent),
    )


def write_edges(path: Path, heard: Acoustics) -> None:
    """Write edges.json. Raises RecordError."""
    write_atomically(path, _FILE.dump_json(_File(analysis_version=ANALYSIS_VERSION, acoustics=heard)) + b"\n")


def read_edges(path: Path) -> Acoustics:
    """What `write_edges` wrote, to the last bit. Raises RecordError, also if another analysis made it."""
    try:
        data = path.read_bytes()
        found = _HEAD.validate_json(data).analysis_version
        if found == ANALYSIS_VERSION:
            return _FILE.validate_json(data).acoustics
    except (OSError, ValidationError) as e:
        raise RecordError(
            f"{path}: cannot be read as the edges of a call: {e}", remedy="Restore the file from a copy of the run."
        ) from e
    raise RecordError(
        f"{path}: from analysis {found}, and the recording that it was made from has been removed: the call cannot be "
        f"measured again by this loadtest, whose analysis is {ANALYSIS_VERSION}",
        remedy=f"Keep the tables as they are, or measure with a loadtest of analysis {found}.",
    )
