"""One Live session on one connection, as a state machine without I/O: messages and the time go in, actions come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini import messages
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.detector import SpeechEnd, SpeechStart
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import Strike
from loadtest.stack.gemini.faults.reasons import CANCELLED
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.hearing import Hearing
from loadtest.stack.gemini.model import IDLE_POLL_S, Model
from loadtest.stack.gemini.outbox import Agenda, Outbox
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.state import (
    Action,
    CallState,
    HalfOpen,
    LatePongs,
    Phase,
    Silence,
    Snapshot,
)
from loadtest.stack.gemini.tools import ToolResponses

__all__ = ["Session"]

# How long the truth about a speech end waits for later chunks to settle the arrival clock.
SETTLE_S = 0.15


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
    """In the context when it was opened."""
    poisoned: bool = False
    """It was resumed with a poisoned handle."""
    asking: Asking = field(default_factory=Asking)
    over: bool = False
    _half_open: bool = False
    _out: Outbox = field(default_factory=Outbox)
    _agenda: Agenda = field(default_factory=Agenda)
    _unsettled: list[tuple[int, SpeechEnd, float]] = field(default_factory=list)
    _hearing: Hearing = field(init=False)
    _model: Model = field(init=False)

    def __post_init__(self) -> None:
        silence_ms = None if self.setup.manual_activity else self.profile.end_of_speech_silence_ms
        self._hearing = Hearing(silence_ms, self.asking)
        self._model = Model(
            profile=self.profile,
            setup=self.setup,
            recordings=self.recordings,
            draws=self.draws,
            hazards=self.hazards,
            call=self.call,
            origin=self.origin,
            turns=self.model_turns,
            poisoned=self.poisoned,
            hearing=self._hearing,
            out=self._out,
            agenda=self._agenda,
            changed=self._offer_handle,
            close=self._close,
            fail=self._fail,
            phase=lambda: self.phase,
        )

    @property
    def phase(self) -> Phase:
        """What is going on, as the endpoint sees it."""
        turn = self._model.turn
        if self._model.in_tool:
            return "tool"
        if self._hearing.speaking:
            return "callee_speaking"
        if turn is not None and turn.parts:
            return "replying"
        return "awaiting_reply" if turn is not None or self._hearing.in_utterance else "idle"

    @property
    def next_due(self) -> float | None:
        """When `on_time` wants to be called next, if ever."""
        if self.over:
            return None
        times = (self._agenda.next_s, self._model.next_due)
        return min((time for time in times if time is not None), default=None)

    def opened(self, now: float) -> list[Action]:
        """Setup is complete."""
        self._model.opened_s = now
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
                if self._model.tool.audio_came():
                    return self._out.flush()
                for edge in self._hearing.feed(samples, now):
                    self._on_edge(edge, now)
            case messages.Activity(starts=True):
                self._hearing.mark_start()
                self._model.interrupt("caller", now)
            case messages.Activity(starts=False):
                marked = self._hearing.mark_end()
                if marked is not None:
                    self._on_speech_end(marked, now)
            case messages.Content(model_turns, turn_complete):
                self._model.turns += model_turns
                if turn_complete:
                    self._model.on_asked(now)
            case ToolResponses(responses):
                for response in responses:
                    if self._model.tool.returned(response, now):
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
        self._model.play(now, lambda: self.over)
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
                self._model.interrupt("caller", now)
        else:
            self._on_speech_end(edge, now)

    def _on_speech_end(self, edge: SpeechEnd, now: float) -> None:
        self.call.turns += 1
        self._unsettled.append((self.call.turns, edge, now))
        self._agenda.at(now + SETTLE_S, lambda _now: self._settle())
        self._model.on_heard(edge, now)

    def _settle(self) -> None:
        for turn, edge, detected_s in self._unsettled:
            self._out.truth(
                "caller_speech_end", turn=turn, at_s=self._hearing.at(edge.at_sample), detected_s=detected_s
            )
        self._unsettled.clear()

    # The connection

    def _offer_handle(self) -> None:
        """The Gemini API gives no handle while it generates; Vertex AI always does."""
        if self.setup.resumption and not self.over and not self._model.silent:
            generating = self.api == "gemini" and (self._model.turn is not None or self._model.tool.awaits_result)
            handle = None if generating else self.issue(Snapshot(self.call, self._model.turns))
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
                self._model.fall_silent()
            case HalfOpen():
                self._half_open = True
                self._model.fall_silent()
                self._agenda.clear()
                self._out.order(what)

    def _fail(self, fault: str, close: Close) -> None:
        self._out.truth("fault", fault=fault, phase=self.phase, turn=self.call.turns)
        self._close(close)

    def _close(self, close: Close) -> None:
        self._end(close.code or 1006, close.reason, "server" if close.code else "none")
        self._out.order(close)

    def _end(self, code: int, reason: str, side: str) -> None:
        phase = self.phase
        self._settle()
        self._model.finish_turn()
        self._out.truth("closed", code=code, reason=reason, side=side, phase=phase, http_status=None)
        self.over = True

    def _do_due(self, now: float) -> None:
        while not self.over and (due := self._agenda.pop(now)) is not None:
            due(now)
