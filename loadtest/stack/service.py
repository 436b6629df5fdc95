"""One embedded service: a guarded process, its log, and how to wait for what it says there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from loadtest.errors import StackError
from loadtest.numbers import hashing_environ
from loadtest.stack.guard import descendants

__all__ = ["Service", "guarded"]

T = TypeVar("T")
LOG_POLL_S = 0.02


def guarded(
    command: Sequence[str],
    *,
    grace_s: float,
    remove: Path | None = None,
    lifeline: int | None = None,
    ice_tcp: bool = True,
    words: bool = True,
) -> tuple[str, ...]:
    """The command under the guard. What the options mean: loadtest/stack/guard.py."""
    options = ["--grace", str(grace_s)]
    options += ["--remove", str(remove)] if remove is not None else []
    options += ["--lifeline", str(lifeline)] if lifeline is not None else []
    options += [] if ice_tcp else ["--ice-tcp", "no"]
    options += [] if words else ["--words", "no"]
    return (sys.executable, "-m", "loadtest.stack.guard", *options, "--", *command)


class Service:
    """A process that dies with this one, and whose output, all of it but secrets, goes to a log file.

    name: what messages call it. log_path: its log. exited: resolves with the exit code when the service has ended and
    nothing of it is left, whoever ended it.
    """

    def __init__(self, name: str, guard: asyncio.subprocess.Process, log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self.exited: asyncio.Task[int] = asyncio.create_task(guard.wait(), name=f"exit of {name}")
        self._guard = guard

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log_path: Path,
        grace_s: float = 5.0,
        remove: Path | None = None,
        ice_tcp: bool = True,
        words: bool = True,
    ) -> Service:
        """Start `command` under the guard, with the environment `env`.

        grace_s: seconds between the request to stop (SIGTERM) and SIGKILL. The log is appended to. remove: a folder
        that the guard removes when all is over, so that it goes even if this process is killed. ice_tcp: whether it
        may listen for WebRTC over TCP, as it would on all interfaces. words: whether what was said in calls is logged.
        """
        with log_path.open("ab") as log:
            guard = await asyncio.create_subprocess_exec(
                *guarded(command, grace_s=grace_s, remove=remove, ice_tcp=ice_tcp, words=words),
                env={**env, **hashing_environ()},
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # what is sent to our process group must not reach it past the guard
            )
        return cls(name, guard, log_path)

    def pids(self) -> tuple[int, ...]:
        """The service's living processes, without the guard."""
        return tuple(descendants(self._guard.pid)[1:])

    async def wait_for_line(self, parse: Callable[[str], T | None], *, what: str, timeout_s: float, remedy: str) -> T:
        """The first result of `parse` on a line of the log (from its beginning) that is not None.

        Raises StackError, naming `what` was awaited, with the end of the log, when the service ends or the time is up.
        """
        deadline = time.monotonic() + timeout_s
        with self.log_path.open("rb") as log:
            unfinished = b""
            while True:
                ended = self.exited.done()  # looked at first: then nothing more can come after what is read now
                *lines, unfinished = (unfinished + log.read()).split(b"\n")
                for line in lines:
                    found = parse(line.decode(errors="replace"))
                    if found is not None:
                        return found
                if ended:
                    raise self.error(f"ended with code {self.exited.result()} before {what}", remedy=remedy)
                if time.monotonic() > deadline:
                    raise self.error(f"did not get as far as {what} within {timeout_s:g} s", remedy=remedy)
                await asyncio.sleep(LOG_POLL_S)

    def error(self, what_happened: str, *, remedy: str) -> StackError:
        """A StackError about this service that quotes the end of its log."""
        return StackError(
            f"{self.name} {what_happened}\n{self.log_tail()}", remedy=f"{remedy} Its log: {self.log_path}"
        )

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the log, indented; long lines are cut."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 20_000))
            text = log.read().decode(errors="replace")
        return "\n".join(f"    {line[:400]}" for line in text.splitlines()[-lines:]) or "    (its log is empty)"

    async def stop(self) -> int:
        """End the service and wait until nothing of it is left. Returns its exit code. May be called again."""
        stdin = self._guard.stdin
        assert stdin is not None
        stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await stdin.wait_closed()
        return await asyncio.shield(self.exited)
