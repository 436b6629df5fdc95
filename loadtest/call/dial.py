"""Placing one call: room, agent, ringing, pick-up, conversation, hang-up. Every way out is a recorded outcome."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livekit import api, rtc

from loadtest.call.afterwards import compress_recording, merge_probe_file
from loadtest.call.agent_dial import AgentDial
from loadtest.call.callee import Habits
from loadtest.call.conversation import Conversation
from loadtest.call.ends import CallEnd, Stage, agent_left, disconnect_reason, not_picked_up, room_closed, sip_status
from loadtest.call.line import TelephoneLine
from loadtest.call.presence import DialRequest, presence_of
from loadtest.call.probe_inbox import ProbeInbox
from loadtest.call.recorder import Recorder
from loadtest.call.room import CallRoom, LiveKitServer, SipStatus
from loadtest.call.spec import CallSpec, Lines
from loadtest.clock import RunClock
from loadtest.errors import DialError, LoadtestError, RecordError
from loadtest.record.events import (
    AgentDialled,
    AgentJoined,
    AgentLeft,
    Answered,
    CallFailed,
    CallStarted,
    DialFailed,
    Dispatched,
    EndCause,
    Ended,
    Event,
    HangUp,
    LoopLag,
    Outcome,
    Ringing,
    RoomCreated,
    TrackSubscribed,
)
from loadtest.record.layout import CallFolder
from loadtest.record.writer import EventWriter
from loadtest.scenario.callee import CalleeSpec, Pickup
from loadtest_probe import wire

__all__ = ["Call", "CallSurroundings"]

EMPTY_LIMIT_S = 30.0
"""How long a room waits for the agent, or for the callee."""


@dataclass(frozen=True, slots=True)
class CallSurroundings:
    """What all calls of a callee process share."""

    server: LiveKitServer
    client: api.LiveKitAPI
    clock: RunClock
    lines: Lines
    callee: CalleeSpec
    process: str
    probe_dir: Path | None
    """Where the probes of agents on this machine leave their files."""


class Call:
    """One call, from the dial to the last byte on disk."""

    def __init__(
        self,
        spec: CallSpec,
        surroundings: CallSurroundings,
        folder: CallFolder,
        progress: Callable[[Event], None],
    ) -> None:
        self._spec = spec
        self._at = surroundings
        self._folder = folder
        self._progress = progress
        self._events = EventWriter(folder.events)
        self._recordable = True
        self.unwritable: str | None = None
        """What could not be written into the results folder, if anything."""
        self._room = CallRoom(surroundings.server, surroundings.client, spec, self)
        self._inbox = ProbeInbox(clock=surroundings.clock, emit=self._emit)
        self._end: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()
        self._line: TelephoneLine | None = None
        self._conversation: Conversation | None = None
        self._agent_dial = AgentDial(self._room.agents_there) if spec.dialled_by_agent else None
        self._dialled: DialRequest | None = None
        self._answered = False
        self._agents: set[str] = set()

    def dialled(self, request: DialRequest) -> None:
        """The agent dials."""
        assert self._agent_dial is not None
        self._agent_dial.dialled(request)

    def agent_signals(self, identity: str, *, connected: bool) -> None:
        """An agent's connection to the room has begun or ended; known also while the callee is not there yet."""
        assert self._agent_dial is not None
        if connected:
            self._agent_dial.connected(identity)
            self.agent_joined(identity)
        else:
            self._agent_dial.disconnected(identity)

    def transferred(self, to: str) -> None:
        """The agent had the callee put through to somebody else."""
        assert self._conversation is not None
        self._finish(CallEnd(self._talked(self._conversation), EndCause.AGENT_HANGUP, f"transferred to {to}"))

    def hang_up(self, reason: str, *, cause: EndCause = EndCause.TESTER) -> None:
        """End the call in order, as soon as possible."""
        self._finish(CallEnd(Outcome.ABORTED, cause, reason))

    def lagged(self, until_monotonic_s: float, lag_s: float) -> None:
        """The callee's event loop was blocked."""
        self._emit(LoopLag(t=self._at.clock.at(until_monotonic_s), lag_ms=lag_s * 1000))
        if self._conversation is not None:
            self._conversation.lagged(lag_s)

    async def run(self) -> Outcome:
        """Place the call and follow it to its end; the outcome is recorded as well."""
        self._start()
        background: list[asyncio.Task[None]] = []
        try:
            end = await self._talk(background)
        except DialError as e:
            end = self._failed(e, Outcome.DIAL_ERROR)
        except Exception as e:  # noqa: BLE001 - the boundary of a call: whatever it was becomes the call's outcome
            end = self._failed(e, Outcome.TESTER_ERROR)
        self._emit(HangUp(t=self._at.clock.now(), cause=end.cause))
        return await self._clean_up(background, end)

    def _start(self) -> None:
        call = self._spec.call
        self._emit(
            CallStarted(
                t=self._at.clock.now(),
                call_id=call.call_id,
                arm=call.arm,
                block=call.block,
                slot=call.slot,
                due_s=call.due_s,
                process=self._at.process,
                number=call.number,
                room=self._spec.room,
                ring_s=call.ring_s,
                pickup=call.pickup.value,
                patience_s=call.patience_s,
            )
        )

    async def _talk(self, background: list[asyncio.Task[None]]) -> CallEnd:
        room, clock, call = self._room, self._at.clock, self._spec.call
        limit_s = 0.0 if self._agent_dial is None else self._at.callee.agent_join_limit_s
        await room.create(empty_limit_s=limit_s + EMPTY_LIMIT_S)
        self._emit(RoomCreated(t=clock.now(), room=self._spec.room))
        line = self._line = TelephoneLine(recorder=Recorder(self._folder.pcm), clock=clock, emit=self._emit)
        line.on_failure = self._line_failed
        if self._spec.agent_name is not None:
            await room.dispatch()
            self._emit(Dispatched(t=clock.now(), agent_name=self._spec.agent_name))
        presence, ringing_limit_s = presence_of(call), math.inf
        if self._agent_dial is not None:
            dialled = await self._agent_dial.wait(limit_s, self._end)
            if isinstance(dialled, CallEnd):
                return dialled
            self._take(dialled)
            presence, ringing_limit_s = dialled.presence.of_call(call), dialled.ringing_limit_s
        await room.join(line.source, presence)
        background.append(asyncio.create_task(self._inbox.ping(room.send)))
        self._emit(Ringing(t=clock.now(), identity=presence.identity, participant_id=room.participant_id))
        background.append(asyncio.create_task(self._announce(SipStatus.RINGING)))
        await asyncio.wait([self._end], timeout=min(call.ring_s, ringing_limit_s))
        if self._end.done():
            return self._end.result()
        if ringing_limit_s < call.ring_s:
            return CallEnd(Outcome.NO_ANSWER, EndCause.LIMIT, f"the agent's ringing_timeout {ringing_limit_s:g} s")
        if call.pickup is not Pickup.ANSWER:
            return not_picked_up(call.pickup)
        line.start()
        self._answered = True
        self._emit(Answered(t=clock.now()))
        background.append(asyncio.create_task(self._announce(SipStatus.ACTIVE)))
        self._conversation = Conversation(
            line,
            self._habits(),
            self._at.lines,
            clock=clock,
            emit=self._emit,
            agent_is_there=self._agent_is_there,
            press=room.press,
        )
        background.append(asyncio.create_task(self._converse(self._conversation)))
        return await self._end

    def _take(self, request: DialRequest) -> None:
        self._dialled = request
        self._emit(
            AgentDialled(
                t=self._at.clock.now(),
                number=request.number,
                identity=request.presence.identity,
                wait_until_answered=request.wait_until_answered,
            )
        )

    async def _announce(self, status: str) -> None:
        """Set the call's status. Nothing waits for it: the server's word that it did so can be seconds late."""
        try:
            await self._room.set_status(status)
        except DialError as e:
            # An agent that talks has understood; one that was never told that the callee picked up is not to blame.
            if self._line is None or self._line.hear().last_onset_s is None:
                self._finish(self._failed(e, Outcome.DIAL_ERROR))

    async def _converse(self, conversation: Conversation) -> None:
        try:
            stop = await conversation.hold(join_limit_s=self._at.callee.agent_join_limit_s)
        except DialError as e:
            self._finish(self._failed(e, Outcome.DIAL_ERROR))
            return
        except Exception as e:  # noqa: BLE001 - as above: the call's boundary, in a task of its own
            self._finish(self._failed(e, Outcome.TESTER_ERROR))
            return
        reason = stop.reason
        if stop.cause is EndCause.LIMIT and self._max_call_s() < self._at.callee.max_call_s:
            reason = f"the agent's max_call_duration {self._max_call_s():g} s"
        self._finish(CallEnd(self._talked(conversation), stop.cause, reason))

    def _talked(self, conversation: Conversation) -> Outcome:
        if conversation.heard:
            return Outcome.COMPLETED
        return Outcome.AGENT_SILENT if self._agent_is_there() else Outcome.AGENT_NO_SHOW

    def _max_call_s(self) -> float:
        asked_s = None if self._dialled is None else self._dialled.max_call_s
        return self._at.callee.max_call_s if asked_s is None else min(asked_s, self._at.callee.max_call_s)

    def _agent_is_there(self) -> bool:
        return self._room.agent_identity is not None

    def _habits(self) -> Habits:
        callee, lines = self._at.callee, self._at.lines
        return Habits(
            lines=lines.cues,
            reprompts=len(lines.reprompts),
            goodbye=lines.goodbye is not None,
            patience_s=self._spec.call.patience_s,
            most_reprompts=callee.reprompts,
            agent_finished_after_s=callee.agent_finished_after_s,
            greeting_limit_s=callee.greeting_limit_s,
            max_call_s=self._max_call_s(),
        )

    async def _clean_up(self, background: list[asyncio.Task[None]], end: CallEnd) -> Outcome:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await self._room.leave(disconnect_reason(end))
        if self._line is not None:
            try:
                await self._line.close()
            except Exception as e:  # noqa: BLE001 - as above: the call's boundary
                end = self._failed(e, Outcome.TESTER_ERROR)
        self._inbox.flush()
        if self._dialled is not None and not self._answered:
            self._emit(DialFailed(t=self._at.clock.now(), sip_status=sip_status(end)))
        self._emit(Ended(t=self._at.clock.now(), outcome=end.outcome, cause=end.cause, reason=end.reason))
        return end.outcome if self._recordable else Outcome.TESTER_ERROR

    async def finish(self) -> None:
        """What can wait until the line is free again: the room's end, the probe's file, the FLAC."""
        if self._at.probe_dir is not None:
            path = self._at.probe_dir / f"{self._spec.call.call_id}.jsonl"
            await merge_probe_file(self._inbox, path, self._at.clock)
        await self._room.delete()
        self._events.close()
        await compress_recording(self._folder)

    def agent_joined(self, identity: str) -> None:
        if identity not in self._agents:  # its signalling may have been seen before
            self._agents.add(identity)
            self._emit(AgentJoined(t=self._at.clock.now(), identity=identity))

    def agent_left(self, reason: str) -> None:
        self._emit(AgentLeft(t=self._at.clock.now(), reason=reason))
        self._finish(agent_left(reason, self._stage()))

    def track_subscribed(self, track: rtc.Track) -> None:
        self._emit(TrackSubscribed(t=self._at.clock.now()))
        assert self._line is not None
        self._line.receive(track)

    def data_received(self, topic: str, data: bytes) -> None:
        if topic == wire.TOPIC:
            self._inbox.receive(data)

    def room_closed(self, reason: str) -> None:
        self._finish(room_closed(reason, self._stage()))

    def _stage(self) -> Stage:
        if self._conversation is None:
            return Stage.RINGING
        return Stage.NOTHING_LEFT if self._conversation.nothing_left() else Stage.TALKING

    def _line_failed(self, error: BaseException) -> None:
        self._finish(self._failed(error, Outcome.TESTER_ERROR))

    def _failed(self, error: BaseException, outcome: Outcome) -> CallEnd:
        message = error.message if isinstance(error, LoadtestError) else str(error)
        if isinstance(error, RecordError):
            self.unwritable = message
        self._emit(CallFailed(t=self._at.clock.now(), error=type(error).__name__, message=message))
        return CallEnd(outcome, EndCause.TESTER, message)

    def _finish(self, end: CallEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _emit(self, event: Event) -> None:
        if self._recordable:
            try:
                self._events.add(event)
            except RecordError as e:
                # Callers are often callbacks of the SDK, which would swallow the error. What would be written after
                # the hole could not be trusted: what is on disk stays the beginning of the call.
                self._recordable = False
                self.unwritable = e.message
                self._finish(CallEnd(Outcome.TESTER_ERROR, EndCause.TESTER, e.message))
        self._progress(event)
