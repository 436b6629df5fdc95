"""Other runs of this user on this machine. They need the same cores: whoever reads the figures should know."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Neighbours", "registry"]

LOOK_EVERY_S = 1.0


def registry() -> Path:
    """Where runs leave word of themselves."""
    return Path(tempfile.gettempdir()) / f"loadtest-runs-{os.getuid()}"


class Neighbours:
    """Leaves word of a run, as a locked file of its name, and notices others. A run that died has no lock any more.

    Where no such file can be made, nothing is known of others; that is no reason to do without the run.
    """

    def __init__(self, run_id: str, folder: Path) -> None:
        self._folder = folder
        self._run_id = run_id
        self._lock: int | None = None
        self._seen: dict[str, tuple[float, float]] = {}

    def __enter__(self) -> Self:
        hidden = self._folder / f".{self._run_id}"
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(hidden, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            hidden.rename(self._folder / self._run_id)  # nobody ever sees it unlocked
            self._lock = lock
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        if self._lock is not None:
            with contextlib.suppress(OSError):
                (self._folder / self._run_id).unlink()
            os.close(self._lock)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look(time.monotonic())
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self, now_s: float) -> None:
        """Who is there at this moment (monotonic seconds)?"""
        for run_id in self._living():
            since_s, _ = self._seen.get(run_id, (now_s, now_s))
            self._seen[run_id] = (since_s, now_s)

    def warnings(self) -> tuple[str, ...]:
        """A sentence for each run that was met."""
        return tuple(
            f"Another run, {run_id}, was in progress on this machine for {max(to_s - from_s, LOOK_EVERY_S):.0f} s of "
            "this one; they shared its processors."
            for run_id, (from_s, to_s) in sorted(self._seen.items())
        )

    def _living(self) -> Iterator[str]:
        try:
            names = sorted(os.listdir(self._folder))  # noqa: PTH208  # names are all that is needed
        except OSError:
            return
        for name in names:
            if name.startswith(".") or name == self._run_id:
                continue
            with contextlib.suppress(OSError):
                other = os.open(self._folder / name, os.O_RDWR)
                try:
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (self._folder / name).unlink()  # its run is dead
                except BlockingIOError:
                    yield name
                finally:
                    os.close(other)
