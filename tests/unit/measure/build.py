"""Made-up calls: a conversation written down line by line becomes the events and the audio that a real one leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from loadtest.audio.wav import RATE, Recording, Samples, read_line
from loadtest.measure.acoustics import acoustics
from loadtest.measure.call_record import CallRecord, call_record
from loadtest.measure.machine import Machine
from loadtest.measure.tables import CallRows, call_rows
from loadtest.plan.calls import PlannedCall
from loadtest.record.codec import decode, encode
from loadtest.record.events import (
    Answered,
    CallStarted,
    ClockSync,
    EndCause,
    Ended,
    Event,
    HangUp,
    KeyPressed,
    LineEnded,
    LineStarted,
    Outcome,
    ProbeMessage,
    RecordingStarted,
    TurnKind,
)
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import write_plan
from loadtest.record.reader import CallEvents
from loadtest.record.run_json import RunInfo, RunKind, RunState
from loadtest.scenario.callee import Pickup
from loadtest.scenario.models import Scenario
from loadtest_probe import wire

ANSWER_S = 100.0
"""Run time of the answer; every time in a conversation counts from it."""
LEAD_IN_S = 0.1
"""Silence before and after the speech in a line's file."""

SCENARIO_YAML = """\
version: 1
name: made-up
arms:
  preview: {model: p, endpoint: {profile: p.yaml}}
  ga: {model: g, endpoint: {profile: g.yaml}}
blocks: 2
arrivals: [{rate_per_minute: 10}]
script: script.yaml
"""


def scenario(**changes: Any) -> Scenario:
    """reply_limit_s 10, mid_reply_limit_s 1, agent_finished_after_s 1.2, unless changed."""
    arm: dict[str, Any] = {"model": "m", "endpoint": {"profile": "p.yaml"}}
    if changes.get("stack") == "external":
        arm = {"model": "m", "agent": {"external": True, "name": "theirs"}}
    return Scenario.model_validate(
        {
            "version": 1,
            "name": "made-up",
            "arms": {"preview": arm, "ga": arm},
            "blocks": 2,
            "arrivals": [{"rate_per_minute": 10}],
            "script": "script.yaml",
            **changes,
        }
    )


def planned(slot: int = 0, arm: str = "ga", **changes: Any) -> PlannedCall:
    values = {
        "call_id": f"{slot:04}-{arm}",
        "slot": slot,
        "block": slot // 2,
        "pair": 0,
        "arm": arm,
        "due_s": 90.0 + slot,
        "script": "script.yaml",
        "line_hashes": ("00",),
        "number": "12025550100",
        "ring_s": 2.0,
        "pickup": Pickup.ANSWER,
        "patience_s": 5.0,
        "seed": 1,
    }
    return PlannedCall(**{**values, **changes})


