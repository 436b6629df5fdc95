"""`make faults`: dial every fault, judge every call, write docs/faults.md. Exits with 1 if less holds than is promised.

python -m tests.faults [--out DIR --only F1,F2 --plugins 1.8.9 --rounds N --controls N --every S] [--indulgent]
                       [--judge RUN]... [--page FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo
from loadtest.scenario.faults import FAULTS as CATALOGUE
from tests.e2e.harness import REPOSITORY, run_shown
from tests.faults.collected import Collected, collected, merged, read_yaml, write_slots
from tests.faults.design import Design
from tests.faults.page import page
from tests.faults.scenario import PLUGINS, arm_of, asked, designed, write
from tests.faults.totals import cells, differences, not_judged, totals

JUDGED = "judged.json"
AGAIN = 2
"""How often faults are dialled again of which no call could be judged, since the tester was disturbed in all."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Dial every fault, and judge what was measured.")
    asked(parser)
    parser.add_argument(
        "--out", type=Path, help="write the scenario here, and its results; else the shipped one is run"
    )
    parser.add_argument("--indulgent", action="store_true", help="judge also what the tester measured badly")
    parser.add_argument(
        "--judge", type=Path, metavar="RUN", action="append", default=[], help="dial nothing: judge these runs again"
    )
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "faults.md")
    options = parser.parse_args()
    folders = [RunFolder(path) for path in options.judge] or _runs(options)
    if not folders:
        return 1
    return _report(folders, [collected(folder, indulgent=options.indulgent) for folder in folders], options.page)


def _runs(options: argparse.Namespace) -> list[RunFolder]:
    """The run that was asked for, and those that dial again what could not be judged in it; none if it failed."""
    plan, plugins = designed(options)
    scenario, results = REPOSITORY / "scenarios" / "faults.yaml", REPOSITORY / "results"
    if options.out is not None:
        scenario, results = write(options.out, plan, plugins), options.out / "results"
    folder = _run(scenario, plan, results)
    folders = [] if folder is None else [folder]
    while folder is not None and len(folders) <= AGAIN:
        judged = merged([collected(folder, indulgent=options.indulgent) for folder in folders])
        if not (left := not_judged(cells(judged.verdicts))):
            break
        sys.stderr.write(f"Of {', '.join(left)} no call could be judged: once more.\n")
        options.only, options.controls = ",".join(left), 0
        again, plugins = designed(options)
        with tempfile.TemporaryDirectory() as place:
            folder = _run(write(Path(place), again, plugins), again, results)
        folders += [] if folder is None else [folder]
    return folders


def _run(scenario: Path, plan: Design, results: Path) -> RunFolder | None:
    sys.stderr.write(f"{len(plan.due)} calls, about {plan.lasts_s / 60:.0f} minutes\n")
    code, folder = run_shown(scenario, results)
    if code not in {0, 3} or folder is None:
        sys.stderr.write(f"the run failed: exit code {code}\n")
        return None
    write_slots(folder, plan)
    return folder


def _report(folders: Sequence[RunFolder], runs: Sequence[Collected], where: Path) -> int:
    """folders, runs: the first has all, the others what was dialled again."""
    judged = merged(runs)
    info = RunInfo.read(folders[0])
    found = cells(judged.verdicts)
    unlike = differences(found, read_yaml("differences.yaml"))
    result = totals(found, judged.controls, [one for one in unlike if one.why is None])
    for folder, run in zip(folders, runs, strict=True):
        body = {"verdicts": [verdict.as_dict() for verdict in run.verdicts], "alarms": run.controls.alarms}
        (folder.path / JUDGED).write_text(json.dumps({"short": result.short, **body}, indent=1))
    plugins = {arm_of(plugin): plugin for plugin in PLUGINS}
    where.write_text(
        page(
            date=info.started_utc[:10],
            host=info.host,
            versions=info.versions,
            generations={plugins[arm]: of["versions"] for arm, of in info.arms.items()},
            noticed=_noticed(folders[0]),
            again=sorted({v.fault for run in runs[1:] for v in run.verdicts}, key=lambda fault: int(fault[1:])),
            found=found,
            controls=judged.controls,
            differences=unlike,
            result=result,
            expected=read_yaml("expected.yaml"),
            summaries={number: kind.summary for number, kind in CATALOGUE.items()},
        )
    )
    sys.stderr.write(
        "".join(f"{text}\n" for text in (f"{where}", *(str(folder.path) for folder in folders), *result.short))
    )
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


if __name__ == "__main__":
    sys.exit(main())
