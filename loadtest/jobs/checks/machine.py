"""This machine: what it has, and what is set on it."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Mapping
from pathlib import Path

from loadtest.errors import StackError
from loadtest.jobs.checks.finding import Finding, State
from loadtest.record.run_json import versions
from loadtest.scenario.google import KEY, PROJECT
from loadtest.scenario.hosts import LIVEKIT_VARIABLES
from loadtest.stack.install import find_server

__all__ = ["check_cores", "check_disk", "check_keys", "check_livekit_server", "check_open_files", "check_versions"]

RECORDED_BYTES_PER_S = 64_000
"""Of a call while it lasts: two channels of 16 bits at 16 kHz; it is packed afterwards."""
SPARE_BYTES = 500e6
FILES_OF_THE_RUN = 200
FILES_PER_CALL = 60
"""More than a call in progress needs: its sockets, pipes and files, in the process that makes it."""
SHOWN = ("python", "loadtest", "livekit", "livekit-agents", "livekit-plugins-google")


def check_versions() -> Finding:
    """What figures depend on."""
    found = versions()
    return Finding("versions", State.OK, ", ".join(f"{name} {found[name]}" for name in SHOWN if name in found))


def check_cores(cores: int) -> Finding:
    """cores: that this process may use."""
    if cores >= 2:
        return Finding("cores", State.OK, f"{cores} cores")
    return Finding(
        "cores",
        State.WARNING,
        "1 core: callees, agents and endpoints wait for each other, and turns become invalid",
        "Use a machine or container with two cores or more.",
    )


def check_livekit_server(*, needed: bool) -> Finding:
    """needed: the scenario is for the embedded stack; else its absence is no fault."""
    try:
        server = find_server()
    except StackError as error:
        return Finding("livekit-server", State.FAILED if needed else State.WARNING, error.message, error.remedy)
    return Finding("livekit-server", State.OK, f"livekit-server {server.version}: {server.path}")


def check_disk(results: Path, *, call_seconds: float = 0.0) -> Finding:
    """results: where runs are kept; it need not be there yet. call_seconds: of talk that is to be recorded."""
    there = next(folder for folder in (results.absolute(), *results.absolute().parents) if folder.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(
            "disk", State.FAILED, f"{there}: {error.strerror}", "Name a folder that can be used with --results."
        )
    needed = SPARE_BYTES + call_seconds * RECORDED_BYTES_PER_S
    found = f"{free / 1e9:.1f} GB free in {there}"
    if free >= needed:
        return Finding("disk", State.OK, found)
    return Finding(
        "disk", State.WARNING, f"{found}; {needed / 1e9:.1f} GB may be needed", "Make room, or name another --results."
    )


def check_open_files(*, calls: int = 1) -> Finding:
    """calls: at the same time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_OF_THE_RUN + FILES_PER_CALL * calls
    found = f"{soft} files may be open at a time"
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return Finding("open files", State.OK, "no limit" if soft == resource.RLIM_INFINITY else found)
    may = "" if hard == resource.RLIM_INFINITY or hard >= needed else " by an administrator, as the hard limit is lower"
    return Finding(
        "open files",
        State.WARNING,
        f"{found}; {calls} calls at the same time may need {needed}",
        f"Raise the limit{may}: `ulimit -n {needed}` in this shell.",
    )


def check_keys(environ: Mapping[str, str]) -> Finding:
    """Which of the variables are set; never what they hold."""
    names = (*LIVEKIT_VARIABLES, KEY, PROJECT)
    found = ", ".join(f"{name} {'set' if environ.get(name) else 'not set'}" for name in names)
    of_livekit = [name for name in LIVEKIT_VARIABLES if environ.get(name)]
    if 0 < len(of_livekit) < len(LIVEKIT_VARIABLES):
        missing = ", ".join(name for name in LIVEKIT_VARIABLES if name not in of_livekit)
        return Finding("keys", State.WARNING, found, f"For a LiveKit server of your own export {missing}, too.")
    return Finding("keys", State.OK, found)
