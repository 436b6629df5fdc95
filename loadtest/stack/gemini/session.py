"""One Live session on one connection, as a state machine without I/O: messages and the time go in, actions come out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini import messages, plan
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.detector import RATE, SpeechEnd, SpeechStart
from loadtest.stack.gemini.draws import Draws, delay_s
from loadtest.stack.gemini.faults import Strike, poisoned
from loadtest.stack.gemini.faults.reasons import CANCELLED
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.hearing import Hearing
from loadtest.stack.gemini.outbox import Agenda, Outbox
from loadtest.stack.gemini.plan import Close, Step
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.state import (
    Action,
    CallState,
    HalfOpen,
    LatePongs,
    Phase,
    Silence,
    Snapshot,
    Turn,
)
from loadtest.stack.gemini.tool_use import ToolUse
from loadtest.stack.gemini.tools import OpenCall, ToolResponses

__all__ = ["Session"]

# How long the truth about a speech end waits for later chunks to settle the arrival clock.
SETTLE_S = 0.15
IDLE_POLL_S = 0.2


@dataclass(slots=True)
class Session:
    """A session whose setup was accepted. Every method takes the monotonic time and returns what to do, in order.

    issue: stores a snapshot and returns its handle. origin: monotonic seconds of the run's start. asking: the lines
    that ask for the agent's tool.
    """

    profile: EndpointProfile
    api: Api
    setup: messages.Setup
    recordings: Recordings
    draws: Draws
    hazards: Hazards
    call: CallState
    issue: Callable[[Snapshot], str]
    origin: float
    model_turns: int = 0
    """Turns of the model in the context; without any, a reply that is asked for is a greeting."""
    poisoned: bool = False
    """It was resumed with a poisoned handle."""
    asking: Asking = field(default_factory=Asking)
    over: bool = False
    _opened_s: float = 0.0
    _silent: bool = False
    _half_open: bool = False
    _turn: Turn | None = None
    _interrupting: bool = False
    _reply_ended_s: float | None = None
    _deaf_until: float = 0.0
    _muted_by: str | None = None
    _out: Outbox = field(default_factory=Outbox)
    _agenda: Agenda = field(default_factory=Agenda)
    _tool: ToolUse = field(init=False)
    _unsettled: list[tuple[int, SpeechEnd, float]] = field(default_factory=list)
    _hearing: Hearing = field(init=False)

    def __post_init__(self) -> None:
        silence_ms = None if self.setup.manual_activity else self.profile.end_of_speech_silence_ms
        self._hearing = Hearing(silence_ms, self.asking)
        self._tool = ToolUse(
            functions=self.setup.functions,
            call=self.call,
            draws=self.draws,
            hazards=self.hazards,
            out=self._out,
            agenda=self._agenda,
            fail=self._fail,
            reply=self._reply_to_result,
        )

    @property
    def phase(self) -> Phase:
        """What is going on, as the endpoint sees it."""
        turn = self._turn
        if self._tool.awaits_result or (turn is not None and turn.after_tool and not turn.parts):
            return "tool"
        if self._hearing.speaking:
            return "callee_speaking"
        if self._turn is not None and self._turn.parts:
            return "replying"
        return "awaiting_reply" if self._turn is not None or self._hearing.in_utterance else "idle"

    @property
    def next_due(self) -> float | None:
        """When `on_time` wants to be called next, if ever."""
        if self.over:
            return None
        times = [self._agenda.next_s]
        if self._turn is not None and self._turn.steps:
            times.append(self._turn.begun_s + self._turn.steps[0].at_s)
        return min((time for time in times if time is not None), default=None)

    def opened(self, now: float) -> list[Action]:
        """Setup is complete."""
        self._opened_s = now
        self._out.send(messages.setup_complete())
        self._out.truth("setup_complete")
        strikes = self.hazards.strikes(now - self.origin)
        for age_s, fault, strike in strikes:
            self._agenda.at(now + age_s, self._striker(fault.fault, strike))
        if not any(strike.lifetime for _, _, strike in strikes):
            left_s = self.profile.go_away_time_left_s
            self._agenda.at(now + self.profile.connection_limit_s - left_s, lambda _now: self._go_away(left_s))
            self._agenda.at(now + self.profile.connection_limit_s, lambda _now: self._close(Close(1000, CANCELLED)))
        # What strikes at the age of zero comes before any other message.
        self._do_due(now)
        self._offer_handle()
        return self._out.flush()

    def on_message(self, message: messages.ClientMessage, now: float) -> list[Action]:
        """A message of the client."""
        if self.over or self._half_open:
            return []
        match message:
            case messages.Audio(samples):
                if self._tool.audio_came():
                    return self._out.flush()
                for edge in self._hearing.feed(samples, now):
                    self._on_edge(edge, now)
            case messages.Activity(starts=True):
                self._hearing.mark_start()
                self._interrupt("caller", now)
            case messages.Activity(starts=False):
                marked = self._hearing.mark_end()
                if marked is not None:
                    self._on_speech_end(marked, now)
            case messages.Content(model_turns, turn_complete):
                self.model_turns += model_turns
                if turn_complete:
                    self._on_asked(now)
            case ToolResponses(responses):
                for response in responses:
                    if self._tool.returned(response, now):
                        self._offer_handle()
            case messages.Setup():
                self._close(Close(1007, messages.INVALID_ARGUMENT))
            case messages.Invalid(reason):
                self._close(Close(1007, reason))
            case messages.Other():
                pass
        return self._out.flush()

    def on_time(self, now: float) -> list[Action]:
        """Does everything that is due."""
        self._do_due(now)
        while not self.over and (turn := self._turn) and turn.steps and turn.begun_s + turn.steps[0].at_s <= now:
            self._take(turn, turn.steps.popleft(), now)
        return self._out.flush()

    def closed_by_client(self, code: int, reason: str) -> list[Action]:
        """The client has closed, or is gone (1006)."""
        if not self.over:
            self._end(code, reason, "none" if code == 1006 else "client")
        return self._out.flush()

    # The caller

    def _on_edge(self, edge: SpeechStart | SpeechEnd, now: float) -> None:
        if isinstance(edge, SpeechStart):
            self._out.truth("caller_speech_start", at_s=self._hearing.at(edge.at_sample))
            if not self.setup.manual_activity:
                self._interrupt("caller", now)
        else:
            self._on_speech_end(edge, now)

    def _on_speech_end(self, edge: SpeechEnd, now: float) -> None:
        self.call.turns += 1
        self._unsettled.append((self.call.turns, edge, now))
        self._agenda.at(now + SETTLE_S, lambda _now: self._settle())
        if now < self._deaf_until:
            return
        seconds = (edge.at_sample - edge.start_sample) / RATE
        since = None if self._reply_ended_s is None else self._hearing.at(edge.start_sample) - self._reply_ended_s
        # The simulator understands nothing: the transcription says what it knows.
        heard = ("Utterance", f" {self.call.turns},", f" {seconds:.1f} seconds.")
        rng = self.draws.stream("reply", self.call.turns)
        kind: Literal["reply", "greeting"] = "reply"
        if self.call.context_gone:
            # The same instructions make the same greeting as at first.
            kind, rng = "greeting", self.draws.stream("asked", 1)
            self.call.context_gone = False
        told = heard if self.setup.transcribe_input else ()
        asks = kind == "reply" and bool(self.setup.functions) and self._hearing.asks_tool(edge)
        self._begin(kind, rng, now, heard_s=seconds, since_reply_s=since, heard=told, asks_tool=asks)

    def _settle(self) -> None:
        for turn, edge, detected_s in self._unsettled:
            self._out.truth(
                "caller_speech_end", turn=turn, at_s=self._hearing.at(edge.at_sample), detected_s=detected_s
            )
        self._unsettled.clear()

    # The model

    def _on_asked(self, now: float) -> None:
        if now < self._deaf_until:
            return
        self._interrupt("client", now)
        self.call.asked += 1
        kind: Literal["reply", "greeting"] = "reply" if self.model_turns else "greeting"
        self._begin(kind, self.draws.stream("asked", self.call.asked), now)

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
            steps = plan.tool_plan(delay, blocking=self._tool.blocking, heard=heard)
        else:
            steps = self.hazards.changed(
                steps,
                number,
                age_s=now - self._opened_s,
                run_s=now - self.origin,
                heard_s=heard_s,
                since_reply_s=since_reply_s,
            )
        if self.poisoned:
            steps = poisoned(steps)
        if self._silent:
            steps = ()
        self._turn = Turn(number, kind, self._interrupting, now, heard_s, deque(steps), after_tool=after is not None)
        self._interrupting = False
        self._offer_handle()

    def _take(self, turn: Turn, step: Step, now: float) -> None:
        match step.what:
            case plan.Say(payload):
                self._out.send(payload)
            case plan.AudioPart(payload, audio_ms):
                if not turn.parts:
                    self._out.truth(
                        "reply_started", turn=turn.number, at_s=now, kind=turn.kind, interrupting=turn.interrupting
                    )
                turn.parts += 1
                turn.audio_ms += audio_ms
                self._out.send(payload)
            case plan.GenerationComplete():
                self._out.send(messages.generation_complete())
                self._out.truth("generation_complete", turn=turn.number)
            case plan.TurnComplete(reason, interrupted):
                self._out.send(messages.turn_complete(turn.heard_s, turn.audio_ms / 1000, reason))
                self._finish_turn()
                self._reply_ended_s = now
                self._out.truth("turn_complete", turn=turn.number)
                if interrupted:
                    self._out.send(messages.interrupted())
                    self._out.send(messages.turn_complete(0.0, 0.0))
                    self._out.truth("interrupted", turn=turn.number, by="nobody")
                self._offer_handle()
            case plan.Mark(fault, hole_ms, late_ms):
                about = {"hole_ms": hole_ms, "late_ms": late_ms}
                told = {name: value for name, value in about.items() if value is not None}
                self._out.truth("fault", fault=fault, phase=self.phase, turn=turn.number, **told)
            case plan.CallTool():
                self._tool.begin(turn, now, age_s=now - self._opened_s, run_s=now - self.origin)
            case plan.Mute(fault):
                self._muted_by = fault
            case plan.Deaf(for_s):
                self._deaf_until = now + for_s
            case plan.Drop():
                self._finish_turn()
                self._offer_handle()
            case plan.Forget():
                self.call.context_gone = True
            case Close() as close:
                self._close(close)

    def _interrupt(self, by: Literal["caller", "client"], now: float) -> None:
        """Drops the turn in progress: the caller speaks, or the client asks for another."""
        if (turn := self._turn) is None or now < self._deaf_until:
            return
        if self._silent:
            self._finish_turn()
            return
        self._interrupting = turn.parts > 0
        self._tool.cancel(turn)
        self._out.send(messages.interrupted())
        self._out.send(messages.turn_complete(turn.heard_s, turn.audio_ms / 1000))
        self._finish_turn()
        self._reply_ended_s = now
        self._out.truth("interrupted", turn=turn.number, by=by)
        self._out.truth("turn_complete", turn=turn.number)
        self._offer_handle()

    def _finish_turn(self) -> None:
        if (turn := self._turn) is None:
            return
        if turn.parts:
            self.model_turns += 1
            self._out.truth("reply_audio_sent", turn=turn.number, audio_ms=round(turn.audio_ms, 3), parts=turn.parts)
        self._turn = None

    def _reply_to_result(self, call: OpenCall, at_once: bool, now: float) -> None:
        if not at_once and (self._turn is not None or self._hearing.in_utterance):
            self._agenda.at(now + IDLE_POLL_S, lambda later: self._reply_to_result(call, at_once, later))
        elif self._tool.close(call):
            if not call.function.blocking:
                self._interrupt("client", now)
            rng = self.draws.stream("result", self.call.tool_calls)
            self._begin("reply", rng, now, heard_s=call.heard_s, after=call)

    # The connection

    def _offer_handle(self) -> None:
        """The Gemini API gives no handle while it generates; Vertex AI always does."""
        if self.setup.resumption and not self.over and not self._silent:
            generating = self.api == "gemini" and (self._turn is not None or self._tool.awaits_result)
            handle = None if generating else self.issue(Snapshot(self.call, self.model_turns))
            self._out.send(messages.resumption_update(handle))

    def _go_away(self, time_left_s: float) -> None:
        self._out.send(messages.go_away(time_left_s))
        self._out.truth("go_away", time_left_s=time_left_s)

    def _striker(self, fault: str, strike: Strike) -> Callable[[float], None]:
        def begin(now: float) -> None:
            if strike.idle_only and self.phase != "idle":
                self._agenda.at(now + IDLE_POLL_S, begin)
                return
            self._out.truth("fault", fault=fault, phase=self.phase, turn=self.call.turns)
            if strike.go_away_s is None:
                self._suffer(strike.what)
            else:
                self._go_away(strike.go_away_s)
                self._agenda.at(now + strike.go_away_s, lambda _now: self._suffer(strike.what))

        return begin

    def _suffer(self, what: Close | HalfOpen | LatePongs | Silence) -> None:
        match what:
            case Close():
                self._close(what)
            case LatePongs():
                self._out.order(what)
            case Silence():
                self._out.truth("silence", phase=self.phase)
                self._fall_silent()
            case HalfOpen():
                self._half_open = True
                self._fall_silent()
                self._agenda.clear()
                self._out.order(what)

    def _fall_silent(self) -> None:
        """The turn in progress stays as it is, and is never gone on with."""
        self._silent = True
        if self._turn is not None:
            self._turn.steps.clear()

    def _fail(self, fault: str, close: Close) -> None:
        self._out.truth("fault", fault=fault, phase=self.phase, turn=self.call.turns)
        self._close(close)

    def _close(self, close: Close) -> None:
        self._end(close.code or 1006, close.reason, "server" if close.code else "none")
        self._out.order(close)

    def _end(self, code: int, reason: str, side: str) -> None:
        phase = self.phase
        self._settle()
        self._finish_turn()
        self._out.truth("closed", code=code, reason=reason, side=side, phase=phase, http_status=None)
        self.over = True

    def _do_due(self, now: float) -> None:
        while not self.over and (due := self._agenda.pop(now)) is not None:
            due(now)
