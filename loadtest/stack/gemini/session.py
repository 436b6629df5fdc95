"""One Live session on one connection, as a state machine without I/O: messages and the time go in, actions come out."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini import messages, plan
from loadtest.stack.gemini.detector import RATE, SpeechEnd, SpeechStart
from loadtest.stack.gemini.draws import Draws, delay_s
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.hearing import Hearing
from loadtest.stack.gemini.plan import Close, Step
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.state import Action, CallState, Phase, Send, Snapshot, Truth, Turn

__all__ = ["Session"]

# How long the truth about a speech end waits for later chunks to settle the arrival clock.
SETTLE_S = 0.15
IDLE_POLL_S = 0.2
CANCELLED = "The operation was cancelled."


@dataclass(slots=True)
class Session:
    """A session whose setup was accepted. Every method takes the monotonic time and returns what to do, in order.

    issue: stores a snapshot and returns its handle. origin: monotonic seconds of the run's start.
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
    over: bool = False
    _opened_s: float = 0.0
    _turn: Turn | None = None
    _interrupting: bool = False
    _out: list[Action] = field(default_factory=list)
    _due: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _unsettled: list[tuple[int, SpeechEnd, float]] = field(default_factory=list)
    _hearing: Hearing = field(init=False)

    def __post_init__(self) -> None:
        self._hearing = Hearing(None if self.setup.manual_activity else self.profile.end_of_speech_silence_ms)

    @property
    def phase(self) -> Phase:
        """What is going on, as the endpoint sees it."""
        if self._hearing.speaking:
            return "callee_speaking"
        if self._turn is not None and self._turn.parts:
            return "replying"
        return "awaiting_reply" if self._turn is not None or self._hearing.in_utterance else "idle"

    @property
    def next_due(self) -> float | None:
        """When `on_time` wants to be called next, if ever."""
        times = [self._due[0][0]] if self._due else []
        if self._turn is not None and self._turn.steps:
            times.append(self._turn.begun_s + self._turn.steps[0].at_s)
        return min(times, default=None) if not self.over else None

    def opened(self, now: float) -> list[Action]:
        """Setup is complete."""
        self._opened_s = now
        self._send(messages.setup_complete())
        self._truth("setup_complete")
        self._offer_handle()
        left_s = self.profile.go_away_time_left_s
        self._at(now + self.profile.connection_limit_s - left_s, lambda _now: self._go_away(left_s))
        self._at(now + self.profile.connection_limit_s, lambda _now: self._close(Close(1000, CANCELLED)))
        for age_s, fault, strike in self.hazards.strikes(now - self.origin):
            self._at(now + age_s, self._striker(fault.fault, strike.close, strike.idle_only))
        return self._flush()

    def on_message(self, message: messages.ClientMessage, now: float) -> list[Action]:
        """A message of the client."""
        if self.over:
            return []
        match message:
            case messages.Audio(samples):
                for edge in self._hearing.feed(samples, now):
                    self._on_edge(edge, now)
            case messages.Activity(starts=True):
                self._hearing.mark_start()
                self._interrupt(caller=True)
            case messages.Activity(starts=False):
                marked = self._hearing.mark_end()
                if marked is not None:
                    self._on_speech_end(marked, now)
            case messages.Content(model_turns, turn_complete):
                self.model_turns += model_turns
                if turn_complete:
                    self._on_asked(now)
            case messages.Setup():
                self._close(Close(1007, messages.INVALID_ARGUMENT))
            case messages.Invalid(reason):
                self._close(Close(1007, reason))
            case messages.Other():
                pass
        return self._flush()

    def on_time(self, now: float) -> list[Action]:
        """Does everything that is due."""
        while not self.over and self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2](now)
        while not self.over and (turn := self._turn) and turn.steps and turn.begun_s + turn.steps[0].at_s <= now:
            self._take(turn, turn.steps.popleft(), now)
        return self._flush()

    def closed_by_client(self, code: int, reason: str) -> list[Action]:
        """The client has closed, or is gone (1006)."""
        if not self.over:
            self._end(code, reason, "none" if code == 1006 else "client")
        return self._flush()

    # The caller

    def _on_edge(self, edge: SpeechStart | SpeechEnd, now: float) -> None:
        if isinstance(edge, SpeechStart):
            self._truth("caller_speech_start", at_s=self._hearing.at(edge.at_sample))
            if not self.setup.manual_activity:
                self._interrupt(caller=True)
        else:
            self._on_speech_end(edge, now)

    def _on_speech_end(self, edge: SpeechEnd, now: float) -> None:
        self.call.turns += 1
        self._unsettled.append((self.call.turns, edge, now))
        self._at(now + SETTLE_S, lambda _now: self._settle())
        seconds = (edge.at_sample - edge.start_sample) / RATE
        # The simulator recognises nothing: the transcription says what it knows.
        heard = ("Utterance", f" {self.call.turns},", f" {seconds:.1f} seconds.")
        rng = self.draws.stream("reply", self.call.turns)
        kind: Literal["reply", "greeting"] = "reply"
        if self.call.context_gone:
            # The same instructions make the same greeting as at first.
            kind, rng = "greeting", self.draws.stream("asked", 1)
            self.call.context_gone = False
        self._begin(kind, rng, now, heard_s=seconds, heard=heard if self.setup.transcribe_input else ())

    def _settle(self) -> None:
        for turn, edge, detected_s in self._unsettled:
            self._truth("caller_speech_end", turn=turn, at_s=self._hearing.at(edge.at_sample), detected_s=detected_s)
        self._unsettled.clear()

    # The model

    def _on_asked(self, now: float) -> None:
        self._interrupt(caller=False)
        self.call.asked += 1
        kind: Literal["reply", "greeting"] = "reply" if self.model_turns else "greeting"
        self._begin(kind, self.draws.stream("asked", self.call.asked), now, heard_s=0.0, heard=())

    def _begin(
        self, kind: Literal["reply", "greeting"], rng: Any, now: float, *, heard_s: float, heard: tuple[str, ...]
    ) -> None:
        delay = delay_s(self.profile.reply_delay, rng, self.call.call_id, self.call.turns)
        recording = rng.choice(self.recordings.greetings if kind == "greeting" else self.recordings.replies)
        steps = plan.reply_plan(
            recording,
            delay,
            self.profile.send_speed,
            heard=heard,
            transcribe_output=self.setup.transcribe_output,
        )
        steps = self.hazards.changed(
            steps, self.call.turns, age_s=now - self._opened_s, run_s=now - self.origin, heard_s=heard_s
        )
        self._turn = Turn(self.call.turns, kind, self._interrupting, now, heard_s, deque(steps))
        self._interrupting = False
        self._offer_handle()

    def _take(self, turn: Turn, step: Step, now: float) -> None:
        match step.what:
            case plan.Say(payload):
                self._send(payload)
            case plan.AudioPart(payload, audio_ms):
                if not turn.parts:
                    self._truth(
                        "reply_started", turn=turn.number, at_s=now, kind=turn.kind, interrupting=turn.interrupting
                    )
                turn.parts += 1
                turn.audio_ms += audio_ms
                self._send(payload)
            case plan.GenerationComplete():
                self._send(messages.generation_complete())
                self._truth("generation_complete", turn=turn.number)
            case plan.TurnComplete(reason):
                self._send(messages.turn_complete(turn.heard_s, turn.audio_ms / 1000, reason))
                self._finish_turn()
                self._truth("turn_complete", turn=turn.number)
                self._offer_handle()
            case plan.Mark(fault, hole_ms):
                hole = {} if hole_ms is None else {"hole_ms": hole_ms}
                self._truth("fault", fault=fault, phase=self.phase, turn=turn.number, **hole)
            case plan.Forget():
                self.call.context_gone = True
            case Close() as close:
                self._close(close)

    def _interrupt(self, *, caller: bool) -> None:
        """Drops the turn in progress, by speech of the caller or by a new request of the client."""
        if (turn := self._turn) is None:
            return
        self._interrupting = turn.parts > 0
        self._send(messages.interrupted())
        self._send(messages.turn_complete(turn.heard_s, turn.audio_ms / 1000))
        self._finish_turn()
        self._truth("interrupted", turn=turn.number, by="caller" if caller else "client")
        self._truth("turn_complete", turn=turn.number)
        self._offer_handle()

    def _finish_turn(self) -> None:
        if (turn := self._turn) is None:
            return
        if turn.parts:
            self.model_turns += 1
            self._truth("reply_audio_sent", turn=turn.number, audio_ms=round(turn.audio_ms, 3), parts=turn.parts)
        self._turn = None

    # The connection

    def _offer_handle(self) -> None:
        """The Gemini API gives no handle while it generates; Vertex AI always does."""
        if self.setup.resumption:
            generating = self.api == "gemini" and self._turn is not None
            handle = None if generating else self.issue(Snapshot(self.call, self.model_turns))
            self._send(messages.resumption_update(handle))

    def _go_away(self, time_left_s: float) -> None:
        self._send(messages.go_away(time_left_s))
        self._truth("go_away", time_left_s=time_left_s)

    def _striker(self, fault: str, close: Close, idle_only: bool) -> Callable[[float], None]:
        def strike(now: float) -> None:
            if idle_only and self.phase != "idle":
                self._at(now + IDLE_POLL_S, strike)
                return
            self._truth("fault", fault=fault, phase=self.phase, turn=self.call.turns)
            self._close(close)

        return strike

    def _close(self, close: Close) -> None:
        self._end(close.code or 1006, close.reason, "server" if close.code else "none")
        self._out.append(close)

    def _end(self, code: int, reason: str, side: str) -> None:
        phase = self.phase
        self._settle()
        self._finish_turn()
        self._truth("closed", code=code, reason=reason, side=side, phase=phase, http_status=None)
        self.over = True

    def _at(self, when: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (when, next(self._order), what))

    def _send(self, payload: bytes) -> None:
        self._out.append(Send(payload))

    def _truth(self, type_: str, **fields: Any) -> None:
        self._out.append(Truth(type_, fields))

    def _flush(self) -> list[Action]:
        out, self._out = self._out, []
        return out
