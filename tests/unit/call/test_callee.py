"""What the callee says and when, on virtual time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from loadtest.call.callee import Callee
from loadtest.call.cues import Cue, Habits, Hear, Say, StopCall
from loadtest.record.events import EndCause, TurnKind

HABITS = Habits(
    lines=(Cue(), Cue()),
    reprompts=2,
    goodbye=True,
    patience_s=5.0,
    most_reprompts=2,
    agent_finished_after_s=1.2,
    greeting_limit_s=10.0,
    max_call_s=120.0,
)
LINE_S = 2.0
STEP_S = 0.02


@dataclass
class Conversation:
    """Lets a callee talk with an agent that speaks at given times; lines take LINE_S seconds."""

    agent_speaks: list[tuple[float, float]]
    habits: Habits = HABITS
    said: list[tuple[float, Say]] = field(default_factory=list)

    def play(self, until_s: float = 200.0) -> StopCall | None:
        callee = Callee(self.habits, answered_s=0.0)
        line_ends_s: float | None = None
        now = 0.0
        while now < until_s:
            now = round(now + STEP_S, 6)
            if line_ends_s is not None and now >= line_ends_s:
                callee.said(now)
                line_ends_s = None
            match callee.decide(now, self._hear(now)):
                case Say() as say:
                    self.said.append((now, say))
                    line_ends_s = now + LINE_S
                case StopCall() as stop:
                    return stop
                case None:
                    pass
        return None

    def _hear(self, now: float) -> Hear:
        begun = [(start, end) for start, end in self.agent_speaks if start <= now]
        if not begun:
            return Hear(False, None, None)
        start, end = begun[-1]
        return Hear(now < end, start, min(now, end))

    def kinds(self) -> list[TurnKind | None]:
        return [say.kind for _, say in self.said]


def test_says_each_line_when_the_agent_has_finished_and_then_goodbye() -> None:
    talk = Conversation([(1.0, 3.0), (7.5, 9.0), (13.5, 15.0)])
    stop = talk.play()
    assert talk.kinds() == [TurnKind.SCRIPT, TurnKind.SCRIPT, None]
    assert [at for at, _ in talk.said] == pytest.approx([4.2, 10.2, 16.2], abs=0.03)
    assert stop == StopCall(EndCause.CALLEE_HANGUP, "goodbye")


def test_begins_by_itself_when_nobody_greets() -> None:
    talk = Conversation([])
    talk.play(until_s=11)
    assert talk.said[0][0] == pytest.approx(10.0, abs=0.03)
    assert talk.said[0][1].kind is TurnKind.SCRIPT


def test_reprompts_with_another_line_each_time_after_its_patience() -> None:
    talk = Conversation([(1.0, 3.0)])
    stop = talk.play()
    assert talk.kinds() == [TurnKind.SCRIPT, TurnKind.REPROMPT, TurnKind.REPROMPT, None]
    (first_at, _), (second_at, second), (third_at, third), _ = talk.said
    assert second_at - (first_at + LINE_S) == pytest.approx(5.0, abs=0.05)
    assert third_at - (second_at + LINE_S) == pytest.approx(5.0, abs=0.05)
    assert second.index != third.index
    assert (second.answers_turn, third.answers_turn) == (0, 0)
    assert stop is not None


def test_says_no_reprompt_twice_in_one_silence() -> None:
    habits = Habits(**{f: getattr(HABITS, f) for f in HABITS.__slots__} | {"most_reprompts": 5})
    talk = Conversation([(1.0, 3.0)], habits)
    talk.play()
    assert [say.index for _, say in talk.said if say.kind is TurnKind.REPROMPT] == [0, 1]


def test_turns_are_numbered_through_script_lines_and_reprompts() -> None:
    talk = Conversation([(1.0, 3.0), (14.0, 16.0)])
    talk.play(until_s=25)
    assert [(say.kind, say.turn) for _, say in talk.said[:3]] == [
        (TurnKind.SCRIPT, 0),
        (TurnKind.REPROMPT, 1),
        (TurnKind.SCRIPT, 2),
    ]


def test_a_reply_that_begins_during_the_reprompt_counts_and_the_script_goes_on() -> None:
    talk = Conversation([(1.0, 3.0), (12.0, 15.0)])
    talk.play(until_s=18)
    assert talk.kinds() == [TurnKind.SCRIPT, TurnKind.REPROMPT, TurnKind.SCRIPT]
    assert talk.said[2][0] == pytest.approx(16.2, abs=0.03)


def test_takes_the_floor_in_a_pause_of_the_agent() -> None:
    talk = Conversation([(1.0, 3.0), (7.5, 8.5), (12.0, 14.0)])
    talk.play(until_s=11)
    assert talk.said[1][0] == pytest.approx(9.7, abs=0.03)


def test_what_the_agent_says_into_a_line_is_no_reply_to_it() -> None:
    talk = Conversation([(1.0, 3.0), (5.0, 5.5), (7.4, 9.0)])
    talk.play(until_s=10.5)
    assert [at for at, _ in talk.said] == pytest.approx([4.2, 10.2], abs=0.03)


def test_after_being_deaf_it_listens_again_before_it_talks() -> None:
    callee = Callee(HABITS, answered_s=0.0)
    heard = Hear(False, 1.0, 3.0)
    callee.was_deaf(4.1)  # blocked from 3.1 to 4.1: what sounded like silence was none
    assert callee.decide(4.3, heard) is None
    assert isinstance(callee.decide(5.4, heard), Say)


def test_never_talks_while_the_agent_talks() -> None:
    talk = Conversation([(1.0, 60.0)])
    talk.play(until_s=60)
    assert talk.said == []


def test_hangs_up_at_its_own_limit_in_whatever_state() -> None:
    stop = Conversation([(1.0, 300.0)]).play(until_s=130)
    assert stop is not None
    assert stop.cause is EndCause.LIMIT


def test_without_a_goodbye_it_just_hangs_up() -> None:
    habits = Habits(**{f: getattr(HABITS, f) for f in HABITS.__slots__} | {"goodbye": False, "lines": (Cue(),)})
    talk = Conversation([(1.0, 3.0), (7.5, 9.0)], habits)
    stop = talk.play()
    assert talk.kinds() == [TurnKind.SCRIPT]
    assert stop == StopCall(EndCause.CALLEE_HANGUP, "script finished")


def left_at(talk: Conversation, now: float) -> bool:
    """Whether an end of the call at this time would be an ordinary one."""
    callee = Callee(talk.habits, answered_s=0.0)
    line_ends_s, time_s = math.inf, 0.0
    while time_s < now:
        time_s = round(time_s + STEP_S, 6)
        if time_s >= line_ends_s:
            callee.said(time_s)
            line_ends_s = math.inf
        if isinstance(callee.decide(time_s, talk._hear(time_s)), Say):
            line_ends_s = time_s + LINE_S
    return callee.nothing_left(talk._hear(now))


def test_the_agent_may_hang_up_once_it_has_replied_to_the_last_line() -> None:
    # Said: first line 4.2 to 6.2, second 10.2 to 12.2, goodbye 16.2 to 18.2.
    talk = Conversation([(1.0, 3.0), (7.5, 9.0), (13.5, 15.0)])
    ordinary = {now: left_at(talk, now) for now in (2.0, 5.0, 8.0, 9.5, 11.0, 13.0, 14.0, 15.5, 17.0)}
    assert [now for now, left in ordinary.items() if left] == [14.0, 15.5, 17.0]


def test_an_agent_that_hangs_up_on_a_callee_who_still_waits_for_a_reply_has_left() -> None:
    talk = Conversation([(1.0, 3.0), (7.5, 9.0)])
    assert not left_at(talk, 14.0)  # nothing was said to the second line
    assert not left_at(talk, 21.0)  # nor to the re-prompt


def test_a_callee_who_has_begun_to_say_goodbye_may_be_hung_up_on() -> None:
    talk = Conversation([(1.0, 3.0)], habits=replace(HABITS, reprompts=0))
    # First line 4.2 to 6.2; patience ends at 11.2, and with it the call.
    assert not left_at(talk, 11.0)
    assert left_at(talk, 12.0)
