"""When the tester calls its own figures invalid."""

from __future__ import annotations

import polars as pl
import pytest

from loadtest.analyse.shares import Share
from loadtest.analyse.validity import Calls, ValidTurns, count_valid, health_of_tester, verdict_on_validity
from loadtest.record.tables import TABLES
from loadtest.scenario.models import ValidityLimits


def turns(valid: int, total: int) -> ValidTurns:
    return ValidTurns(turns=total, valid=valid, share=valid / total if total else None, reasons={})


def verdict(
    by_arm: dict[str, ValidTurns],
    *,
    disputed: dict[str, tuple[int, int]] | None = None,
    dialled: int = 100,
    tester_errors: int = 0,
    late: int = 0,
    queued: int = 0,
) -> tuple[str, ...]:
    shares = {
        arm: Share(count=count, n=n, value=count / n if n else None, interval=None)
        for arm, (count, n) in (disputed or {}).items()
    }
    calls = Calls(dialled=dialled, tester_errors=tester_errors, late=late, queued=queued)
    return verdict_on_validity(by_arm, shares, calls, ValidityLimits())


def test_an_arm_below_the_limit_makes_the_run_invalid() -> None:
    assert verdict({"preview": turns(82, 100), "ga": turns(82, 100)}) == (
        "preview: 82 % of turns valid, 95 % needed",
        "ga: 82 % of turns valid, 95 % needed",
    )
    assert verdict({"preview": turns(95, 100), "ga": turns(100, 100)}) == ()


def test_a_share_just_below_the_limit_is_not_printed_as_the_limit() -> None:
    assert verdict({"ga": turns(9497, 10_000)}) == ("ga: 94.97 % of turns valid, 95 % needed",)


def test_an_arm_without_turns_was_not_measured() -> None:
    assert verdict({"ga": turns(0, 0)}) == ("ga: no script turn was measured",)


def test_calls_that_the_tester_broke_have_no_turns_and_still_count() -> None:
    assert verdict({"ga": turns(100, 100)}, tester_errors=5) == ()
    assert verdict({"ga": turns(100, 100)}, tester_errors=6) == (
        "6 of 100 dialled calls failed by the tester's own fault",
    )


def test_turns_that_are_disputed_in_one_arm_or_in_both() -> None:
    fine = {"preview": turns(100, 100), "ga": turns(100, 100)}
    assert verdict(fine, disputed={"preview": (3, 100), "ga": (3, 100)}) == ()
    assert verdict(fine, disputed={"preview": (4, 100), "ga": (3, 100)}) == (
        "preview: 4.0 % of turns disputed, 2 % at most allowed",
    )
    assert verdict(fine, disputed={"preview": (1, 4), "ga": (0, 0)}) == ()


def test_arms_that_lose_unequal_shares_of_their_turns_are_not_compared() -> None:
    """Both have enough valid turns, but what is missing in the one is not missing in the other."""
    assert verdict({"preview": turns(960, 1000), "ga": turns(985, 1000)}) == (
        "4.0 % of turns invalid in preview, 1.5 % in ga: no more than 2 points apart allowed",
    )
    assert verdict({"preview": turns(966, 1000), "ga": turns(985, 1000)}) == ()
    assert verdict({"preview": turns(96, 100), "ga": turns(100, 100)}) == ()  # as well chance
    fine = {"preview": turns(1000, 1000), "ga": turns(1000, 1000), "third": turns(0, 0)}
    assert verdict(fine, disputed={"preview": (21, 1000), "ga": (0, 1000)})[1:] == (
        "2.1 % of turns disputed in preview, 0.0 % in ga: no more than 2 points apart allowed",
    )


def test_calls_that_were_not_placed_when_they_were_due_or_waited_for_the_machines_own_agent() -> None:
    fine = {"ga": turns(100, 100)}
    assert verdict(fine, late=2, queued=2) == ()
    assert verdict(fine, late=3, queued=3) == (
        "3 of 100 calls were dialled late, 1 % at most allowed",
        "3 of 100 calls were kept waiting for an agent of loadtest's own, 1 % at most allowed",
    )
    assert verdict(fine, dialled=4, late=1) == ()


def test_reasons_are_counted_without_their_amounts() -> None:
    frame = pl.DataFrame(
        {
            "valid": [True, False, False, False, None],
            "invalid_reason": [None, "loop_lag 120 ms; cpu 97%", "loop_lag 300 ms", "killed", None],
        }
    )
    counted = count_valid(frame)
    assert (counted.turns, counted.valid) == (5, 1)
    assert counted.reasons == {"loop_lag": 2, "cpu": 1, "killed": 1, "no reason recorded": 1}


def test_a_saturated_tester() -> None:
    calls = pl.DataFrame(
        [
            {
                "due_s": float(i),
                "dialled_s": i + 0.002 * i,
                "outcome": "completed",
                "dispatched_s": float(i),
                "agent_joined_s": i + 0.5,
            }
            for i in range(400)
        ]
        + [{"due_s": 400.0, "outcome": "dropped"}],
        schema=dict(TABLES["calls"]),
    )
    health = pl.DataFrame(
        [
            {"t_s": -5.0, "process": "machine", "cpu": 2.0},  # warm-up
            *({"t_s": float(t), "process": "machine", "cpu": 1.0 + 0.005 * t} for t in range(100)),
            {"t_s": 3.0, "process": "callee-1", "cpu": 0.2, "loop_lag_ms": 140.0, "late_frames": 3, "calls_active": 4},
            *({"t_s": float(t), "process": "callee-0", "cpu": 0.1} for t in range(100)),
            *({"t_s": float(t), "process": "tester", "cpu": 0.05} for t in range(100)),
            *({"t_s": float(t), "process": "livekit-server", "cpu": 0.01 * t} for t in range(100)),
            *({"t_s": float(t), "process": f"agent-{arm}", "cpu": 0.2} for t in range(100) for arm in ("a", "b")),
        ],
        schema=dict(TABLES["health"]),
    )
    seen = health_of_tester(calls, health, cores=2, limits=ValidityLimits(dial_late_ms=700.0, agent_join_ms=499.0))
    assert (seen.dials, seen.dropped, seen.late_dials) == (400, 1, 49)
    assert seen.late_p50_ms == pytest.approx(398.0)
    assert seen.late_p99_ms == pytest.approx(790.0)
    assert seen.late_max_ms == pytest.approx(798.0)
    assert seen.cpu_p95 == pytest.approx(1.47 / 2)
    assert (seen.loop_lag_max_ms, seen.late_frames, seen.calls_at_once) == (140.0, 3, 4)
    assert seen.queued == 400
    assert seen.cores_p95 == pytest.approx({"callees": 0.15, "server": 0.94, "agents": 0.4, "all": 1.49})


def test_no_samples_are_unknown_and_not_zero() -> None:
    calls, health = (pl.DataFrame(schema=dict(TABLES[name])) for name in ("calls", "health"))
    seen = health_of_tester(calls, health, cores=None, limits=ValidityLimits())
    assert (seen.queued, seen.cores_p95) == (0, {})
    assert (seen.dials, seen.late_p50_ms, seen.cpu_p95, seen.loop_lag_max_ms, seen.late_frames) == (
        0,
        None,
        None,
        None,
        None,
    )
