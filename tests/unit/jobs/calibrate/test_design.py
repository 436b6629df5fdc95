"""What a calibration does, and the files of its runs: they must be what any other run could be."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from loadtest.errors import AnalysisError
from loadtest.jobs.calibrate import design, truths
from loadtest.jobs.calibrate.capacity import Look, look_at, search
from loadtest.jobs.calibrate.design import Target
from loadtest.jobs.calibrate.sealed import open_sealed, seal
from loadtest.jobs.calibrate.truths import FULL, QUICK, Size, TurnTruth
from loadtest.plan.build import build_plan
from loadtest.scenario.load import load_scenario


@pytest.mark.parametrize("size", [QUICK, FULL])
def test_delays_reach_from_a_fifth_of_a_second_to_five_and_blocks_are_alike(size: Size) -> None:
    blocks = truths.swept(size.blocks - size.sealed_blocks, size.turns)
    delays = sorted(delay for block in blocks for delay in block)
    assert (delays[0], delays[-1]) == (200.0, 5000.0)
    assert len(set(delays)) == len(delays)
    assert truths.swept(size.blocks - size.sealed_blocks, size.turns) == blocks


@pytest.mark.parametrize("size", [QUICK, FULL])
def test_identical_arms_have_the_same_truths_but_for_one_loses_what_the_other_has_cut(size: Size) -> None:
    of_calls = truths.truths_by_call(size, truths.sealed_truths(size, random.Random(3)))
    by_block: dict[int, dict[str, list[TurnTruth]]] = {}
    for block, arm, call in truths.call_ids(("a", "b", "echo"), size.blocks):
        if arm != "echo":
            by_block.setdefault(block, {})[arm] = of_calls[call]
    faults = set()
    for of in by_block.values():
        assert [turn.delay_ms for turn in of["a"]] == [turn.delay_ms for turn in of["b"]]
        assert of["a"][:-1] == of["b"][:-1]
        last = {of["a"][-1].fault, of["b"][-1].fault}
        assert last in ({None}, {"F1", "F2"})
        faults |= last
    assert faults == {None, "F1", "F2"}
    holes = [turn.hole_ms for turns in of_calls.values() for turn in turns if turn.hole_ms is not None]
    assert len(holes) >= len(of_calls) / 2
    assert min(holes) >= 300
    assert max(holes) / 1000 < design.FINISHED_S - 0.15, "the callee would take the floor"


def test_every_run_is_a_scenario_that_loads_with_its_calls_named_as_its_truths(tmp_path: Path) -> None:
    sealed = truths.sealed_truths(FULL, random.Random(1))
    truth = load_scenario(design.truth_run(FULL, sealed, Target(), 3).write(tmp_path / "truth"))
    planned = {call.call_id for call in build_plan(truth) if call.arm != "echo"}
    assert planned == set(truths.truths_by_call(FULL, sealed))
    assert truth.scenario.mid_reply_limit_s == 0.25
    gaps = load_scenario(design.gaps_run(FULL, Target(), 3).write(tmp_path / "gaps"))
    assert {call.call_id for call in build_plan(gaps)} == {
        fault.calls[0] for fault in gaps.profiles["a"].faults if fault.calls
    }
    assert gaps.scenario.callee.agent_finished_after_s > max(FULL.long_holes_s)
    for agents in (True, False):
        run = load_scenario(design.capacity_run(7, Target(), agents=agents).write(tmp_path / str(agents)))
        assert len(build_plan(run)) == 7
        assert build_plan(run)[-1].due_s < 9
    outside = Target("external", ("livekit.example.org",), ("livekit-cloud-acceptable-use",))
    external = load_scenario(design.capacity_run(2, outside, agents=True).write(tmp_path / "external")).scenario
    assert (external.stack, external.hosts) == ("external", ("livekit.example.org",))


def test_every_truth_is_in_the_profile_of_its_arm() -> None:
    calls = {"0001-a": [TurnTruth(700.0, hole_ms=420.0), TurnTruth(300.0, fault="F1")]}
    profile = design.profile(calls)
    assert profile["reply_delay"]["calls_ms"] == {"0001-a": [200.0, 700.0, 300.0]}
    hole, close = profile["faults"]
    assert (hole["fault"], hole["at_turn"], hole["calls"], hole["stall_ms_min"], hole["stall_ms_max"]) == (
        "F23",
        1,
        ["0001-a"],
        420.0,
        420.0,
    )
    assert close == {"fault": "F1", "at_turn": 2, "calls": ["0001-a"]}


def test_what_is_sealed_is_opened_only_if_nobody_touched_it(tmp_path: Path) -> None:
    path = tmp_path / "sealed.json"
    calls = {"0001-a": [TurnTruth(700.0, hole_ms=420.0), TurnTruth(300.0)]}
    sha256 = seal(path, calls)
    assert open_sealed(path, sha256) == calls
    assert seal(tmp_path / "again.json", calls) != sha256, "the same truth could be told by its hash"
    path.write_text(path.read_text().replace("420.0", "421.0"))
    with pytest.raises(AnalysisError, match="not what was sealed"):
        open_sealed(path, sha256)


@pytest.mark.parametrize(
    ("held", "looks", "expected", "tried"),
    [
        (5, 4, (5, 6), [4, 8, 6, 5]),
        (5, 3, (4, 6), [4, 8, 6]),
        (2, 3, (2, 3), [4, 2, 3]),
        (0, 3, (0, 1), [4, 2, 1]),
        (99, 3, (16, None), [4, 8, 16]),
        (99, 9, (20, None), [4, 8, 16, 20]),
    ],
)
def test_the_search_doubles_then_bisects_and_stays_within_its_looks(
    held: int, looks: int, expected: tuple[int, int | None], tried: list[int]
) -> None:
    found = search(
        lambda calls: Look(calls=calls, held=calls <= held, turns=1, touched={}), first=4, most=20, looks=looks
    )
    assert (found.held, found.touched) == expected
    assert [look.calls for look in found.looks] == tried


def test_a_number_of_calls_is_held_if_no_limit_was_touched_and_no_call_failed() -> None:
    well = {"kind": "script", "valid": True, "invalid_reason": None}
    late = {"kind": "script", "valid": False, "invalid_reason": "cpu_stall 51%; loop_lag 190 ms"}
    assert look_at(2, [well, well], [{"outcome": "completed"}] * 2).held
    touched = look_at(2, [well, late], [{"outcome": "completed"}, {"outcome": "agent_no_show"}])
    assert not touched.held
    assert touched.touched == {"cpu_stall": 1, "loop_lag": 1, "agent_no_show": 1}
    assert not look_at(2, [], [{"outcome": "completed"}]).held
