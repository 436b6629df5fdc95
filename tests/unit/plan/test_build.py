"""The plan: blocks, pairs, what is drawn, and that it is the same anywhere."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import RecordError, ScenarioError
from loadtest.plan.build import build_plan, plan_hash
from loadtest.plan.calls import PlannedCall
from loadtest.record.plan_io import read_plan, write_plan
from tests.unit.plan.conftest import Load, load_plain

SHARED = ("script", "line_hashes", "ring_s", "pickup", "patience_s", "seed", "waits_s")
MIX = {"answer": 0.5, "no_answer": 0.2, "busy": 0.2, "rejected": 0.1}


def shared(call: PlannedCall) -> tuple[object, ...]:
    return (*(getattr(call, name) for name in SHARED), *call.variables.items())


@given(
    arms=st.integers(1, 4).map(lambda n: tuple(f"arm-{i}" for i in range(n))),
    blocks=st.integers(1, 6),
    calls_per_block=st.integers(1, 4),
    seed=st.integers(0, 2**63 - 1),
)
def test_blocks_are_complete_and_pairs_equal(arms: Sequence[str], blocks: int, calls_per_block: int, seed: int) -> None:
    calls = build_plan(
        load_plain(arms=arms, blocks=blocks, calls_per_block=calls_per_block, seed=seed, callee={"pickup": MIX})
    )
    size = len(arms) * calls_per_block
    assert [call.slot for call in calls] == list(range(blocks * size))
    assert [call.block for call in calls] == [slot // size for slot in range(blocks * size)]
    assert list(calls) == sorted(calls, key=lambda call: call.due_s)
    assert Counter((call.block, call.arm) for call in calls) == {
        (block, arm): calls_per_block for block in range(blocks) for arm in arms
    }
    pairs: dict[tuple[int | None, int], list[PlannedCall]] = {}
    for call in calls:
        pairs.setdefault((call.block, call.pair), []).append(call)
    for pair in pairs.values():
        assert {call.arm for call in pair} == set(arms)
        assert len({shared(call) for call in pair}) == 1
    assert len({call.seed for call in calls}) == len(pairs)
    assert len({call.call_id for call in calls}) == len({call.number for call in calls}) == len(calls)


def test_more_blocks_or_arms_do_not_change_what_was_drawn(load: Load) -> None:
    few, many = build_plan(load(blocks=3, calls_per_block=2)), build_plan(load(blocks=9, calls_per_block=2))
    assert many[: len(few)] == few
    three = build_plan(load(blocks=3, calls_per_block=2, arms=("preview", "ga", "third")))
    assert {(c.block, c.pair, *shared(c)) for c in three} == {(c.block, c.pair, *shared(c)) for c in few}


def test_the_seed_changes_the_plan(load: Load) -> None:
    assert plan_hash(build_plan(load(seed=1))) == plan_hash(build_plan(load(seed=1)))
    assert plan_hash(build_plan(load(seed=1))) != plan_hash(build_plan(load(seed=2)))


def test_another_process_makes_the_same_plan(load: Load) -> None:
    code = (
        "from tests.unit.plan.conftest import load_plain\nfrom loadtest.plan.build import build_plan, plan_hash\n"
        "print(plan_hash(build_plan(load_plain(callee={'ring_s': {'lognormal': {'median': 2, 'p95': 6}}}))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    here = plan_hash(build_plan(load(callee={"ring_s": {"lognormal": {"median": 2, "p95": 6}}})))
    assert done.stdout.strip() == here
    # And every other machine: this was computed once, and has to stay.
    assert here == "b9632cac253d904bf372502183cf33e8dd0e2102e799e27f85af08aeabf6a683"


def test_the_order_of_arms_is_drawn_evenly(load: Load) -> None:
    first = Counter(call.arm for call in build_plan(load(blocks=400)) if call.slot % 2 == 0)
    assert 160 <= first["ga"] <= 240


def test_draws_follow_their_distributions(load: Load) -> None:
    callee = {
        "ring_s": {"lognormal": {"median": 2, "p95": 6}},
        "patience_s": {"uniform": [4, 7]},
        "pickup": MIX,
    }
    calls = [call for call in build_plan(load(blocks=2000, callee=callee)) if call.arm == "ga"]
    ring = sorted(call.ring_s for call in calls)
    assert ring[1000] == pytest.approx(2, rel=0.1)
    assert ring[1900] == pytest.approx(6, rel=0.15)
    assert 4 <= min(call.patience_s for call in calls) < 4.05
    assert 6.95 < max(call.patience_s for call in calls) <= 7
    for way, n in Counter(call.pickup.value for call in calls).items():
        assert n / 2000 == pytest.approx(MIX[way], abs=0.04)


def test_a_pickup_of_no_share_never_happens(load: Load) -> None:
    third = {"answer": 0.3333333, "busy": 0.3333333, "no_answer": 0.3333333}  # sums to 1 only nearly
    calls = build_plan(load(blocks=2000, callee={"pickup": third}))
    assert {call.pickup.value for call in calls} == {"answer", "busy", "no_answer"}


def test_numbers_are_of_the_range_kept_for_fiction(load: Load) -> None:
    for call in build_plan(load(blocks=300)):
        assert len(call.number) == 11
        assert call.number[0] == "1"
        assert call.number[4:9] == "55501"


def test_phases_that_are_too_short_say_what_fits(load: Load) -> None:
    with pytest.raises(ScenarioError) as raised:
        build_plan(load(blocks=4, arrivals=[{"rate_per_minute": 6, "for_s": 60}]))
    assert raised.value.message == (
        "plain.yaml: arrivals.0: expected phases in which 8 calls are due; found that 6 fit"
    )
    assert raised.value.remedy == "Leave for_s out of the last phase, or set blocks to 3, or add a phase."


def test_a_plan_beyond_reason_is_refused(load: Load) -> None:
    with pytest.raises(ScenarioError, match="at most 100000 calls"):
        build_plan(load(blocks=10_000, calls_per_block=100))


def test_a_plan_is_read_as_it_was_written(load: Load, tmp_path: Path) -> None:
    calls = build_plan(load(callee={"pickup": MIX}, seed=2**63 - 1))
    write_plan(tmp_path / "plan.parquet", calls)
    assert read_plan(tmp_path / "plan.parquet") == calls
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "plan.parquet").read_bytes()[:100])
    for name in ("torn.parquet", "missing.parquet"):
        with pytest.raises(RecordError, match="cannot be read as a plan"):
            read_plan(tmp_path / name)


SAID = {
    "variables": {"day": ["Tuesday", "Friday"], "name": ["Ann"]},
    "lines": [
        {"name": "ask", "say": "On {day}?"},
        {"name": "menu", "dtmf": "1#"},
        {"name": "yes", "audio": "yes.wav", "wait_s": {"uniform": [1, 3]}},
    ],
}


def test_variables_and_waits_are_drawn_for_the_pair(load: Load) -> None:
    calls = build_plan(load(said=SAID, blocks=200))
    by_pair: dict[object, set[object]] = {}
    for call in calls:
        by_pair.setdefault((call.block, call.pair), set()).add(shared(call))
    assert all(len(drawn) == 1 for drawn in by_pair.values())
    days = Counter(call.variables["day"] for call in calls if call.arm == "ga")
    assert set(days) == {"Tuesday", "Friday"}
    assert 70 <= days["Friday"] <= 130
    assert {call.variables["name"] for call in calls} == {"Ann"}
    waits = [call.waits_s for call in calls]
    assert all(wait[:2] == (0, 0) and 1 <= wait[2] <= 3 for wait in waits)
    assert 1.8 < sum(wait[2] for wait in waits) / len(waits) < 2.2
    # What is said depends on what was drawn; a line of keys has no audio.
    assert {call.line_hashes for call in calls} == {("askTuesday", "yes"), ("askFriday", "yes")}
    assert all(call.line_hashes[0] == f"ask{call.variables['day']}" for call in calls)


def test_another_variable_or_line_does_not_change_what_was_drawn(load: Load) -> None:
    more = {
        **SAID,
        "variables": {**SAID["variables"], "time": ["ten", "eleven"]},  # type: ignore[dict-item]
        "lines": [*SAID["lines"], {"name": "more", "audio": "more.wav", "wait_s": {"uniform": [5, 6]}}],
    }
    for before, after in zip(build_plan(load(said=SAID)), build_plan(load(said=more)), strict=True):
        assert after.waits_s[:3] == before.waits_s
        assert {name: after.variables[name] for name in before.variables} == before.variables
        assert (after.ring_s, after.patience_s, after.seed) == (before.ring_s, before.patience_s, before.seed)


def test_a_plan_with_variables_is_read_as_it_was_written(load: Load, tmp_path: Path) -> None:
    calls = build_plan(load(said=SAID))
    write_plan(tmp_path / "plan.parquet", calls)
    assert read_plan(tmp_path / "plan.parquet") == calls


def test_a_plan_from_before_there_were_variables_can_be_read(load: Load, tmp_path: Path) -> None:
    calls = build_plan(load())
    write_plan(tmp_path / "plan.parquet", calls)
    pl.read_parquet(tmp_path / "plan.parquet").drop("waits_s", "variables").write_parquet(tmp_path / "old.parquet")
    old = read_plan(tmp_path / "old.parquet")
    assert [(call.call_id, call.variables, call.waits_s) for call in old] == [(c.call_id, {}, ()) for c in calls]


def test_a_bad_line_makes_other_audio_of_the_lines_and_the_same_for_a_pair(load: Load) -> None:
    clean = build_plan(load())
    bad = build_plan(load(callee={"line": {"loss": 0.1}}))
    assert {call.line_hashes for call in clean} == {("a", "b")}
    by_pair: dict[tuple[int | None, int], set[tuple[str, ...]]] = {}
    for call in bad:
        by_pair.setdefault((call.block, call.pair), set()).add(call.line_hashes)
    assert all(len(hashes) == 1 for hashes in by_pair.values())
    assert len({call.line_hashes for call in bad}) == len(by_pair)
    worse = build_plan(load(callee={"line": {"loss": 0.2}}))
    assert not {call.line_hashes for call in bad} & {call.line_hashes for call in worse}
