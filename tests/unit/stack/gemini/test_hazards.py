"""When faults strike: every trigger, what narrows it, and how often hazards do, on fixed seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from scipy.stats import binom

from loadtest.scenario.catalogue import CLOCK, CONNECT, FAULTS, TOOL, TURN
from loadtest.scenario.faults import Fault
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import CLOCKS, CONNECTS, TOOLS, TURNS
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.plan import AudioPart, GenerationComplete, Mark, Step, TurnComplete
from loadtest.stack.gemini.state import CallState
from tests.unit.stack.gemini.conftest import Drive, profile, silence, speech

CALLS = 1200
PLAN = (
    *(Step(0.5 + 0.1 * n, AudioPart(b"", 43)) for n in range(20)),
    Step(2.6, GenerationComplete()),
    Step(3.0, TurnComplete()),
)


def hazards(*faults: dict[str, Any], call: str | None = "0001-a", connection: int = 1, seed: int = 1) -> Hazards:
    key = call or "a-1"
    parsed = tuple(Fault.model_validate(fault) for fault in faults)
    return Hazards(parsed, Draws(seed, "a", key), CallState(call, key), connection)


def turn_struck(of: Hazards, turn: int, *, age_s: float = 100.0, run_s: float = 100.0) -> list[str]:
    """The faults that take effect in a turn, F1 and the like included."""
    steps = of.changed(PLAN, turn, age_s=age_s, run_s=run_s)
    return [step.what.fault for step in steps if isinstance(step.what, Mark)]


def is_a_sample_of(struck: int, of: int, share: float) -> bool:
    """Whether so many of so many are within what one in a million misses."""
    return bool(binom.ppf(5e-7, of, share) <= struck <= binom.isf(5e-7, of, share))


def test_every_fault_of_the_catalogue_can_be_set_off_in_every_way_that_it_says() -> None:
    places: dict[tuple[str, ...], tuple[Mapping[str, object], ...]]
    places = {TURN: (TURNS,), CLOCK: (CLOCKS,), CONNECT: (CONNECTS,), TOOL: (TOOLS,)}
    # A change to turns can have an age from which on it is made.
    places[("at_age_s",)] = (CLOCKS, TURNS)
    for kind in FAULTS.values():
        for trigger in kind.triggers:
            known = [place for triggers, of in places.items() if trigger in triggers for place in of]
            assert any(kind.number in place for place in known), f"{kind.number} by {trigger}"
    assert set(FAULTS) == set().union(*(TURNS, CLOCKS, CONNECTS, TOOLS))


def test_a_turn_that_is_named_is_struck_and_no_other() -> None:
    of = hazards({"fault": "F1", "at_turn": 3})
    assert [turn for turn in range(6) if turn_struck(of, turn)] == [3]
    assert turn_struck(hazards({"fault": "F1", "at_turn": 0}), 0) == ["F1"]


def test_a_hazard_per_turn_strikes_as_often_as_it_says_and_spares_the_greeting() -> None:
    of = hazards({"fault": "F1", "per_turn": 0.2})
    struck = [turn for turn in range(1, CALLS) if turn_struck(of, turn)]
    assert is_a_sample_of(len(struck), CALLS - 1, 0.2)
    assert not turn_struck(hazards({"fault": "F1", "per_turn": 1.0}), 0)


def test_a_run_of_turns_is_as_long_as_drawn() -> None:
    lengths = []
    for call in range(150):
        of = hazards({"fault": "F26", "at_turn": 5, "run_turns_max": 27}, call=f"{call:04}-a")
        struck = [turn for turn in range(40) if turn_struck(of, turn)]
        assert struck == list(range(5, 5 + len(struck)))
        lengths.append(len(struck))
    assert (min(lengths), max(lengths)) == (1, 27)


def ages(fault: dict[str, Any], *, run_s: float = 100.0, connection: int = 1, calls: int = 1) -> list[float]:
    return [
        age
        for n in range(calls)
        for age, _, _ in hazards(fault, call=f"{n:04}-a", connection=connection).strikes(run_s)
    ]


def test_a_hazard_per_minute_is_one_of_connected_time() -> None:
    struck = ages({"fault": "F4", "per_minute": 0.5}, calls=CALLS)
    assert is_a_sample_of(sum(age <= 60 for age in struck), CALLS, 1 - 2.718281828**-0.5)
    assert is_a_sample_of(sum(age <= 120 for age in struck), CALLS, 1 - 2.718281828**-1)
    assert ages({"fault": "F4", "per_minute": 0.0}, calls=100) == []


def test_ages_of_the_first_and_of_every_connection() -> None:
    assert ages({"fault": "F20", "at_connected_s": 30}) == [30]
    assert ages({"fault": "F20", "at_connected_s": 30}, connection=2) == []
    assert ages({"fault": "F20", "at_age_s": 600}) == ages({"fault": "F20", "at_age_s": 600}, connection=7) == [600]


def test_f4_waits_until_nothing_is_going_on(drive: Callable[..., Drive]) -> None:
    one = drive(profile(faults=[{"fault": "F4", "at_connected_s": 1.0}]))
    one.hear(silence(0.3), speech(0.5), silence(0.5)).wait(25)
    assert [line["phase"] for line in one.lines("closed")] == ["idle"]
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert one.closes[0][0] == pytest.approx(ended, abs=0.3)


def test_a_moment_of_the_run_hits_all_that_are_connected_then() -> None:
    burst = {"fault": "F20", "at_run_s": 130}
    assert ages(burst, run_s=100.0, calls=3) == [30, 30, 30]
    assert ages(burst, run_s=130.0, connection=4) == [0]
    assert ages(burst, run_s=130.1) == []


def refused(fault: dict[str, Any], connection: int = 1, run_s: float = 100.0, call: str | None = "0001-a") -> bool:
    return any(hazards(fault, call=call, connection=connection).answers(run_s))


def test_connects_by_number_and_by_chance() -> None:
    assert [n for n in range(1, 5) if refused({"fault": "F5", "at_connect": 2}, n)] == [2]
    met = sum(refused({"fault": "F5", "per_connect": 0.1}, call=f"{n:04}-a") for n in range(CALLS))
    assert is_a_sample_of(met, CALLS, 0.1)


def test_tool_calls_by_number_and_by_chance() -> None:
    def struck(fault: dict[str, Any], number: int) -> bool:
        return hazards(fault).tool_call(number, age_s=1.0, run_s=100.0) is not None

    assert [n for n in range(1, 5) if struck({"fault": "F3", "at_tool_call": 2}, n)] == [2]
    met = sum(struck({"fault": "F3", "per_tool_call": 0.1}, n) for n in range(1, CALLS + 1))
    assert is_a_sample_of(met, CALLS, 0.1)


@pytest.mark.parametrize(
    ("calls", "concerned"),
    [(["0001-a"], True), (["0001-b"], False), ([1], True), ([0], False), ([0, 1], True), (["0001"], False)],
)
def test_calls_are_named_by_id_or_by_slot(calls: list[str | int], concerned: bool) -> None:
    of = hazards({"fault": "F1", "at_turn": 1, "calls": calls})
    assert bool(turn_struck(of, 1)) is concerned
    assert not turn_struck(hazards({"fault": "F1", "at_turn": 1, "calls": calls}, call=None), 1)


def test_a_share_of_the_calls_is_concerned_by_the_whole_entry() -> None:
    fault = {"fault": "F1", "per_turn": 1.0, "share": 0.25}
    concerned = 0
    for n in range(CALLS // 4):
        of = hazards(fault, call=f"{n:04}-a")
        turns = [turn for turn in range(1, 4) if turn_struck(of, turn)]
        assert turns in ([], [1, 2, 3])
        concerned += bool(turns)
    assert is_a_sample_of(concerned, CALLS // 4, 0.25)


def test_outside_its_time_of_the_run_nothing_strikes() -> None:
    window = {"between_s": [200, 300]}

    def strikes_at(run_s: float) -> dict[str, bool]:
        return {
            "turn": bool(turn_struck(hazards({"fault": "F7", "per_turn": 1.0, **window}), 1, run_s=run_s)),
            "connect": refused({"fault": "F5", "per_connect": 1.0, **window}, run_s=run_s),
            "tool": hazards({"fault": "F3", "at_tool_call": 1, **window}).tool_call(1, age_s=1.0, run_s=run_s)
            is not None,
            "age": bool(ages({"fault": "F20", "at_age_s": 0, **window}, run_s=run_s)),
        }

    for run_s, struck in ((199.9, False), (200.0, True), (299.9, True), (300.0, False)):
        assert set(strikes_at(run_s).values()) == {struck}, run_s


def test_a_hazard_per_minute_runs_only_within_its_time() -> None:
    fault = {"fault": "F20", "per_minute": 1.0, "between_s": [200, 260]}
    struck = ages(fault, run_s=100.0, calls=CALLS)
    assert all(100 <= age < 160 for age in struck)
    assert is_a_sample_of(len(struck), CALLS, 1 - 2.718281828**-1)
    half = ages(fault, run_s=230.0, calls=CALLS)
    assert all(0 <= age < 30 for age in half)
    assert is_a_sample_of(len(half), CALLS, 1 - 2.718281828**-0.5)


def test_a_regime_change_is_a_step_in_the_rate() -> None:
    regime = ({"fault": "F1", "per_turn": 0.01}, {"fault": "F7", "per_turn": 0.85, "between_s": [300, 600]})
    of = hazards(*regime)
    for run_s, rate in ((200.0, 0.01), (400.0, 1 - 0.99 * 0.15), (700.0, 0.01)):
        struck = sum(bool(turn_struck(of, turn, run_s=run_s)) for turn in range(1, CALLS))
        assert is_a_sample_of(struck, CALLS - 1, rate)


def test_entries_of_one_fault_are_drawn_each_by_itself() -> None:
    twice = hazards(*[{"fault": "F1", "per_turn": 0.5}] * 2)
    assert is_a_sample_of(sum(bool(turn_struck(twice, turn)) for turn in range(1, CALLS)), CALLS - 1, 0.75)
    # What an entry draws does not hang on those that are added behind it.
    one, more = hazards({"fault": "F1", "per_turn": 0.2}), {"fault": "F1", "at_turn": 7}
    both = hazards({"fault": "F1", "per_turn": 0.2}, more)
    for turn in range(1, 300):
        if turn != 7:
            assert turn_struck(one, turn) == turn_struck(both, turn)


def test_what_strikes_hangs_on_seed_and_call_alone() -> None:
    def struck(**of: Any) -> tuple[object, ...]:
        several = [
            {"fault": "F1", "per_turn": 0.2},
            {"fault": "F4", "per_minute": 1.0},
            {"fault": "F2", "per_turn": 0.2},
        ]
        made = hazards(*several, **of)
        return ([turn_struck(made, turn) for turn in range(50)], [age for age, _, _ in made.strikes(0.0)])

    assert struck() == struck()
    assert struck() != struck(seed=2)
    assert struck() != struck(call="0002-a")


def test_the_session_counts_its_age_and_the_run_by_its_own_clock(drive: Callable[..., Drive]) -> None:
    # Opened at the start of the run: the first utterance is answered at 1.3 s, the second at 11.3 s.
    windows: dict[str, tuple[float, float]] = {"F26": (0, 5), "F24": (5, 20)}
    faults = [{"fault": fault, "per_turn": 1.0, "between_s": list(when)} for fault, when in windows.items()]
    one = drive(profile(faults=[*faults, {"fault": "F20", "at_run_s": 40}]))
    for _ in range(2):
        one.hear(silence(0.3), speech(0.5), silence(0.5)).wait(8.7)
    one.wait(60)
    assert [line["fault"] for line in one.lines("fault")] == ["F26", "F24", "F20"]
    assert one.closes[0][0] == pytest.approx(40)
