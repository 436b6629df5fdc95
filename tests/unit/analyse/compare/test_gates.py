"""Each gate passes in an ordinary run, and does not where its condition fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from loadtest.analyse.compare.read import Material, read_runs
from tests.unit.made_up import SIMULATED, MadeUp, ordinary_run

BLOCKS = 24


def run_of(**scenario: Any) -> MadeUp:
    run = ordinary_run(blocks=BLOCKS, turns=8)
    run.scenario.update({"compare": {"control": "ga"}, "blocks": BLOCKS} | scenario)
    return run


def of(run: MadeUp, table: str, arm: str = "preview") -> list[dict[str, Any]]:
    return [row for row in run.tables[table] if row["arm"] == arm]


def spoil(run: MadeUp, arm: str, share: float, **columns: Any) -> None:
    turns = of(run, "turns", arm)
    for turn in turns[: round(share * len(turns))]:
        turn.update(columns)


def failed(read: Material) -> list[str]:
    return [gate.name for gate in read.gates if not gate.passed]


def invalid_everywhere(run: MadeUp) -> None:
    for arm in run.arms:
        spoil(run, arm, 0.06, valid=False)


def invalid_in_one(run: MadeUp) -> None:
    spoil(run, "preview", 0.045, valid=False)


def disputed(run: MadeUp) -> None:
    for arm in run.arms:
        spoil(run, arm, 1.0, disputed=False)
        spoil(run, arm, 0.04, disputed=True)


def disputed_in_one(run: MadeUp) -> None:
    disputed(run)
    spoil(run, "ga", 1.0, disputed=False)


def no_turns(run: MadeUp) -> None:
    run.tables["turns"] = of(run, "turns", "ga")


def arm_missing(run: MadeUp) -> None:
    run.tables["calls"] = of(run, "calls", "ga")


def arm_missing_in_some(run: MadeUp) -> None:
    for call in of(run, "calls")[:4]:
        run.tables["calls"].remove(call)


def more_of_one(run: MadeUp) -> None:
    for block in range(BLOCKS):
        for _ in range(3):
            run.call("ga", block)


def late(run: MadeUp) -> None:
    for call in run.tables["calls"][:3]:
        call["dialled_s"] += 1.5


def dropped(run: MadeUp) -> None:
    run.tables["calls"][0].update(outcome="dropped", dialled_s=None)


def queued(run: MadeUp) -> None:
    for call in of(run, "calls", "ga")[:3]:
        call["agent_joined_s"] = call["dispatched_s"] + 4


def errors_of_the_tester(run: MadeUp) -> None:
    for call in of(run, "calls", "ga")[:3]:
        call["outcome"] = "tester_error"


def busy(run: MadeUp) -> None:
    for second in range(10):
        run.machine(60.0 + second, 1.95)


def blocked(run: MadeUp) -> None:
    for second in range(20):
        lag_ms = 400.0 if second % 4 == 0 else 3.0
        run.tables["health"].append({"t_s": float(second), "process": "callee-0", "loop_lag_ms": lag_ms})


def unexplained(run: MadeUp) -> None:
    for call in of(run, "calls", "ga")[:5]:
        run.gap(call["call_id"], None, 12_000.0, cause="unknown", evidence="probe")


def hours_apart(run: MadeUp) -> None:
    for call in of(run, "calls", "ga"):
        call["due_s"] += 3600.0
        call["dialled_s"] += 3600.0
        call["agent_joined_s"] += 3600.0
        call["dispatched_s"] += 3600.0


def other_agent(run: MadeUp) -> None:
    arms = {arm: {"model": f"gemini-{arm}", "endpoint": SIMULATED} for arm in run.arms}
    arms["preview"]["agent"] = {"command": ["python", "mine.py"], "name": "mine"}
    run.scenario["arms"] = arms


def other_plugin(run: MadeUp) -> None:
    arms = {arm: {"model": f"gemini-{arm}", "endpoint": SIMULATED} for arm in run.arms}
    arms["preview"]["agent"] = {"reference": True, "plugin": "1.6.0"}
    run.scenario["arms"] = arms


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda run: None, []),
        (invalid_everywhere, ["valid_share"]),
        (invalid_in_one, ["invalid_difference"]),
        (disputed, ["disputed_share"]),
        (disputed_in_one, ["disputed_share", "disputed_difference"]),
        (no_turns, ["valid_share"]),
        (arm_missing, ["complete_blocks", "equal_allocation", "valid_share"]),
        (arm_missing_in_some, ["complete_blocks"]),
        (more_of_one, ["complete_blocks", "equal_allocation", "valid_share"]),
        (late, ["dial_lateness"]),
        (dropped, ["dropped_calls"]),
        (queued, ["agent_waits"]),
        (errors_of_the_tester, ["tester_errors"]),
        (busy, ["tester_health"]),
        (blocked, ["tester_health"]),
        (unexplained, ["known_causes"]),
        (hours_apart, ["side_by_side"]),
        (other_agent, ["same_software"]),
        (other_plugin, ["same_software"]),
    ],
)
def test_each_gate_fails_for_its_own_reason(tmp_path: Path, change: Callable[[MadeUp], None], names: list[str]) -> None:
    run = run_of()
    change(run)
    assert failed(read_runs([run.write(tmp_path)])) == names


def test_a_gate_says_what_was_held_against_what(tmp_path: Path) -> None:
    run = run_of()
    invalid_everywhere(run)
    (gate,) = [gate for gate in read_runs([run.write(tmp_path)]).gates if gate.name == "valid_share"]
    assert gate.text == (
        "valid script turns: preview 180 of 192 (93.8 %), ga 180 of 192 (93.8 %); at least 95 % needed"
    )


def test_the_difference_under_test_is_allowed(tmp_path: Path) -> None:
    run = run_of(compare={"control": "ga", "factor": "plugin"})
    other_plugin(run)
    run.scenario["arms"]["preview"]["model"] = "gemini-ga"
    read = read_runs([run.write(tmp_path)])
    assert failed(read) == []
    assert read.confounded == {"preview": ()}


def test_what_else_arms_differ_in_is_named(tmp_path: Path) -> None:
    run = run_of()
    arms: dict[str, Any] = {arm: {"model": f"gemini-{arm}", "endpoint": SIMULATED} for arm in run.arms}
    arms["preview"] |= {"api": "vertex", "voice": "Puck"}
    run.scenario["arms"] = arms
    lead = run._lead(of(run, "calls")[0]["call_id"])  # a region is no difference of its own to an API that has none
    run.tables["connections"].append(lead | {"n": 1, "host": "us-central1-aiplatform.googleapis.com"})
    read = read_runs([run.write(tmp_path)])
    assert read.confounded == {"preview": ("api: vertex / gemini", "voice: Puck / Zephyr")}
    assert failed(read) == []


@pytest.mark.parametrize(("factor", "names"), [("model", ["same_software"]), ("region", [])])
def test_arms_in_two_regions_are_apart_unless_that_is_under_test(tmp_path: Path, factor: str, names: list[str]) -> None:
    run = run_of(compare={"control": "ga", "factor": factor})
    run.scenario["arms"] = {arm: {"model": "m", "api": "vertex", "endpoint": "google"} for arm in run.arms}
    for arm, region in {"preview": "us-central1", "ga": "europe-west4"}.items():
        lead = run._lead(of(run, "calls", arm)[0]["call_id"])
        run.tables["connections"].append(lead | {"n": 1, "host": f"{region}-aiplatform.googleapis.com"})
    read = read_runs([run.write(tmp_path)])
    assert read.kind == "live"
    assert failed(read) == names
    assert read.confounded["preview"] == (("region: us-central1 / europe-west4",) if names else ())


@pytest.mark.parametrize(("said", "names"), [("same", []), ("other", ["same_audio"])])
def test_what_a_pair_was_said_is_the_same_in_all_arms(tmp_path: Path, said: str, names: list[str]) -> None:
    run = run_of()
    folder = run.write(tmp_path)
    rows = [
        {"block": block, "pair": 0, "arm": arm, "line_hashes": ["hello", said if (arm, block) == ("ga", 3) else "same"]}
        for block in range(BLOCKS)
        for arm in run.arms
    ]
    pl.DataFrame(rows).write_parquet(folder.plan)
    read = read_runs([folder])
    assert failed(read) == names
    assert read.warnings == ()


def test_a_scenario_can_set_the_limits_beforehand(tmp_path: Path) -> None:
    run = run_of(validity={"valid_share": 0.9})
    invalid_everywhere(run)
    assert failed(read_runs([run.write(tmp_path)])) == []


def test_gates_are_those_of_the_page() -> None:
    from loadtest.analyse.compare.gates import gates
    from loadtest.analyse.compare.tallies import ArmTally, RunTally
    from loadtest.scenario.models import ValidityLimits

    tally = RunTally(
        arms={"a": ArmTally(), "b": ArmTally()},
        complete=0,
        begun=0,
        missing=0,
        apart=0,
        samples={},
        late_frames=0,
        strange_audio=None,
    )
    page = (Path(__file__).parents[4] / "docs" / "comparison.md").read_text()
    table = page[page.index("## Gates") : page.index("## Exit codes")]
    told = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert told == [gate.name for gate in gates(tally, ValidityLimits(), [])]