@dataclass
class Conversation:
    """One answered call, told in the order of time. Seconds from the answer."""

    call: PlannedCall = field(default_factory=planned)
    process: str = "callee-0"
    events: list[Event] = field(default_factory=list)
    heard: list[tuple[float, float]] = field(default_factory=list)
    lines: int = 0
    seq: int = 0
    hung_up: float | None = None

    def says(
        self,
        start: float,
        end: float,
        kind: TurnKind | None = TurnKind.SCRIPT,
        answers: int | None = None,
        *,
        after_silence: float | None = None,
    ) -> Self:
        """The callee speaks from start to end; kind None is the goodbye, or a line to which no reply is awaited."""
        turn = None if kind is None else self.lines
        self.lines += kind is not None

        def sample(s: float) -> int:
            return round(s * RATE)

        self.add(
            LineStarted(
                t=ANSWER_S + start - LEAD_IN_S,
                turn=turn,
                kind=kind or TurnKind.SCRIPT,
                line=f"line-{turn}",
                answers_turn=answers,
                start_sample=sample(start - LEAD_IN_S),
                speech_start_sample=sample(start),
                speech_end_sample=sample(end),
                end_sample=sample(end + LEAD_IN_S),
                after_silence_s=after_silence,
            ),
            LineEnded(t=ANSWER_S + end, turn=turn, end_sample=sample(end + LEAD_IN_S), cut=False),
        )
        return self

    def asks_again(self, start: float, end: float, after: int) -> Self:
        return self.says(start, end, TurnKind.REPROMPT, after)

    def presses(self, *keys: tuple[float, str]) -> Self:
        """A line of keys at these times, each 0.2 s before it is really sent."""
        (first, _), (last, _) = keys[0], keys[-1]
        self.says(first + LEAD_IN_S, last)
        started, ended = self.events[-2:]
        sent = [KeyPressed(t=ANSWER_S + at + 0.2, turn=self.lines - 1, digit=key) for at, key in keys]
        self.events[-2:] = [started, *sent, ended]
        return self

    def says_goodbye(self, start: float, end: float) -> Self:
        return self.says(start, end, None)

    def hears(self, *stretches: tuple[float, float]) -> Self:
        """The agent's speech as received."""
        self.heard += stretches
        return self

    def hangs_up(
        self, at: float, cause: EndCause = EndCause.CALLEE_HANGUP, outcome: Outcome = Outcome.COMPLETED
    ) -> Self:
        self.hung_up = at
        return self.add(
            HangUp(t=ANSWER_S + at, cause=cause), Ended(t=ANSWER_S + at + 0.5, outcome=outcome, cause=cause)
        )

    def add(self, *events: Event) -> Self:
        self.events += events
        return self

    # The probe

    def probe(self, at: float, message: wire.Message, *, via: str = "data", session: str | None = None) -> Self:
        """A message of the probe, in the agent's clock 1000 s ahead of ours."""
        body = wire.encode(wire.Line(self.seq, ANSWER_S + at + 1000, message, session=session))
        self.seq += 1
        line = encode(
            ProbeMessage(
                t=ANSWER_S + at, via="data" if via == "data" else "file", received_s=None, message=_object(body)
            )
        )
        event = decode(line)
        assert event is not None
        return self.add(event)

    def connects(self, at: float, n: int = 1, setup_ms: float = 100.0, *, resumed: bool = False) -> Self:
        if n == 1:
            self.add(ClockSync(t=ANSWER_S + at, offset_s=-1000.0, uncertainty_ms=2.0))
        return self.probe(at, wire.Connected(n, setup_ms, resumed))

    def loses(
        self,
        at: float,
        n: int = 1,
        *,
        code: int = 1011,
        side: wire.Side = "server",
        reason: str = "",
        via: str = "data",
    ) -> Self:
        return self.probe(at, wire.Closed(n, code, reason, side, "ConnectionClosedError"), via=via)

    def generates(
        self,
        id_: str,
        created: float,
        first_audio: float | None = None,
        complete: float | None = None,
        done: float | None = None,
        *,
        empty: bool = False,
    ) -> Self:
        """One turn of the model."""
        self.probe(created, wire.Generation(id_, "created"))
        if first_audio is not None:
            self.probe(first_audio, wire.Generation(id_, "first_audio"))
        if complete is not None:
            self.probe(complete, wire.Generation(id_, "complete"))
        if done is not None:
            self.probe(done, wire.Generation(id_, "done", empty))
        return self

    # What is on disk

    def all_events(self) -> list[Event]:
        call = self.call
        start = CallStarted(
            t=ANSWER_S - 5,
            call_id=call.call_id,
            arm=call.arm,
            block=call.block,
            slot=call.slot,
            due_s=call.due_s,
            process=self.process,
            number=call.number,
            room="outbound-00000000-1",
            ring_s=call.ring_s,
            pickup=call.pickup.value,
            patience_s=call.patience_s,
        )
        return [start, RecordingStarted(t=ANSWER_S, rate=RATE), Answered(t=ANSWER_S), *self._pongs(), *self.events]

    def _pongs(self) -> list[Event]:
        """A probe's clock is asked every 5 s."""
        first = next((event for event in self.events if isinstance(event, ClockSync)), None)
        if first is None:
            return []
        last_s = max(event.t for event in self.events)
        return [replace(first, t=float(t)) for t in np.arange(first.t + 5.0, last_s, 5.0)]

    def recording(self, seconds: float | None = None) -> Recording:
        """Both channels until the hang-up, or the end of the last thing that happened."""
        last = max([e.t - ANSWER_S for e in self.events] + [end for _, end in self.heard], default=1.0)
        right = np.zeros(round((seconds or (last if self.hung_up is None else self.hung_up)) * RATE), dtype=np.int16)
        for start, end in self.heard:
            place = right[round(start * RATE) : round(end * RATE)]
            place[:] = voice(end - start)[: len(place)]
        return Recording(np.zeros_like(right), right)

    def record(self, seconds: float | None = None) -> CallRecord:
        events = tuple(e for e in (decode(encode(event)) for event in self.all_events()) if e is not None)
        return call_record(
            self.call, CallEvents(events, 0, 0, torn=False), acoustics(self.recording(seconds), second_opinion=False)
        )

    def rows(self, like: Scenario | None = None, machine: Machine | None = None) -> CallRows:
        return call_rows("run", self.record(), like or scenario(), machine or Machine())

    def turn(self, number: int, like: Scenario | None = None) -> dict[str, Any]:
        return next(row for row in self.rows(like).turns if row["turn"] == number)

    def write(self, folder: Path) -> None:
        """The call's folder as a tester leaves it."""
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_text("".join(encode(event) + "\n" for event in self.all_events()))
        recording = self.recording()
        (folder / "audio.pcm").write_bytes(np.stack((recording.left, recording.right), axis=1).astype("<i2").tobytes())


