"""The model in one session: what it says, begins, is interrupted in and calls functions for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from loadtest.scenario.endpoint import EndpointProfile
from loadtest.stack.gemini import messages, plan
from loadtest.stack.gemini.detector import RATE, SpeechEnd
from loadtest.stack.gemini.draws import Draws, delay_s
from loadtest.stack.gemini.faults import poisoned
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.hearing import Hearing
from loadtest.stack.gemini.outbox import Agenda, Outbox
from loadtest.stack.gemini.plan import Close, Step
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.state import CallState, Phase, Turn
from loadtest.stack.gemini.tool_use import ToolUse
from loadtest.stack.gemini.tools import OpenCall

__all__ = ["IDLE_POLL_S", "Model"]

IDLE_POLL_S = 0.2
"""How often what waits until nobody speaks looks again."""


@dataclass(slots=True, kw_only=True)
class Model:
    """Takes its turns one after the other, as planned and as faults change them.

    turns: of the model in the context so far; without any, a reply that is asked for is a greeting. poisoned: the
    session was resumed with a poisoned handle. changed: called when a turn or what it waits for has begun or ended.
    close, fail: end the session. phase: what is going on, as the endpoint sees it.
    """

    profile: EndpointProfile
    setup: messages.Setup
    recordings: Recordings
    draws: Draws
    hazards: Hazards
    call: CallState
    origin: float
    turns: int
    poisoned: bool
    hearing: Hearing
    out: Outbox
    agenda: Agenda
    changed: Callable[[], None]
    close: Callable[[Close], None]
    fail: Callable[[str, Close], None]
    phase: Callable[[], Phase]
    opened_s: float = 0.0
    tool: ToolUse = field(init=False)
    silent: bool = False
    """It says nothing any more."""
    turn: Turn | None = None
    """In progress."""
    _interrupting: bool = False
    _reply_ended_s: float | None = None
    _deaf_until: float = 0.0
    _muted_by: str | None = None

    def __post_init__(self) -> None:
        self.tool = ToolUse(
            functions=self.setup.functions,
            call=self.call,
            draws=self.draws,
            hazards=self.hazards,
            out=self.out,
            agenda=self.agenda,
            fail=self.fail,
            reply=self._reply_to_result,
        )

    @property
    def in_tool(self) -> bool:
        """It waits for a result, or has not said anything to one yet."""
        turn = self.turn
        return self.tool.awaits_result or (turn is not None and turn.after_tool and not turn.parts)

    @property
    def next_due(self) -> float | None:
        """When `play` has something to do, if ever."""
        return self.turn.begun_s + self.turn.steps[0].at_s if self.turn is not None and self.turn.steps else None

    def play(self, now: float, over: Callable[[], bool]) -> None:
        """All steps that are due, until it is over."""
        while not over() and (turn := self.turn) and turn.steps and turn.begun_s + turn.steps[0].at_s <= now:
            self._take(turn, turn.steps.popleft(), now)

    def fall_silent(self) -> None:
        """The turn in progress stays as it is, and is never gone on with."""
        self.silent = True
        if self.turn is not None:
            self.turn.steps.clear()

    def on_heard(self, edge: SpeechEnd, now: float) -> None:
        """The utterance has ended: the turn that answers it begins."""
        if now < self._deaf_until:
            return
        seconds = (edge.at_sample - edge.start_sample) / RATE
        since = None if self._reply_ended_s is None else self.hearing.at(edge.start_sample) - self._reply_ended_s
        # The simulator understands nothing: the transcription says what it knows.
        heard = ("Utterance", f" {self.call.turns},", f" {seconds:.1f} seconds.")
        rng = self.draws.stream("reply", self.call.turns)
        kind: Literal["reply", "greeting"] = "reply"
        if self.call.context_gone:
            # The same instructions make the same greeting as at first.
            kind, rng = "greeting", self.draws.stream("asked", 1)
            self.call.context_gone = False
        told = heard if self.setup.transcribe_input else ()
        asks = kind == "reply" and bool(self.setup.functions) and self.hearing.asks_tool(edge)
        self._begin(kind, rng, now, heard_s=seconds, since_reply_s=since, heard=told, asks_tool=asks)

    def on_asked(self, now: float) -> None:
        """The client asks for a reply."""
        if now < self._deaf_until:
            return
        self.interrupt("client", now)
        self.call.asked += 1
        kind: Literal["reply", "greeting"] = "reply" if self.turns else "greeting"
        self._begin(kind, self.draws.stream("asked", self.call.asked), now)

    def interrupt(self, by: Literal["caller", "client"], now: float) -> None:
        """Drops the turn in progress: the caller speaks, or the client asks for another."""
        if (turn := self.turn) is None or now < self._deaf_until:
            return
        if self.silent:
            self.finish_turn()
            return
        self._interrupting = turn.parts > 0
        self.tool.cancel(turn)
        self.out.send(messages.interrupted())
        self.out.send(messages.turn_complete(turn.heard_s, turn.audio_ms / 1000))
        self.finish_turn()
        self._reply_ended_s = now
        self.out.truth("interrupted", turn=turn.number, by=by)
        self.out.truth("turn_complete", turn=turn.number)
        self.changed()

    def finish_turn(self) -> None:
        """The turn in progress, if any, is over."""
        if (turn := self.turn) is None:
            return
        if turn.parts:
            self.turns += 1
            self.out.truth("reply_audio_sent", turn=turn.number, audio_ms=round(turn.audio_ms, 3), parts=turn.parts)
        self.turn = None

    def _begin(
        self,
        kind: Literal["reply", "greeting"],
        rng: Random,
        now: float,
        *,
        heard_s: float = 0.0,
        since_reply_s: float | None = None,
        heard: tuple[str, ...] = (),
        asks_tool: bool = False,
        after: OpenCall | None = None,
    ) -> None:
        number = self.call.turns if after is None else after.turn
        delay = delay_s(self.profile.reply_delay, rng, self.call.call_id, self.call.turns)
        recording = rng.choice(self.recordings.greetings if kind == "greeting" else self.recordings.replies)
        steps = plan.reply_plan(
            recording,
            delay,
            self.profile.send_speed,
            heard=heard,
            thinks=self.setup.thoughts,
            transcribe_output=self.setup.transcribe_output,
        )
        if self._muted_by is not None:
            steps = plan.transcribed_only(steps, self._muted_by)
        elif asks_tool:
            # What is to go wrong with this turn strikes the reply to the result.
            steps = plan.tool_plan(delay, blocking=self.tool.blocking, heard=heard)
        else:
            steps = self.hazards.changed(
                steps,
                number,
                age_s=now - self.opened_s,
                run_s=now - self.origin,
                heard_s=heard_s,
                since_reply_s=since_reply_s,
            )
        if self.poisoned:
            steps = poisoned(steps)
        if self.silent:
            steps = ()
        self.turn = Turn(number, kind, self._interrupting, now, heard_s, deque(steps), after_tool=after is not None)
        self._interrupting = False
        self.changed()

    def _take(self, turn: Turn, step: Step, now: float) -> None:
        match step.what:
            case plan.Say(payload):
                self.out.send(payload)
            case plan.AudioPart(payload, audio_ms):
                if not turn.parts:
                    self.out.truth(
                        "reply_started", turn=turn.number, at_s=now, kind=turn.kind, interrupting=turn.interrupting
                    )
                turn.parts += 1
                turn.audio_ms += audio_ms
                self.out.send(payload)
            case plan.GenerationComplete():
                self.out.send(messages.generation_complete())
                self.out.truth("generation_complete", turn=turn.number)
            case plan.TurnComplete(reason, interrupted):
                self.out.send(messages.turn_complete(turn.heard_s, turn.audio_ms / 1000, reason))
                self.finish_turn()
                self._reply_ended_s = now
                self.out.truth("turn_complete", turn=turn.number)
                if interrupted:
                    self.out.send(messages.interrupted())
                    self.out.send(messages.turn_complete(0.0, 0.0))
                    self.out.truth("interrupted", turn=turn.number, by="nobody")
                self.changed()
            case plan.Mark(fault, hole_ms, late_ms):
                about = {"hole_ms": hole_ms, "late_ms": late_ms}
                told = {name: value for name, value in about.items() if value is not None}
                self.out.truth("fault", fault=fault, phase=self.phase(), turn=turn.number, **told)
            case plan.CallTool():
                self.tool.begin(turn, now, age_s=now - self.opened_s, run_s=now - self.origin)
            case plan.Mute(fault):
                self._muted_by = fault
            case plan.Deaf(for_s):
                self._deaf_until = now + for_s
            case plan.Drop():
                self.finish_turn()
                self.changed()
            case plan.Forget():
                self.call.context_gone = True
            case Close() as close:
                self.close(close)

    def _reply_to_result(self, call: OpenCall, at_once: bool, now: float) -> None:
        if not at_once and (self.turn is not None or self.hearing.in_utterance):
            self.agenda.at(now + IDLE_POLL_S, lambda later: self._reply_to_result(call, at_once, later))
        elif self.tool.close(call):
            if not call.function.blocking:
                self.interrupt("client", now)
            rng = self.draws.stream("result", self.call.tool_calls)
            self._begin("reply", rng, now, heard_s=call.heard_s, after=call)
