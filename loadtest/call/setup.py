"""Bringing a call to its answer: room, agent, the agent's dial where it is the one who dials, and the ringing."""

from __future__ import annotations

import asyncio
import math

from livekit import rtc

from loadtest.call.agent_dial import AgentDial
from loadtest.call.ends import CallEnd, not_picked_up
from loadtest.call.line import EventSink
from loadtest.call.presence import DialRequest, presence_of
from loadtest.call.room import CallRoom
from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock
from loadtest.numbers import own_numbers
from loadtest.record.events import AgentDialled, Dispatched, EndCause, Outcome, Ringing, RoomCreated
from loadtest.scenario.callee import CalleeSpec, Pickup

__all__ = ["CallSetup"]

EMPTY_LIMIT_S = 30.0
"""How long a room waits for the agent, or for the callee."""


class CallSetup:
    """One call until its callee picks up, or doesn't. Its steps, in order: `make_room`, `dial`, `ring`.

    ended: resolves if the call is over anyway; every step heeds it that waits for more than the server.
    """

    def __init__(
        self,
        spec: CallSpec,
        callee: CalleeSpec,
        room: CallRoom,
        clock: RunClock,
        emit: EventSink,
        ended: asyncio.Future[CallEnd],
    ) -> None:
        self._spec = spec
        self._callee = callee
        self._room = room
        self._clock = clock
        self._emit = emit
        self._ended = ended
        self._agent_dial = AgentDial(room.agents_there) if spec.dialled_by_agent else None
        self.dialled: DialRequest | None = None
        """What the agent asked for, once it has dialled."""

    @property
    def agent_dial(self) -> AgentDial:
        """The wait for the agent's dial, where agents dial."""
        assert self._agent_dial is not None
        return self._agent_dial

    @property
    def agent_gone(self) -> bool:
        """An agent that dials was there and went, as far as is known without being in the room."""
        return self._agent_dial is not None and self._agent_dial.gone

    @property
    def max_call_s(self) -> float:
        """After which time the callee hangs up."""
        asked_s = None if self.dialled is None else self.dialled.max_call_s
        return self._callee.max_call_s if asked_s is None else min(asked_s, self._callee.max_call_s)

    async def make_room(self) -> None:
        """Raises DialError."""
        await self._room.create(empty_limit_s=self._dial_limit_s + EMPTY_LIMIT_S)
        self._emit(RoomCreated(t=self._clock.now(), room=self._spec.room))

    async def dial(self, source: rtc.AudioSource) -> CallEnd | None:
        """From the dispatch until the callee is in the room; how the call ends if it does not come to that.

        Raises DialError.
        """
        if self._spec.agent_name is not None:
            await self._room.dispatch()
            self._emit(Dispatched(t=self._clock.now(), agent_name=self._spec.agent_name))
        presence = presence_of(self._spec.call)
        if self._agent_dial is not None:
            dialled = await self._agent_dial.wait(self._dial_limit_s, self._ended)
            if isinstance(dialled, CallEnd):
                return dialled
            self._take(dialled)
            presence = dialled.presence.of_call(self._spec.call)
        await self._room.join(source, presence)
        self._emit(Ringing(t=self._clock.now(), identity=presence.identity, participant_id=self._room.participant_id))
        return None

    async def ring(self) -> CallEnd | None:
        """Ring for as long as the callee lets it, or the agent; None: the callee picks up."""
        call = self._spec.call
        limit_s = math.inf if self.dialled is None else self.dialled.ringing_limit_s
        await asyncio.wait([self._ended], timeout=min(call.ring_s, limit_s))
        if self._ended.done():
            return self._ended.result()
        if limit_s < call.ring_s:
            return CallEnd(Outcome.NO_ANSWER, EndCause.LIMIT, f"the agent's ringing_timeout {limit_s:g} s")
        return None if call.pickup is Pickup.ANSWER else not_picked_up(call.pickup)

    @property
    def _dial_limit_s(self) -> float:
        return 0.0 if self._agent_dial is None else self._callee.agent_join_limit_s

    def _take(self, request: DialRequest) -> None:
        self.dialled = request
        if (numbers := own_numbers()) is not None:
            numbers.learn(request.number)
        self._emit(
            AgentDialled(
                t=self._clock.now(),
                number=request.number,
                identity=request.presence.identity,
                wait_until_answered=request.wait_until_answered,
            )
        )
