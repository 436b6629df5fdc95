"""The ground truth: what the simulator did and heard, one JSON line each, for checking the measurement against.

Line types: connection_opened, refused, setup_complete, caller_speech_start, caller_speech_end, reply_started,
reply_audio_sent, generation_complete, turn_complete, interrupted, tool_call, tool_response, tool_cancelled, fault,
go_away, silence, closed, held, left_out. A websocket that the server closes before setupComplete has both a `refused`
line (with the code) and a `closed` one (phase setup); an upgrade that is refused, or not waited for, has `refused`
alone. `fault` is written when it takes effect; `silence`, when F11 ends in it. `held` is an upgrade that waited because
its client reconnects without end; `left_out` counts the lines, and the faults among them, for which there was no room.
`turn` counts the utterances of the caller in a call from 1, 0 being the greeting.

Before the run starts, lines go to warmup.jsonl in monotonic seconds; afterwards to gemini.jsonl in run seconds. A
connection keeps the file that it began with.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

__all__ = ["TruthFile", "TruthFolder"]

_TIMES = ("at_s", "detected_s")


class TruthFile:
    """One file of truth lines. origin: monotonic seconds that its times are counted from."""

    def __init__(self, path: Path, origin: float) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)
        self._origin = origin

    def write(self, now: float, kind: str, fields: Mapping[str, Any]) -> None:
        """Appends a line; times in, `now` included, are monotonic seconds."""
        line = {"t": self._run_time(now), "type": kind}
        for name, value in fields.items():
            line[name] = self._run_time(value) if name in _TIMES else value
        with contextlib.suppress(OSError):  # a full disk costs truth lines, not calls
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """No more lines."""
        self._file.close()

    def _run_time(self, monotonic_s: float) -> float:
        return round(monotonic_s - self._origin, 6)


class TruthFolder:
    """The truth files of one simulator process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = [TruthFile(folder / "warmup.jsonl", 0.0)]

    @property
    def current(self) -> TruthFile:
        """Where a connection that begins now writes to."""
        return self._files[-1]

    def start(self, origin: float) -> None:
        """The run begins; origin is its monotonic start."""
        self._files.append(TruthFile(self._folder / "gemini.jsonl", origin))

    def close(self) -> None:
        """No more lines in any file."""
        for file in self._files:
            file.close()
