"""What the processes of a run use, by group: one group for each thing that could leak on its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from livekit import api

__all__ = ["Sample", "Usage", "group_of", "take_sample"]

OLD_S = 60.0
"""An agent starts a process for each call. One that is older than any call is the agent's own, or should have gone."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all processes of a group together. memory_mb: what would be free if they ended (USS)."""

    memory_mb: float = 0.0
    resident_mb: float = 0.0
    descriptors: int = 0
    threads: int = 0
    processes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.memory_mb + other.memory_mb,
            self.resident_mb + other.resident_mb,
            self.descriptors + other.descriptors,
            self.threads + other.threads,
            self.processes + other.processes,
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a run; of an agent's processes at those that have been there for OLD_S.

    calls: begun so far; active: in progress; rooms: on the server; files: temporary ones.
    """

    at_s: float
    calls: int
    active: int
    groups: Mapping[str, Usage]
    rooms: int
    files: int


def group_of(command: Iterable[str]) -> str:
    """The group of a process, by its command line."""
    parts = list(command)
    if "loadtest.stack.guard" in parts:
        return "guards"
    line = " ".join(parts)
    for word, group in (
        ("loadtest.run.callee_process", "callees"),
        ("loadtest.stack.gemini", "simulator"),
        ("LIVEKIT", "livekit-server"),
        ("from loadtest.cli import main", "tester"),
    ):
        if word in line:
            return group
    return "livekit-server" if len(parts) == 1 else "agent"  # job processes of agents are forked from many a command


def take_sample(
    processes: Iterable[psutil.Process],
    *,
    at_s: float,
    calls: int,
    active: int,
    livekit: Mapping[str, str],
    temporary: Path,
    old_s: float = OLD_S,
) -> Sample:
    """Look now. livekit: environment with the server's address and keys. temporary: the run's TMPDIR."""
    groups: dict[str, Usage] = {}
    for process in processes:
        try:
            group = group_of(process.cmdline())
            if group == "agent" and time.time() - process.create_time() < old_s:
                continue
            with process.oneshot():
                memory = process.memory_full_info()
                usage = Usage(memory.uss / 1e6, memory.rss / 1e6, process.num_fds(), process.num_threads(), 1)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        groups[group] = groups.get(group, Usage()) + usage
    files = sum(1 for _ in temporary.rglob("*"))
    return Sample(at_s, calls, active, groups, asyncio.run(_rooms(livekit)), files)


async def _rooms(environ: Mapping[str, str]) -> int:
    keys = environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
    async with api.LiveKitAPI(environ["LIVEKIT_URL"], *keys) as client:
        return len((await client.room.list_rooms(api.ListRoomsRequest())).rooms)
