"""Whether a run that is taken up again would go on as it began: what was kept of it, held against what there is now."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loadtest.jobs.run import Stored
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo

__all__ = ["differences"]

MACHINE = ("cores", "system", "machine")
"""Of the host. Its kernel may be updated between two parts; each says its own."""


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
    said = list(_of_the_scenario(folder, stored.scenario_yaml))
    yield from said
    changed = [
        name for name in sorted({*info.hashes, *stored.hashes}) if info.hashes.get(name) != stored.hashes.get(name)
    ]
    for name in changed:
        if name == "scenario" and not said:
            yield "script: other lines, or another order"
        elif name == "margins" and not said:
            yield "compare: what was declared is hashed otherwise, as by another version of loadtest"
        elif name == "plan" and changed == ["plan"]:
            yield "plan: the same scenario makes another plan, as with another version of loadtest"
        elif name in {"audio", "profiles"}:
            yield f"{name}: {'recordings' if name == 'audio' else 'endpoint profiles'} have other contents"
    if "plan" not in changed and (on_disk := read_plan(folder.plan)) != stored.plan:
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


def _of_the_scenario(folder: RunFolder, now: str) -> Iterator[str]:
    before, after = _yaml(folder.scenario.read_text(encoding="utf-8")), _yaml(now)
    yield from _named("", before, after)


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
