"""Processes of a run that can be disturbed from within, by signals: a busy event loop, and clocks that are set.

Python imports `sitecustomize` from PYTHONPATH when it starts. The one that is written here gives the two processes that
matter other handlers for two signals, and changes nothing until these come. No part of loadtest knows of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGUSR1, SIGUSR2

__all__ = ["BE_BUSY", "BUSY_S", "SET_THE_CLOCK", "STEP_S", "WALL_STEP_S", "tampered"]

BE_BUSY = SIGUSR1
"""To a callee process: its main thread computes for BUSY_S, and its event loop waits."""
SET_THE_CLOCK = SIGUSR2
"""To a callee process: its monotonic clock is STEP_S ahead from then on. To the tester: its wall clock, by
WALL_STEP_S."""
BUSY_S, STEP_S, WALL_STEP_S = 0.6, 0.6, 5.0

_SITECUSTOMIZE = f"""
import signal, sys, time

monotonic, wall = time.monotonic, time.time


def be_busy(*_):
    until = monotonic() + {BUSY_S}
    while monotonic() < until:
        pass


def step_monotonic(*_):
    time.monotonic = lambda: monotonic() + {STEP_S}


def step_wall(*_):
    time.time = lambda: wall() + {WALL_STEP_S}


if sys.orig_argv[1:3] == ["-m", "loadtest.run.callee_process"]:
    signal.signal({BE_BUSY:d}, be_busy)
    signal.signal({SET_THE_CLOCK:d}, step_monotonic)
elif sys.orig_argv[1] == "-c" and "run" in sys.orig_argv[3:]:
    signal.signal({SET_THE_CLOCK:d}, step_wall)
"""


def tampered(folder: Path) -> dict[str, str]:
    """The environment of such a run. folder: for the file that it needs."""
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    return {"PYTHONPATH": os.pathsep.join((str(folder), *filter(None, [os.environ.get("PYTHONPATH")])))}
