"""An agent's log that comes through a pipe while calls go on: always read, so that the agent never waits for us."""

from __future__ import annotations

import os
import select
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loadtest.errors import RecordError
from loadtest.record.agent_log import Reading, facts_of_stream
from loadtest.record.agent_log.facts import Fact
from loadtest.record.agent_log.store import fact_line, read_fact

__all__ = ["STANDARD_INPUT", "PipedLog", "is_pipe", "open_pipe"]

STANDARD_INPUT: Final = Path("/dev/stdin")
_CHUNK: Final = 1 << 16
_TICK_S: Final = 0.2
LAST_WORDS_S: Final = 2.0
"""After the run so long is waited for what is still in the pipe, if it goes on coming."""


def is_pipe(path: Path) -> bool:
    """It has no end until somebody closes it."""
    mode = path.stat().st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def open_pipe(path: Path) -> int:
    """A descriptor to read from. A named pipe need not have a writer yet: that may be an agent which the run starts."""
    if path == STANDARD_INPUT:
        return os.dup(0)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


class PipedLog:
    """Reads `fd`, which it closes, in a thread of its own and keeps what it tells in a file that nobody else sees."""

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self.reading = Reading()
        self._fd = fd
        self._spool = tempfile.TemporaryFile("w+")  # noqa: SIM115  # lives as long as this does
        self._over = threading.Event()
        self._error: RecordError | None = None
        self._thread = threading.Thread(target=self._read, name="reading the agent's log", daemon=True)
        self._thread.start()

    def facts(self) -> Iterator[Fact]:
        """Stop reading, and give what was told. Raises RecordError if what came was no log."""
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        self._spool.seek(0)
        for line in self._spool:
            if (fact := read_fact(line)) is not None:
                yield fact

    def close(self) -> None:
        """Stop reading."""
        self._over.set()
        self._thread.join()
        self._spool.close()
        os.close(self._fd)

    def _read(self) -> None:
        chunks = self._chunks()
        try:
            for fact in facts_of_stream(chunks, self.name, self.reading):
                self._spool.write(fact_line(fact) + "\n")
        except RecordError as e:
            self._error = e
        except OSError as e:
            self._error = RecordError(
                f"{self.name}: what the agent's log tells cannot be kept: {e.strerror or e}",
                remedy="Make room for temporary files, or write the log to a file and name that.",
            )
        for _ in chunks:  # whatever it is, whoever writes it must not come to a halt
            pass

    def _chunks(self) -> Iterator[bytes]:
        end_s = float("inf")
        while time.monotonic() < end_s:
            ready, _, _ = select.select([self._fd], [], [], 0 if self._over.is_set() else _TICK_S)
            if ready:
                data = os.read(self._fd, _CHUNK)
                if not data:
                    return
                yield data
            elif self._over.is_set():
                return
            if self._over.is_set():
                end_s = min(end_s, time.monotonic() + LAST_WORDS_S)
