"""How many calls at the same time this machine has been seen to hold; kept in the user's cache, for plans to heed.

Known only for the same machine with the same cores and the same versions of what figures depend on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from loadtest.errors import RecordError
from loadtest.record.run_json import host, versions
from loadtest.record.writer import write_atomically
from loadtest.scenario.models import Scenario

__all__ = ["Held", "Way", "capacity_warnings", "keep_held", "known_held"]

Way = Literal["with_agents", "callees_only"]
"""With LiveKit, agents and simulated endpoints on this machine, or with callees and little else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Most calls at the same time that touched no limit of validity."""

    calls: int
    touched: int | None
    """Fewest that did; None: none was found."""
    measured_utc: str


def keep_held(way: Way, held: Held) -> Path:
    """Remember it, in place of what was known. Returns the file. Raises RecordError."""
    everything = _read()
    here = everything.setdefault(_key(), {})
    here[way] = asdict(held)
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise RecordError(f"{path.parent}: cannot be made: {e}", remedy="Let XDG_CACHE_HOME name a folder.") from e
    write_atomically(path, (json.dumps(everything, indent=1) + "\n").encode())
    return path


def known_held(way: Way) -> Held | None:
    """What is known of this machine as it is now; None: it was not calibrated, or has changed."""
    found = _read().get(_key(), {}).get(way)
    if not isinstance(found, dict):
        return None
    with contextlib.suppress(TypeError):
        return Held(**found)
    return None


def capacity_warnings(scenario: Scenario, cap: int, peak: int | None) -> tuple[str, ...]:
    """What to say of a plan that exceeds what the machine is known to hold. peak: calls expected at the same time."""
    external = scenario.stack == "external" and all(arm.agent.external for arm in scenario.arms.values())
    held = known_held("callees_only" if external else "with_agents")
    most = max(cap, peak or 0)
    if held is None or most <= held.calls:
        return ()
    seen = f"this machine held {held.calls}" + (f" and not {held.touched}" if held.touched is not None else "")
    expected = "" if peak is None else f" ({peak} expected)"
    when = f"when it was calibrated on {held.measured_utc[:10]}"
    text = f"Up to {most} calls at the same time{expected}, but {seen} {when}: turns may become invalid."
    return (f"{text} Lower cap or arrivals.",)


def _path() -> Path:
    return user_cache_path("loadtest") / "capacity.json"


def _read() -> dict[str, dict[str, object]]:
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _key() -> str:
    of = {"node": platform.node(), "host": host(), "versions": versions()}
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
