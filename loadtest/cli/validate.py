"""`loadtest validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from loadtest.scenario.problems import Problem

__all__ = ["validate"]

EPILOG = """\b
Examples:
  loadtest validate scenarios/peak.yaml
  loadtest validate scenarios/*.yaml
  loadtest validate scenarios/peak.yaml --live
  loadtest validate scenarios/*.yaml --json | jq '.files[] | select(.ok | not)'

\b
Exits with 0 if all are fine, else with 2. Nothing is started and no host is contacted.
"""


@click.command(epilog=EPILOG)
@click.argument("scenarios", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a value, for example arms.ga.model=NAME. Repeatable.",
)
@click.option("--live", is_flag=True, help="Let every arm's endpoint be Google's own.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON on standard output.")
def validate(scenarios: tuple[Path, ...], overrides: tuple[str, ...], live: bool, as_json: bool) -> ExitCode:
    """Check scenario files and all that they name: scripts, audio, endpoint profiles, thresholds, hosts.

    Says everything that is wrong, with file, line, column, field and remedy.
    """
    findings = [_check(path, overrides, live=live) for path in scenarios]
    fine = all(finding["ok"] for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": fine, "files": findings}, indent=2, ensure_ascii=False))
        return ExitCode.OK if fine else ExitCode.USAGE
    for finding in findings:
        if finding["ok"]:
            click.echo(f"{finding['file']}: ok ({finding['summary']})")
            for warning in finding["warnings"]:
                click.echo(f"{finding['file']}: warning: {warning}", err=True)
        for problem in finding["problems"]:
            click.echo(f"{problem['where']}: {problem['message']}\n  {problem['remedy']}", err=True)
    return ExitCode.OK if fine else ExitCode.USAGE


def _check(path: Path, overrides: tuple[str, ...], *, live: bool) -> dict[str, Any]:
    from loadtest.plan.build import build_plan
    from loadtest.plan.cap import resolve_cap
    from loadtest.plan.cost import check_limits, planned_use
    from loadtest.record.capacity import capacity_warnings
    from loadtest.record.run_json import host
    from loadtest.scenario.hosts import host_problems
    from loadtest.scenario.load import load_scenario
    from loadtest.scenario.problems import ScenarioProblems

    finding: dict[str, Any] = {"file": str(path), "ok": False, "problems": []}
    try:
        loaded = load_scenario(path, overrides, live=live)
        problems = list(host_problems(loaded))
        if problems:
            raise ScenarioProblems(problems, scenario=str(path))
        calls = build_plan(loaded)
        cap = resolve_cap(loaded.scenario, host()["cores"])
        check_limits(loaded, planned_use(loaded, calls, cap))
    except ScenarioProblems as error:
        finding["problems"] = [_plain(problem) for problem in error.problems]
        return finding
    arms = ", ".join(loaded.scenario.arms)
    shipped = f"; {', '.join(loaded.shipped)}: as shipped with loadtest" if loaded.shipped else ""
    return finding | {
        "ok": True,
        "summary": f"{len(calls)} calls, {len(loaded.script.lines)} script lines, arms {arms}{shipped}",
        "warnings": list(capacity_warnings(loaded.scenario, cap, None)),
        "shipped": list(loaded.shipped),
        "hashes": dict(loaded.hashes),
    }


def _plain(problem: Problem) -> dict[str, Any]:
    message = f"{problem.field}: {problem.text}" if problem.field else problem.text
    return {
        "where": str(problem.place),
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "field": problem.field,
        "message": message,
        "remedy": problem.remedy,
    }
