"""What is done about a call once its line is free again: the probe's file, the recording's final form."""

from __future__ import annotations

import asyncio
from pathlib import Path

from loadtest.audio.wav import write_flac_from_pcm
from loadtest.call.probe_inbox import ProbeInbox
from loadtest.clock import RunClock
from loadtest.record.layout import CallFolder
from loadtest_probe import wire

__all__ = ["compress_recording", "merge_probe_file"]

PROBE_FILE_LIMIT_S = 4.0
"""How long after the hang-up the probe's file is waited for; the job ends with the callee's leaving."""


async def merge_probe_file(inbox: ProbeInbox, path: Path, clock: RunClock) -> None:
    """Add what the probe wrote into its file and the data channel lost. A probe that was never heard has none."""
    if not inbox.seen:
        return
    deadline = clock.now() + PROBE_FILE_LIMIT_S
    text = ""
    while clock.now() < deadline:
        text = path.read_text(errors="replace") if path.exists() else ""
        if any(isinstance(line.message, wire.Bye) for line in map(wire.decode, text.splitlines()[-5:]) if line):
            break
        await asyncio.sleep(0.1)
    inbox.merge(text)


async def compress_recording(folder: CallFolder) -> None:
    """Make the FLAC, if anything was recorded."""
    if folder.pcm.exists():
        if folder.pcm.stat().st_size:
            await asyncio.to_thread(write_flac_from_pcm, folder.pcm, folder.flac)
        folder.pcm.unlink()
