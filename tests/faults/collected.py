"""All calls of a run, judged: those with a fault against what it should look like, the controls for false alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from tests.faults.design import Design
from tests.faults.evidence import Evidence, measured, stood_still
from tests.faults.judge import Verdict, cracks, false_alarms, judge
from tests.faults.scenario import PLUGINS, arm_of
from tests.faults.totals import Controls
from tests.faults.truths import strikes

__all__ = ["Collected", "collected", "merged", "read_slots", "read_yaml", "write_slots"]

SLOTS = "faults.json"
"""Beside the run: which slot is struck by what, so that it can be judged again."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Of one run, or of several."""

    verdicts: tuple[Verdict, ...]
    controls: Controls


def read_yaml(name: str) -> Mapping[str, Any]:
    """What stands beside this module in a file of that name."""
    return YAML(typ="safe").load(Path(__file__).parent / name) or {}


def write_slots(folder: RunFolder, plan: Design) -> None:
    """Keep fault, and its form if one was asked for, by slot; null for controls."""
    found: dict[str, dict[str, str | None]] = {}
    for pair in plan.pairs:
        forms = (
            [fault.get("variant") for fault in pair.wish.faults if fault["fault"] == pair.fault] if pair.wish else []
        )
        for slot in pair.slots:
            found[str(slot)] = {"fault": pair.fault, "variant": forms[0] if forms else None}
    (folder.path / SLOTS).write_text(json.dumps(found, indent=1))


def read_slots(folder: RunFolder) -> Mapping[str, Mapping[str, str | None]]:
    """What `write_slots` kept."""
    found: Mapping[str, Mapping[str, str | None]] = json.loads((folder.path / SLOTS).read_text())
    return found


def collected(folder: RunFolder, *, indulgent: bool = False) -> Collected:
    """Judge every call of a run. indulgent: also what the tester measured badly."""
    expected, slots, struck = read_yaml("expected.yaml"), read_slots(folder), strikes(folder)
    plugins = {arm_of(plugin): plugin for plugin in PLUGINS}
    by_evidence = measured(folder, indulgent=indulgent)
    verdicts: list[Verdict] = []
    control_calls = turns = invalid = own_cracks = 0
    alarms: dict[Evidence, list[str]] = {evidence: [] for evidence in by_evidence}
    for planned in read_plan(folder.plan):
        asked = slots[str(planned.slot)]
        for evidence, calls in by_evidence.items():
            rows = calls.get(planned.call_id)
            if rows is None:
                continue
            if asked["fault"] is not None:
                verdicts.append(
                    judge(
                        asked["fault"],
                        plugins[planned.arm],
                        evidence,
                        rows,
                        struck.get(planned.call_id, ()),
                        expected[asked["fault"]],
                        asked["variant"],
                    )
                )
                continue
            still = stood_still(folder, planned) if any(turn["labels"] for turn in rows.turns) else ()
            alarms[evidence] += [f"{planned.call_id}: {text}" for text in false_alarms(rows, still)]
            if evidence == "probe":
                control_calls += 1
                own_cracks += len(cracks(rows, still))
                script = [turn for turn in rows.turns if turn["kind"] == "script"]
                turns += sum(turn["valid"] for turn in script)
                invalid += sum(not turn["valid"] for turn in script)
    return Collected(tuple(verdicts), Controls(control_calls, turns, invalid, own_cracks, alarms))


def merged(runs: Sequence[Collected]) -> Collected:
    """Several runs as one. The controls are those of the first, which alone has any."""
    return Collected(tuple(verdict for run in runs for verdict in run.verdicts), runs[0].controls)
