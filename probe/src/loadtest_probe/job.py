"""What the LiveKit job around the session says about the call."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

__all__ = ["call_id", "current_job", "room_name", "wants_transcripts", "worker_mode"]


def current_job() -> Any | None:
    """The running livekit.agents JobContext; None outside of a job."""
    try:
        from livekit.agents import get_job_context  # noqa: PLC0415  not a dependency: there or not

        return get_job_context()
    except Exception:
        return None


def call_id(job: Any | None) -> str | None:
    """The tester's name of the call, from the dispatch metadata."""
    name = _told(job, "call_id")
    return name if isinstance(name, str) and name else None


def wants_transcripts(job: Any | None) -> bool:
    """The tester asked, in the dispatch metadata, for what is said in the call."""
    return _told(job, "transcripts") is True


def _told(job: Any | None, key: str) -> Any:
    try:
        return json.loads(job.job.metadata)["loadtest"][key]  # type: ignore[union-attr]
    except Exception:
        return None


def worker_mode() -> str | None:
    """How the worker was started: start, dev or console. A job's process has the worker's arguments and environment."""
    arguments = sys.argv[1:]
    if "--dev" in arguments:
        return "dev"
    word = next((word for word in arguments if word in ("start", "dev", "console")), None)
    return word or ("dev" if os.environ.get("LIVEKIT_DEV_MODE") == "1" else None)


def room_name(job: Any | None, room: Any) -> str | None:
    """The room's name, also before the room is connected."""
    for holder in (room, _read(_read(job, "job"), "room")):
        name = _read(holder, "name")
        if isinstance(name, str) and name:
            return name
    return None


def _read(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except Exception:  # a property of a half-made object
        return None
