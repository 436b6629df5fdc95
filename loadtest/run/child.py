"""A callee process as its parent holds it: handle, lifeline, calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.call.spec import CallSpec
from loadtest.numbers import hashing_environ
from loadtest.record.layout import CallFolder
from loadtest.stack.service import guarded

__all__ = ["CalleeChild", "Placed", "start_child"]

ORPHAN_GRACE_S = 5.0
"""Longer than a process without a tester takes to hang up."""


@dataclass(slots=True)
class Placed:
    """A call that a process has been told to place. origin: of the run's clock, monotonic seconds."""

    spec: CallSpec
    folder: CallFolder
    origin: float


@dataclass(slots=True)
class CalleeChild:
    """One process, and the calls that it has."""

    name: str
    handle: asyncio.subprocess.Process
    log: Path
    lifeline: int = -1
    """Its guard kills it when this is closed, by our death, too."""
    pid: int | None = None
    """Of the process itself, not of its guard, once it is ready."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    calls: dict[str, Placed] = field(default_factory=dict)  # not yet released
    unfinished: dict[str, CallSpec] = field(default_factory=dict)
    reader: asyncio.Task[None] | None = None
    placed: int = 0
    """Calls that it has been given so far."""
    retired: bool = False
    """It gets no more calls, and ends when it has finished those that it has."""
    silent: int = 0
    """Seconds of the tester's own loop since it last said anything; a tester that stood still itself counts none."""
    hung: bool = False
    """It stood still, and was killed for it."""
    killed: bool = False
    """By us: its end is no error of its own."""
    buried: bool = False

    def tell(self, command: Mapping[str, Any]) -> None:
        assert self.handle.stdin is not None
        if not self.handle.stdin.is_closing():
            with contextlib.suppress(ConnectionError):
                self.handle.stdin.write(json.dumps(command).encode() + b"\n")

    @property
    def alive(self) -> bool:
        return not self.buried

    def kill(self) -> None:
        """End it at once, or as soon as its guard can."""
        self.killed = True
        self._strike()

    def kill_hung(self) -> None:
        """End it because it stands still, which is an error of its own."""
        self.hung = True
        self._strike()

    def _strike(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.cut()

    def end_when_finished(self) -> None:
        """Retired, it ends as soon as everything of its calls is on disk."""
        if self.retired and not self.unfinished and self.handle.stdin is not None:
            self.handle.stdin.close()

    def cut(self) -> None:
        """Close the lifeline."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1


async def start_child(name: str, log: Path, *, env: Mapping[str, str], inherit: Sequence[int]) -> CalleeChild:
    """Start a process under the guard; what it complains of goes to `log`. Raises OSError if that cannot be written.

    inherit: file descriptors that are to stay open as long as it lives.
    """
    its_end, lifeline = os.pipe()
    command = (sys.executable, "-m", "loadtest.run.callee_process")
    try:
        with log.open("ab") as stderr:
            handle = await asyncio.create_subprocess_exec(
                *guarded(command, grace_s=ORPHAN_GRACE_S, lifeline=its_end, ice_tcp=False),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env={**env, **hashing_environ()},
                limit=2**22,
                start_new_session=True,  # Ctrl-C reaches the tester alone
                pass_fds=(its_end, *inherit),
            )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(its_end)
    return CalleeChild(name, handle, log, lifeline)