def voice(seconds: float) -> Samples:
    """Some syllables of speech without a pause, again and again; loud enough from its first sample to its last."""
    said = np.resize(_syllables(), round(seconds * RATE))
    said[[0, -1]] = 12_000
    return said


@cache
def _syllables() -> Samples:
    said = read_line(Path(__file__).parents[3] / "scenarios" / "audio" / "morning-or-afternoon.wav")
    return said.samples[round(0.87 * RATE) : round(1.72 * RATE)]


def recorded_run(
    path: Path, calls: Sequence[PlannedCall], conversations: Sequence[Conversation] = (), **info: Any
) -> RunFolder:
    """A run before it is measured: plan, scenario, run.json (changed by `info`), and what each conversation leaves."""
    run = RunFolder(path)
    run.path.mkdir(parents=True)
    known: dict[str, Any] = {
        "scenario": "made-up",
        "state": RunState.COMPLETE,
        "kind": RunKind.REHEARSAL,
        "stack": "embedded",
        "seed": 1,
        "started_utc": "2026-11-22T16:01:02Z",
        "cap": 2,
        "planned_calls": len(calls),
        "hashes": {},
        "versions": {},
        "host": {"cores": 2},
        "arms": {},
    }
    RunInfo(run_id=run.run_id, **{**known, **info}).write(run)
    run.scenario.write_text(SCENARIO_YAML)
    write_plan(run.plan, tuple(calls))
    for call, conversation in zip(calls, conversations, strict=False):
        conversation.call = call
        conversation.write(run.call(call.call_id).path)
    return run


def plain_call() -> Conversation:
    """Greeting, two lines, each answered after 1.3 s, goodbye."""
    return (
        Conversation()
        .hears((0.8, 2.5), (5.3, 8.0), (11.3, 13.0))
        .says(3.8, 4.0)
        .says(9.5, 10.0)
        .says_goodbye(14.5, 15.0)
        .hangs_up(15.2)
    )


def _object(body: str) -> dict[str, Any]:
    value = json.loads(body)
    assert isinstance(value, dict)
    return value
