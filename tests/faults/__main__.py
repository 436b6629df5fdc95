"""`make faults`: dial every fault, judge every call, write docs/faults.md. Exits with 1 if less holds than is promised.

python -m tests.faults [--out DIR --only F1,F2 --plugins 1.8.9 --rounds N --controls N --every S] [--indulgent]
                       [--judge RUN] [--page FILE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo
from loadtest.scenario.faults import FAULTS as CATALOGUE
from tests.e2e.harness import LOADTEST, REPOSITORY
from tests.faults.design import Design
from tests.faults.evidence import Evidence, measured, stood_still
from tests.faults.judge import Verdict, cracks, false_alarms, judge
from tests.faults.page import page
from tests.faults.scenario import PLUGINS, arm_of, asked, designed, write
from tests.faults.totals import Controls, cells, differences, totals
from tests.faults.truths import strikes

HERE = Path(__file__).parent
PLAN = "faults.json"
"""Beside the run: which slot is struck by what, so that it can be judged again."""
JUDGED = "judged.json"


def main() -> int:
    parser = argparse.ArgumentParser(description="Dial every fault, and judge what was measured.")
    asked(parser)
    parser.add_argument(
        "--out", type=Path, help="write the scenario here, and its results; else the shipped one is run"
    )
    parser.add_argument("--indulgent", action="store_true", help="judge also what the tester measured badly")
    parser.add_argument("--judge", type=Path, metavar="RUN", help="dial nothing: judge this run again")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "faults.md")
    options = parser.parse_args()
    folder = RunFolder(options.judge) if options.judge else _run(options)
    return 1 if folder is None else _judge(folder, options.page, indulgent=options.indulgent)


def _run(options: argparse.Namespace) -> RunFolder | None:
    plan, plugins = designed(options)
    scenario, results = REPOSITORY / "scenarios" / "faults.yaml", REPOSITORY / "results"
    if options.out is not None:
        scenario, results = write(options.out, plan, plugins), options.out / "results"
    sys.stderr.write(f"{len(plan.due)} calls, about {plan.lasts_s / 60:.0f} minutes\n")
    before = set(results.glob("*-faults-*"))
    command = [*LOADTEST, "run", str(scenario), "--results", str(results)]
    code = subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    made = sorted(set(results.glob("*-faults-*")) - before)
    if code not in {0, 3} or not made:
        sys.stderr.write(f"the run failed: exit code {code}\n")
        return None
    (made[-1] / PLAN).write_text(json.dumps(_slots(plan), indent=1))
    return RunFolder(made[-1])


def _slots(plan: Design) -> dict[str, dict[str, str | None]]:
    """Fault, and its form if one was asked for, by slot; null for controls."""
    found: dict[str, dict[str, str | None]] = {}
    for pair in plan.pairs:
        forms = (
            [fault.get("variant") for fault in pair.wish.faults if fault["fault"] == pair.fault] if pair.wish else []
        )
        for slot in pair.slots:
            found[str(slot)] = {"fault": pair.fault, "variant": forms[0] if forms else None}
    return found


def _judge(folder: RunFolder, where: Path, *, indulgent: bool) -> int:
    info = RunInfo.read(folder)
    expected = _yaml("expected.yaml")
    slots = json.loads((folder.path / PLAN).read_text())
    struck = strikes(folder)
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
    found = cells(verdicts)
    controls = Controls(control_calls, turns, invalid, own_cracks, alarms)
    unlike = differences(found, _yaml("differences.yaml"))
    result = totals(found, controls, [one for one in unlike if one.why is None])
    judged = {"short": result.short, "verdicts": [verdict.as_dict() for verdict in verdicts], "alarms": alarms}
    (folder.path / JUDGED).write_text(json.dumps(judged, indent=1))
    where.write_text(
        page(
            date=info.started_utc[:10],
            host=info.host,
            versions=info.versions,
            generations={plugins[arm]: of["versions"] for arm, of in info.arms.items()},
            noticed=_noticed(folder),
            found=found,
            controls=controls,
            differences=unlike,
            result=result,
            expected=expected,
            summaries={number: kind.summary for number, kind in CATALOGUE.items()},
        )
    )
    sys.stderr.write("".join(f"{text}\n" for text in (f"{where}", f"{folder.path / JUDGED}", *result.short)))
    return 1 if result.short else 0


def _noticed(folder: RunFolder) -> list[str]:
    """What the run's own summary says of bursts and quotas."""
    summary = json.loads(folder.summary_json.read_text())
    told = [
        f"burst found: {burst['calls']} calls lost their connection within {burst['end_s'] - burst['start_s']:.1f} s, "
        f"{burst['refused']} connects refused then or soon after"
        for burst in summary["bursts"]
    ]
    quotas = sum(arm["figures"]["closes"]["quota"] for arm in summary["arms"].values())
    return [*told, f"closes and refusals put down to a quota: {quotas}"]


def _yaml(name: str) -> Mapping[str, Any]:
    return YAML(typ="safe").load(HERE / name) or {}


if __name__ == "__main__":
    sys.exit(main())
