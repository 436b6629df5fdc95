"""The plan: scenario and seed to every call that will be placed. Pure; the same input gives the same plan anywhere."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from functools import cache

from loadtest.errors import ScenarioError
from loadtest.plan.arrivals import calls_that_fit, due_times
from loadtest.plan.blocks import Pair, draw_pair, fictional_number, slots
from loadtest.plan.calls import PlannedCall
from loadtest.scenario.impairments import Impairments
from loadtest.scenario.load import LoadedScenario
from loadtest.scenario.problems import Problem, ScenarioProblems

__all__ = ["MOST_CALLS", "build_plan", "plan_hash"]

MOST_CALLS = 100_000


def build_plan(loaded: LoadedScenario) -> tuple[PlannedCall, ...]:
    """Every call in the order of its slots, which is the order in which they are due.

    Raises ScenarioError if the arrivals end before all calls have been due, or there are more than MOST_CALLS.
    """
    scenario = loaded.scenario
    due = _due(loaded, scenario.blocks * len(scenario.arms) * scenario.calls_per_block)

    @cache
    def drawn(block: int, pair: int) -> Pair:
        return draw_pair(scenario.callee, loaded.script.spec, scenario.seed, block, pair)

    @cache
    def said(block: int, pair: int) -> tuple[str, ...]:
        callee = drawn(block, pair)
        takes = (line.take(callee.variables) for line in loaded.script.lines)
        return tuple(_as_sent(take.sha256, scenario.callee.line, callee.seed) for take in takes if take is not None)

    return tuple(
        PlannedCall(
            call_id=f"{slot:04d}-{arm}",
            slot=slot,
            block=block,
            pair=pair,
            arm=arm,
            due_s=due[slot],
            script=scenario.script,
            line_hashes=said(block, pair),
            number=fictional_number(slot),
            ring_s=drawn(block, pair).ring_s,
            pickup=drawn(block, pair).pickup,
            patience_s=drawn(block, pair).patience_s,
            seed=drawn(block, pair).seed,
            waits_s=drawn(block, pair).waits_s,
            variables=drawn(block, pair).variables,
        )
        for slot, (block, pair, arm) in enumerate(
            slots(tuple(scenario.arms), scenario.blocks, scenario.calls_per_block, scenario.seed)
        )
    )


def plan_hash(calls: Sequence[PlannedCall]) -> str:
    """sha256, hex, of the plan as canonical JSON."""
    text = json.dumps([dataclasses.asdict(call) for call in calls], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _as_sent(sha256: str, line: Impairments | None, seed: int) -> str:
    """Of a line's audio and all that makes it sound otherwise."""
    if line is None:
        return sha256
    made_of = json.dumps([sha256, line.model_dump(mode="json"), seed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(made_of.encode()).hexdigest()


def _due(loaded: LoadedScenario, calls: int) -> tuple[float, ...]:
    phases = loaded.scenario.arrivals
    if calls > MOST_CALLS:
        raise _error(loaded, "blocks", f"expected at most {MOST_CALLS} calls; found {calls}", "Plan fewer blocks.")
    fit = calls_that_fit(phases)
    if fit < calls:
        last = len(phases) - 1
        per_block = len(loaded.scenario.arms) * loaded.scenario.calls_per_block
        remedy = "Make the phases longer" if phases[last].ramp_per_minute else "Leave for_s out of the last phase"
        if fit >= per_block:
            remedy += f", or set blocks to {int(fit // per_block)}"
        text = f"expected phases in which {calls} calls are due; found that {fit:.0f} fit"
        raise _error(loaded, f"arrivals.{last}", text, f"{remedy}, or add a phase.")
    return due_times(phases, calls)


def _error(loaded: LoadedScenario, field: str, text: str, remedy: str) -> ScenarioError:
    return ScenarioProblems([Problem(loaded.place(field), field, text, remedy)], scenario=str(loaded.path))
