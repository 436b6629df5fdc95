"""`loadtest plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.plan.calls import PlannedCall
    from loadtest.plan.cost import Use
    from loadtest.plan.outlook import Outlook
    from loadtest.scenario.arms import Arm
    from loadtest.scenario.load import LoadedScenario

__all__ = ["plan"]

EPILOG = """\b
Examples:
  loadtest plan scenarios/peak.yaml
  loadtest plan scenarios/peak.yaml --set blocks=24 --set seed=2
  loadtest plan scenarios/peak.yaml --json | jq '.calls[] | [.due_s, .arm]'
  loadtest plan scenarios/peak.yaml --power --effect reply_latency_p95=1.15 --effect rate_1011=4
  loadtest plan scenarios/peak.yaml --power --pilot results/20261122T160102Z-peak-3f9a

\b
The same scenario and seed give the same plan on every machine. What is expected of it is an estimate.
"""
COLUMNS = ("slot", "block", "arm", "due", "ring", "pickup", "patience", "variables")


@click.command(epilog=EPILOG)
@click.argument("scenario", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a value, for example blocks=24. Repeatable.",
)
@click.option("--live", is_flag=True, help="Let every arm's endpoint be Google's own.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON on standard output.")
@click.option("--power", is_flag=True, help="Instead of the calls, how many blocks each verdict takes: some minutes.")
@click.option("--candidate", metavar="ARM", help="With --power: which arm is held against the control.")
@click.option(
    "--pilot",
    metavar="RUN",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --power: take from this results folder what the control is.",
)
@click.option(
    "--assume",
    "assumed",
    metavar="NAME=VALUE",
    multiple=True,
    help="With --power: of the control, for example rate_1011=0.05 or p95_ms=2000. Repeatable.",
)
@click.option(
    "--effect",
    "effects",
    metavar="METRIC=VALUE",
    multiple=True,
    help="With --power: what the candidate does otherwise, for example rate_1011=0.5, lost_turns=-1. Repeatable.",
)
@click.option(
    "--simulations", type=click.IntRange(20), default=200, show_default=True, help="With --power: of each size."
)
def plan(
    scenario: Path,
    overrides: tuple[str, ...],
    live: bool,
    as_json: bool,
    power: bool,
    candidate: str | None,
    pilot: Path | None,
    assumed: tuple[str, ...],
    effects: tuple[str, ...],
    simulations: int,
) -> ExitCode:
    """Show every call that the scenario in FILE would place, and what to expect of them, without dialling.

    Of arms whose endpoint is Google's also the expected call minutes and their estimated cost; exits with 2 if a limit
    of the scenario would be exceeded. With --power it says instead how many blocks, hours and dollars each verdict of
    `loadtest compare` takes, by simulating experiments through the same code.
    """
    from loadtest.plan.build import build_plan, plan_hash
    from loadtest.plan.cap import resolve_cap
    from loadtest.plan.cost import check_limits, expected_use
    from loadtest.plan.outlook import outlook
    from loadtest.record.capacity import capacity_warnings
    from loadtest.record.run_json import host
    from loadtest.scenario.hosts import host_problems
    from loadtest.scenario.load import load_scenario
    from loadtest.scenario.problems import ScenarioProblems

    loaded = load_scenario(scenario, overrides, live=live)
    problems = list(host_problems(loaded))
    if problems:
        raise ScenarioProblems(problems, scenario=str(scenario))
    calls = build_plan(loaded)
    expected = outlook(loaded, calls, resolve_cap(loaded.scenario, host()["cores"]))
    use = expected_use(loaded, calls, expected)
    if power:
        from loadtest.cli.plan_power import show_power

        return show_power(
            loaded,
            expected,
            use,
            candidate=candidate,
            pilot=pilot,
            assumed=assumed,
            effects=effects,
            simulations=simulations,
            as_json=as_json,
        )
    if candidate or pilot or assumed or effects:
        raise click.UsageError("--candidate, --pilot, --assume and --effect belong to --power.")
    warnings = capacity_warnings(loaded.scenario, expected.cap, expected.peak)
    if as_json:
        plain = _plain(loaded, calls, expected, use, plan_hash(calls)) | {"warnings": list(warnings)}
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        _show_calls(calls)
        click.echo(_totals(loaded, expected, plan_hash(calls)))
        if use:
            click.echo(_uses(loaded, use))
        for warning in warnings:
            click.echo(f"\nWarning: {warning}")
    check_limits(loaded, use)
    return ExitCode.OK


def _rows(calls: Sequence[PlannedCall]) -> list[tuple[str, ...]]:
    return [
        (
            str(call.slot),
            "-" if call.block is None else str(call.block),
            call.arm,
            f"{call.due_s:.1f} s",
            f"{call.ring_s:.1f} s",
            call.pickup.value,
            f"{call.patience_s:.1f} s",
            ", ".join(f"{name}={_shown(value)}" for name, value in call.variables.items()),
        )
        for call in calls
    ]


def _shown(value: str) -> str:
    """Without what a terminal would obey."""
    return value if value.isprintable() else json.dumps(value)


def _show_calls(calls: Sequence[PlannedCall]) -> None:
    from loadtest.cli.table import show_table

    shown = len(COLUMNS) if any(call.variables for call in calls) else COLUMNS.index("variables")
    rows = [row[:shown] for row in _rows(calls)]
    show_table(COLUMNS[:shown], rows, text=("arm", "pickup", "variables"))


def _what(arm: Arm) -> str:
    return arm.model if arm.agent.plugin is None else f"{arm.model}, plugin {arm.agent.plugin}"


def _totals(loaded: LoadedScenario, expected: Outlook, plan_hash: str) -> str:
    scenario = loaded.scenario
    auto = " (auto, from the cores of this machine)" if scenario.cap == "auto" else ""
    arms = [
        f"{arm}: {expected.calls[arm]} calls, {expected.turns[arm]} script turns ({_what(scenario.arms[arm])})"
        for arm in expected.calls
    ]
    size = f"{scenario.blocks} of {scenario.calls_per_block} x {len(arms)} calls"
    at_once = f"{expected.mean:.1f} calls at the same time, at most {expected.peak}"
    lines = (
        *arms,
        f"Blocks: {size}; seed {scenario.seed}; plan {plan_hash[:12]}",
        f"Cap: {expected.cap} calls at the same time{auto}",
        "",
        "Expected, by simulation:",
        f"  {expected.minutes:.1f} minutes from the first dial to the last hang-up",
        f"  {at_once}; {100 * expected.dropped_share:.0f} % of the calls dropped at the cap",
        f"  {expected.call_s:.0f} s for an answered call",
        "It is assumed that:",
        *(f"  {assumption}" for assumption in expected.assumptions),
    )
    return "\n".join(lines)


def _uses(loaded: LoadedScenario, use: Mapping[str, Use]) -> str:
    from loadtest.plan.cost import total_use
    from loadtest.plan.prices import ASSUMPTIONS, price_of

    def text(one: Use) -> str:
        cost = "no price is known" if one.usd is None else f"${one.usd:.2f}"
        return f"{one.call_minutes:.1f} call minutes, {cost}"

    limits = loaded.scenario.limits
    minutes = "no limit on minutes" if limits.call_minutes is None else f"{limits.call_minutes:g} call minutes"
    priced = (arm for name, arm in loaded.scenario.arms.items() if use[name].usd is not None)
    dates = sorted({price.as_of.isoformat() for arm in priced if (price := price_of(arm)) is not None})
    lines = (
        "",
        "Expected of Google's endpoints, an upper estimate:",
        *(f"  {name}: {text(one)}" for name, one in use.items()),
        f"  together {text(total_use(use))}; the limits are {minutes}, ${limits.cost_usd:g}",
        *(["It is assumed that:"] if dates else []),
        *(f"  {assumption}" for assumption in ASSUMPTIONS if dates),
        *([f"  prices are those published on {', '.join(dates)}"] if dates else []),
    )
    return "\n".join(lines)


def _plain(
    loaded: LoadedScenario, calls: Sequence[PlannedCall], expected: Outlook, use: Mapping[str, Use], plan_hash: str
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "scenario": loaded.scenario.name,
        "seed": loaded.scenario.seed,
        "hashes": {**loaded.hashes, "plan": plan_hash},
        "overrides": dict(loaded.overrides),
        "outlook": asdict(expected),
        "google": {
            "arms": {name: asdict(one) for name, one in use.items()},
            "limits": loaded.scenario.limits.model_dump(),
        },
        "calls": [asdict(call) for call in calls],
    }
