"""How long `loadtest measure` takes for an hour of calls, on one core."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil

from loadtest.audio.impairments import add_noise
from loadtest.audio.noise import NoiseKind
from loadtest.audio.wav import RATE, write_flac_from_pcm
from loadtest.record.codec import encode
from loadtest.record.layout import RunFolder
from tests.accuracy.known import known
from tests.unit.measure.build import Conversation, planned, recorded_run

__all__ = ["CALLS", "CALL_S", "an_hour_of_calls", "measure_speed"]

CALLS = 20
CALL_S = 180.0


def measure_speed(folder: RunFolder, *options: str) -> float:
    """CPU seconds of measuring the folder once, bound to one core where that can be done.

    Seconds that pass are as many on a core that has nothing else to do.
    """
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("loadtest")), "measure", *options, str(folder.path)],
        stdout=subprocess.DEVNULL,
        preexec_fn=_one_core,  # noqa: PLW1509
    )
    _, status, used = os.wait4(process.pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"loadtest measure: exit code {code}")
    return used.ru_utime + used.ru_stime


def _one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def an_hour_of_calls(where: Path) -> RunFolder:
    """A run of CALLS calls: the callee speaks every ten seconds, the agent more than half of the time."""
    calls = tuple(planned(slot, ("ga", "preview")[slot % 2]) for slot in range(CALLS))
    run = recorded_run(where / "20260101T000000Z-an-hour-0a1b", calls, host={"cores": psutil.cpu_count() or 1})
    for slot, call in enumerate(calls):
        told = Conversation(call=call)
        for start in np.arange(5.0, CALL_S - 10.0, 10.0).tolist():
            told.says(start, start + 1.5)
        told.hangs_up(CALL_S)
        count = round(CALL_S * RATE)
        agent = np.resize(known(-20.0, slot).samples, count)
        if slot % 4 == 3:
            agent = add_noise(agent, NoiseKind.PINK, 20.0, slot)
        callee = np.resize(known(-20.0, 100 + slot).samples, count)
        folder = run.call(call.call_id)
        folder.path.mkdir(parents=True)
        folder.events.write_text("".join(encode(event) + "\n" for event in told.all_events()))
        folder.pcm.write_bytes(np.stack((callee, agent), axis=1).astype("<i2").tobytes())
        write_flac_from_pcm(folder.pcm, folder.flac)
        folder.pcm.unlink()
    return run
