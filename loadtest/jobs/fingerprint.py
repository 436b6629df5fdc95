"""Whether a run that is taken up again would go on as it began: what was kept of it, held against what there is now."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loadtest.errors import RecordError
from loadtest.jobs.opening import Stored
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo
from loadtest.scenario.resolved import margins_hashes

__all__ = ["differences"]

MACHINE = ("cores", "system", "machine")
"""Of the host. Its kernel may be updated between two parts; each says its own."""
FREE = ("description: ", "limits.", "nightly")
"""Of a scenario, what changes no call: limits may be raised once they are reached."""


def differences(
    folder: RunFolder, info: RunInfo, stored: Stored, *, versions: Mapping[str, str], host: Mapping[str, Any]
) -> tuple[str, ...]:
    """What differs, each by its name with the value then and the value now. Raises RecordError.

    info: run.json of the run. stored, versions, host: what would be written if it began now.
    """
    return tuple(_differences(folder, info, stored, versions, host))


def _differences(
    folder: RunFolder, info: RunInfo, stored: Stored, versions: Mapping[str, str], host: Mapping[str, Any]
) -> Iterator[str]:
    before, after = _yaml(_text(folder.scenario)), _yaml(stored.scenario_yaml)
    everything = list(_named("", before, after))
    yield from (one for one in everything if not one.startswith(FREE))
    changed = {name for name in {*info.hashes, *stored.hashes} if info.hashes.get(name) != stored.hashes.get(name)}
    knows_script = "script" in info.hashes
    if "script" in changed if knows_script else "scenario" in changed and not everything:
        yield "script: other lines, or another order"
    elif "scenario" in changed and not everything:
        yield "scenario: something of which no plain text is kept"
    if "margins" in changed and not everything and info.hashes.get("margins") not in margins_hashes(after):
        yield "compare: what was declared has another hash"
    for name, what in (("audio", "recordings"), ("profiles", "endpoint profiles")):
        if name in changed:
            yield f"{name}: {what} have other contents"
    if "plan" in changed:
        if not changed & {"scenario", "script", "audio"}:
            yield "plan: another order, or other draws, than those that were hashed"
    elif (on_disk := read_plan(folder.plan)) != stored.plan:
        unnumbered = ([replace(call, number="") for call in plan] for plan in (on_disk, stored.plan))
        yield (
            "number: telephone numbers were hashed with a key that is not LOADTEST_NUMBER_KEY"
            if next(unnumbered) == next(unnumbered)
            else "plan.parquet: not the plan that was hashed"
        )
    yield from _named("versions", info.versions, versions)
    yield from _named("host", {k: info.host.get(k) for k in MACHINE}, {k: host.get(k) for k in MACHINE})
    for arm, now in stored.arms.items():  # all else of an arm is said in the scenario
        yield from _named(f"arms.{arm}.versions", info.arms.get(arm, {}).get("versions", {}), now["versions"])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as e:
        raise RecordError(f"{path}: cannot be read: {e}", remedy="Restore it from a copy of the run.") from e


def _yaml(text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(io.StringIO(text))
    except YAMLError:
        return {}


def _named(name: str, before: Any, now: Any) -> Iterator[str]:
    """The leaves in which two values differ, by dotted path."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            yield from _named(f"{name}.{key}" if name else str(key), before.get(key), now.get(key))
    elif isinstance(before, Sequence) and isinstance(now, Sequence) and not isinstance(before, str):
        if len(before) != len(now):
            yield f"{name}: {len(before)} entries then, {len(now)} now"
        else:
            for i, (one, other) in enumerate(zip(before, now, strict=True)):
                yield from _named(f"{name}.{i}", one, other)
    elif before != now:
        yield f"{name}: {_short(before)} then, {_short(now)} now"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
