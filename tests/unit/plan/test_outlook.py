"""The cap, and what a plan is expected to come to."""

from __future__ import annotations

import pytest

from loadtest.plan.build import build_plan
from loadtest.plan.cap import resolve_cap
from loadtest.plan.outlook import Outlook, outlook
from tests.unit.plan.conftest import Load


@pytest.mark.parametrize(
    ("arms", "cores", "cap"), [(1, 1, 1), (1, 2, 3), (2, 1, 2), (2, 2, 2), (2, 4, 6), (3, 2, 3), (3, 8, 12), (4, 3, 4)]
)
def test_auto_is_what_the_cores_hold_for_all_arms_alike(load: Load, arms: int, cores: int, cap: int) -> None:
    assert resolve_cap(load(arms=[f"a{i}" for i in range(arms)]).scenario, cores) == cap


def test_a_cap_that_is_given_stands(load: Load) -> None:
    assert resolve_cap(load(cap=5).scenario, 64) == 5


def expected(load: Load, cap: int, **changes: object) -> Outlook:
    loaded = load(**changes)
    return outlook(loaded, build_plan(loaded), cap)


def test_calls_far_apart_never_meet(load: Load) -> None:
    found = expected(load, 2, arrivals=[{"rate_per_minute": 0.1}])
    assert (found.peak, found.dropped_share) == (1, 0)
    assert found.calls == {"preview": 4, "ga": 4}
    assert found.turns == {"preview": 8, "ga": 8}
    assert found.minutes == pytest.approx(70, abs=1)


def test_calls_that_come_at_once_are_dropped_at_the_cap(load: Load) -> None:
    found = expected(load, 2, arrivals=[{"rate_per_minute": 600}])
    assert (found.peak, found.dropped_share) == (2, 0.75)
    assert expected(load, 8, arrivals=[{"rate_per_minute": 600}]).peak == 8


def test_calls_at_once_are_rate_times_length(load: Load) -> None:
    found = expected(load, 100, blocks=100)
    assert found.mean == pytest.approx(found.call_s / 10, rel=0.05)


def test_a_call_that_nobody_answers_only_rings(load: Load) -> None:
    callee = {"ring_s": 2, "pickup": {"answer": 0, "busy": 1}}
    found = expected(load, 2, callee=callee)
    assert found.turns == {"preview": 0, "ga": 0}
    assert found.call_s == 0
    assert found.minutes == pytest.approx((70 + 2) / 60)


def test_the_outlook_of_a_plan_is_always_the_same(load: Load) -> None:
    assert expected(load, 2) == expected(load, 2)


def test_waits_keys_and_lines_without_a_reply_are_in_the_length_and_not_in_the_turns(load: Load) -> None:
    plain = expected(load, 2)
    lines = [
        {"name": "a", "audio": "a.wav"},
        {"name": "never", "audio": "n.wav", "if_silent_s": 3},
        {"name": "b", "audio": "b.wav", "wait_s": 7},
    ]
    longer = expected(load, 2, said={"lines": lines})
    assert longer.turns == plain.turns
    assert longer.call_s == pytest.approx(plain.call_s + 7)
    quiet = [*lines, {"name": "c", "audio": "c.wav", "reply": False}, {"name": "d", "dtmf": "1ww2", "reply": False}]
    longest = expected(load, 2, said={"lines": quiet})
    assert longest.turns == plain.turns
    assert longest.call_s == pytest.approx(longer.call_s + 1.0 + 1.3 + 2 * 1.2)
