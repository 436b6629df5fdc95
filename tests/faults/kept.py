"""Calls of real runs, small enough to keep: what a fault is called is tested on them without dialling.

python -m tests.faults.kept RUN...    keeps the first call of each fault and plugin generation that is as expected
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from loadtest.measure.acoustics import Acoustics
from loadtest.measure.call_record import CallRecord, call_record
from loadtest.plan.calls import PlannedCall
from loadtest.record.codec import decode, encode
from loadtest.record.events import ChannelHealth, Heard, LoopLag, PacketHealth
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.reader import CallEvents
from tests.e2e.harness import REPOSITORY
from tests.faults.collected import read_slots
from tests.faults.evidence import read_record
from tests.faults.scenario import PLUGINS, arm_of
from tests.faults.truths import Strike, strikes

__all__ = ["FILE", "Kept", "kept_calls"]

FILE = REPOSITORY / "tests" / "unit" / "faults" / "calls.jsonl.gz"
_LEFT_OUT = (ChannelHealth, Heard, LoopLag, PacketHealth)
"""Events from which nothing is attributed but lateness of the tester's."""
_ACOUSTICS = TypeAdapter(Acoustics)
_PLANNED = TypeAdapter(PlannedCall)


@dataclass(frozen=True, slots=True)
class Kept:
    """One call, as `judge` takes it."""

    fault: str
    plugin: str
    variant: str | None
    strikes: tuple[Strike, ...]
    record: CallRecord


def kept_calls(path: Path = FILE) -> tuple[Kept, ...]:
    """All that is kept."""
    with gzip.open(path, "rt") as file:
        return tuple(_read(json.loads(line)) for line in file)


def _read(body: Mapping[str, Any]) -> Kept:
    events = tuple(event for line in body["events"] if (event := decode(json.dumps(line))) is not None)
    record = call_record(
        _PLANNED.validate_python(body["planned"]),
        CallEvents(events, 0, 0, torn=False),
        _ACOUSTICS.validate_python(body["heard"]),
    )
    return Kept(body["fault"], body["plugin"], body["variant"], tuple(Strike(**s) for s in body["strikes"]), record)


def _body(kept: Kept) -> dict[str, Any]:
    record = kept.record
    return {
        "fault": kept.fault,
        "plugin": kept.plugin,
        "variant": kept.variant,
        "strikes": [asdict(strike) for strike in kept.strikes],
        "planned": _PLANNED.dump_python(record.planned, mode="json"),
        "heard": None if record.acoustics is None else _ACOUSTICS.dump_python(record.acoustics, mode="json"),
        "events": [json.loads(encode(event)) for event in record.events if not isinstance(event, _LEFT_OUT)],
    }


def _of_run(folder: RunFolder) -> list[Kept]:
    """The calls that were as expected with the probe."""
    slots = read_slots(folder)
    judged = json.loads((folder.path / "judged.json").read_text())["verdicts"]
    right = {v["call_id"] for v in judged if v["evidence"] == "probe" and v["agrees"]}
    struck, plugins = strikes(folder), {arm_of(plugin): plugin for plugin in PLUGINS}
    found = []
    for planned in read_plan(folder.plan):
        asked = slots[str(planned.slot)]
        if planned.call_id in right and asked["fault"] is not None:
            of = struck[planned.call_id]
            record = read_record(folder, planned)
            found.append(Kept(asked["fault"], plugins[planned.arm], asked["variant"], of, record))
    return found


def _merged(before: Sequence[Kept], new: Sequence[Kept]) -> list[Kept]:
    """One of each fault and generation: the new one, if there is any."""
    found: dict[tuple[str, str], Kept] = {}
    for kept in (*new, *before):
        found.setdefault((kept.fault, kept.plugin), kept)
    return sorted(found.values(), key=lambda kept: (int(kept.fault[1:]), kept.plugin))


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep calls of runs that `make faults` has judged.")
    parser.add_argument("runs", nargs="+", type=Path)
    runs = parser.parse_args().runs
    before = kept_calls() if FILE.exists() else ()
    kept = _merged(before, [one for run in runs for one in _of_run(RunFolder(run))])
    lines = "".join(json.dumps(_body(one), separators=(",", ":")) + "\n" for one in kept)
    FILE.write_bytes(gzip.compress(lines.encode(), mtime=0))
    sys.stderr.write(f"{FILE}: {len(kept)} calls, {FILE.stat().st_size // 1000} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
