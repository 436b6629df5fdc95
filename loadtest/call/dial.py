"""One call from the dial to the hang-up: whatever happens in it, it comes to one recorded outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livekit import api, rtc

from loadtest.call.afterwards import compress_recording, merge_probe_file
from loadtest.call.call_events import CallEvents
from loadtest.call.conversation import Conversation, habits_of
from loadtest.call.ends import CallEnd, Stage, agent_left, disconnect_reason, room_closed, sip_status
from loadtest.call.impaired import BadLine, ImpairedLine
from loadtest.call.line import TelephoneLine
from loadtest.call.packets import watch_packets
from loadtest.call.presence import DialRequest
from loadtest.call.probe_inbox import ProbeInbox
from loadtest.call.recorder import Recorder
from loadtest.call.room import CallRoom, SipStatus
from loadtest.call.setup import CallSetup
from loadtest.call.spec import CallSpec, Lines
from loadtest.call.tasks import end_tasks
from loadtest.clock import RunClock
from loadtest.errors import DialError
from loadtest.record.events import (
    AgentJoined,
    AgentLeft,
    Answered,
    DialFailed,
    EndCause,
    Ended,
    Event,
    HangUp,
    LoopLag,
    Outcome,
    TrackSubscribed,
)
from loadtest.record.layout import CallFolder
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.callee import CalleeSpec
from loadtest_probe import wire

__all__ = ["Call", "CallSurroundings"]


@dataclass(frozen=True, slots=True)
class CallSurroundings:
    """What all calls of a callee process share."""

    access: LiveKitAccess
    client: api.LiveKitAPI
    clock: RunClock
    lines: Lines
    callee: CalleeSpec
    process: str
    probe_dir: Path | None
    """Where the probes of agents on this machine leave their files."""
    transcripts: bool
    """What was said is to be stored."""
    bad_line: BadLine | None = None
    """What happens to all that the callees send; nothing if None."""


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
        self._end: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()
        self._events = CallEvents(folder, surroundings.clock, progress=progress, lost=self._finish)
        self._emit = self._events.emit
        self._room = CallRoom(surroundings.access, surroundings.client, spec, self)
        self._setup = CallSetup(spec, surroundings.callee, self._room, surroundings.clock, self._emit, self._end)
        self._inbox = ProbeInbox(clock=surroundings.clock, emit=self._emit, transcripts=surroundings.transcripts)
        self._line: TelephoneLine | None = None
        self._conversation: Conversation | None = None
        self._agents: set[str] = set()

    @property
    def unwritable(self) -> str | None:
        """What could not be written into the results folder, if anything."""
        return self._events.unwritable

    # What the tester tells it.

    def dialled(self, request: DialRequest) -> None:
        """The agent dials."""
        self._setup.agent_dial.dialled(request)

    def agent_signals(self, identity: str, *, connected: bool) -> None:
        """An agent's connection to the room has begun or ended; known also while the callee is not there yet."""
        if connected:
            self._setup.agent_dial.connected(identity)
            self.agent_joined(identity)
        else:
            self._setup.agent_dial.disconnected(identity)

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

    # The call.

    async def run(self) -> Outcome:
        """Place the call and follow it to its end; the outcome is recorded as well."""
        self._events.started(self._spec, self._at.process)
        background: list[asyncio.Task[None]] = []
        try:
            end = await self._talk(background)
        except DialError as e:
            end = self._events.failed(e, Outcome.DIAL_ERROR)
        except Exception as e:  # noqa: BLE001 - the boundary of a call: whatever it was becomes the call's outcome
            end = self._events.failed(e, Outcome.TESTER_ERROR)
        self._emit(HangUp(t=self._at.clock.now(), cause=end.cause))
        return await self._clean_up(background, end)

    async def _talk(self, background: list[asyncio.Task[None]]) -> CallEnd:
        room, setup, clock = self._room, self._setup, self._at.clock
        await setup.make_room()
        bad = self._at.bad_line
        impaired = None if bad is None else ImpairedLine(bad, self._spec.call.seed)
        line = self._line = TelephoneLine(
            recorder=Recorder(self._folder.pcm),
            clock=clock,
            emit=self._emit,
            between=None if impaired is None else impaired.between,
        )
        line.on_failure = self._line_failed
        if (end := await setup.dial(line.source)) is not None:
            return end
        background.append(asyncio.create_task(self._inbox.ping(room.send)))
        background.append(asyncio.create_task(self._announce(SipStatus.RINGING)))
        if (end := await setup.ring()) is not None:
            return end
        line.start()
        self._emit(Answered(t=clock.now()))
        background.append(asyncio.create_task(watch_packets(room.packet_counts, clock.now, self._emit)))
        background.append(asyncio.create_task(self._announce(SipStatus.ACTIVE)))
        self._conversation = Conversation(
            line,
            habits_of(self._at.callee, self._at.lines, self._spec.call.patience_s, self._setup.max_call_s),
            self._at.lines,
            clock=clock,
            emit=self._emit,
            agent_is_there=self._agent_is_there,
            press=room.press,
            impaired=impaired,
        )
        background.append(asyncio.create_task(self._converse(self._conversation)))
        return await self._end

    async def _announce(self, status: str) -> None:
        """Set the call's status. Nothing waits for it: the server's word that it did so can be seconds late."""
        try:
            await self._room.set_status(status)
        except DialError as e:
            # An agent that talks has understood; one that was never told that the callee picked up is not to blame.
            if self._line is None or self._line.hear().last_onset_s is None:
                self._finish(self._events.failed(e, Outcome.DIAL_ERROR))

    async def _converse(self, conversation: Conversation) -> None:
        try:
            stop = await conversation.hold(join_limit_s=self._at.callee.agent_join_limit_s)
        except DialError as e:
            self._finish(self._events.failed(e, Outcome.DIAL_ERROR))
            return
        except Exception as e:  # noqa: BLE001 - as above: the call's boundary, in a task of its own
            self._finish(self._events.failed(e, Outcome.TESTER_ERROR))
            return
        if not self._agent_is_there() and self._setup.agent_gone:  # it dialled, and went before the callee was there
            self._finish(CallEnd(Outcome.AGENT_LEFT, EndCause.AGENT_HANGUP, "the agent left while it dialled"))
            return
        reason = stop.reason
        if stop.cause is EndCause.LIMIT and self._setup.max_call_s < self._at.callee.max_call_s:
            reason = f"the agent's max_call_duration {self._setup.max_call_s:g} s"
        self._finish(CallEnd(self._talked(conversation), stop.cause, reason))

    def _talked(self, conversation: Conversation) -> Outcome:
        if conversation.heard:
            return Outcome.COMPLETED
        return Outcome.AGENT_SILENT if self._agent_is_there() else Outcome.AGENT_NO_SHOW

    def _agent_is_there(self) -> bool:
        return self._room.agent_identity is not None

    async def _clean_up(self, background: list[asyncio.Task[None]], end: CallEnd) -> Outcome:
        await end_tasks(background)
        await self._room.leave(disconnect_reason(end))
        if self._line is not None:
            try:
                await self._line.close()
            except Exception as e:  # noqa: BLE001 - as above: the call's boundary
                end = self._events.failed(e, Outcome.TESTER_ERROR)
        self._inbox.flush()
        if self._setup.dialled is not None and self._conversation is None:
            self._emit(DialFailed(t=self._at.clock.now(), sip_status=sip_status(end)))
        self._emit(Ended(t=self._at.clock.now(), outcome=end.outcome, cause=end.cause, reason=end.reason))
        return end.outcome if self._events.complete else Outcome.TESTER_ERROR

    async def finish(self) -> None:
        """What can wait until the line is free again: the room's end, the probe's file, the FLAC."""
        if self._at.probe_dir is not None:
            path = self._at.probe_dir / f"{self._spec.call.call_id}.jsonl"
            await merge_probe_file(self._inbox, path, self._at.clock)
        await self._room.delete()
        self._events.close()
        await compress_recording(self._folder)

    # What its room and its line tell it.

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
        self._finish(self._events.failed(error, Outcome.TESTER_ERROR))

    def _finish(self, end: CallEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)
