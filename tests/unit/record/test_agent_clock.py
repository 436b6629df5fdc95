"""The agent's clock: drift is followed, slow answers do no harm, and the truth lies within the stated uncertainty."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from loadtest.record.agent_clock import DRIFT, AgentClock
from loadtest.record.events import ClockSync

AHEAD_S = 1000.0


def pings(
    agent_of: Callable[[float], float], run_s: Iterator[float] | list[float], delays: Callable[[], tuple[float, float]]
) -> list[ClockSync]:
    """What the tester makes of pings sent at these run times; delays: of the ping and of its answer, seconds."""
    found = []
    for sent_s in run_s:
        there_s, back_s = delays()
        received_s = sent_s + there_s + back_s
        offset_s = (sent_s + received_s) / 2 - agent_of(sent_s + there_s)
        found.append(ClockSync(t=received_s, offset_s=offset_s, uncertainty_ms=(received_s - sent_s) / 2 * 1000))
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drift", [0.0, 1e-4, -1e-4, 4.9e-4])
def test_every_moment_of_an_hour_is_within_its_uncertainty_and_that_is_small(drift: float, seed: int) -> None:
    rng = random.Random(seed)

    def agent_of(run_s: float) -> float:
        return run_s * (1 + drift) + AHEAD_S

    def delays() -> tuple[float, float]:
        if rng.random() < 0.1:  # an event loop that was blocked, on one way only
            return rng.choice([(2.0, 0.001), (0.001, 2.0)])
        return rng.uniform(0.001, 0.005), rng.uniform(0.001, 0.005)

    clock = AgentClock(pings(agent_of, [5.0 * n for n in range(720)], delays))
    for _ in range(500):
        run_s = rng.uniform(0.0, 3600.0)
        placed = clock.at(agent_of(run_s))
        assert placed is not None
        assert abs(placed.t_s - run_s) <= placed.uncertainty_s + 1e-9
        assert placed.uncertainty_s < 0.02


def test_the_best_ping_of_the_call_does_not_place_what_came_an_hour_later() -> None:
    """One quick answer at the start would win for ever if drift was not counted; it is 0.36 s off at the end."""

    def agent_of(run_s: float) -> float:
        return run_s * (1 + 1e-4) + AHEAD_S

    quick = pings(agent_of, [0.0], lambda: (0.0001, 0.0001))
    usual = pings(agent_of, [5.0 * n for n in range(1, 720)], lambda: (0.01, 0.01))
    placed = AgentClock(quick + usual).at(agent_of(3590.0))
    assert placed is not None
    assert placed.t_s == pytest.approx(3590.0, abs=0.002)


def test_where_no_ping_was_answered_the_uncertainty_grows() -> None:
    clock = AgentClock([ClockSync(t=10.0, offset_s=-AHEAD_S, uncertainty_ms=1.0)])
    near, far = clock.at(AHEAD_S + 10.0), clock.at(AHEAD_S + 610.0)
    assert near is not None
    assert far is not None
    assert near.uncertainty_s == pytest.approx(0.001, abs=1e-5)
    assert far.uncertainty_s == pytest.approx(0.001 + 600 * DRIFT, abs=1e-5)


def test_an_agent_that_was_restarted_on_another_machine_has_another_clock() -> None:
    here = [ClockSync(t=float(t), offset_s=-AHEAD_S, uncertainty_ms=1.0) for t in range(0, 30, 5)]
    there = [ClockSync(t=float(t), offset_s=5e6, uncertainty_ms=0.1) for t in range(30, 60, 5)]
    clock = AgentClock(here + there)
    for agent_s, run_s in ((AHEAD_S + 12.0, 12.0), (47.0 - 5e6, 47.0)):
        placed = clock.at(agent_s)
        assert placed is not None
        assert placed.t_s == pytest.approx(run_s)


def test_two_agents_at_once_have_each_their_own_clock() -> None:
    one = [ClockSync(t=float(t), offset_s=-AHEAD_S, uncertainty_ms=5.0, session="one") for t in range(0, 60, 5)]
    two = [ClockSync(t=float(t), offset_s=-AHEAD_S + 3.0, uncertainty_ms=0.1, session="two") for t in range(0, 60, 5)]
    clock = AgentClock(one + two)
    places = [clock.at(AHEAD_S + 30.0, session) for session in ("one", "two")]
    assert [placed and round(placed.t_s, 6) for placed in places] == [30.0, 33.0]


def test_without_an_answer_nothing_is_known() -> None:
    assert AgentClock([]).at(5.0) is None
