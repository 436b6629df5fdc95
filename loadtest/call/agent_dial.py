"""Waiting for the agent to dial, while the callee is not yet in the room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from loadtest.call.ends import CallEnd
from loadtest.call.presence import DialRequest
from loadtest.record.events import EndCause, Outcome

__all__ = ["AgentDial"]

LOOK_EVERY_S = 0.5
"""How often the server is asked for an agent whose connection has ended: it may be about to come back."""


class AgentDial:
    """One call's wait for its dial.

    agents_there: asks the server which agents are in the room; None if there is no such room any more.
    """

    def __init__(self, agents_there: Callable[[], Awaitable[tuple[str, ...] | None]]) -> None:
        self._agents_there = agents_there
        self._request: asyncio.Future[DialRequest] = asyncio.get_running_loop().create_future()
        self._agent: str | None = None
        self._lost = False

    def dialled(self, request: DialRequest) -> None:
        """The agent has dialled."""
        if not self._request.done():
            self._request.set_result(request)

    def connected(self, identity: str) -> None:
        """An agent's connection to the room began."""
        self._agent, self._lost = identity, False

    def disconnected(self, identity: str) -> None:
        """An agent's connection to the room ended."""
        self._lost = self._lost or identity == self._agent

    @property
    def gone(self) -> bool:
        """An agent was connected to the room, and its connection has ended."""
        return self._agent is not None and self._lost

    async def wait(self, limit_s: float, ended: asyncio.Future[CallEnd]) -> DialRequest | CallEnd:
        """The agent's request, or how the call ends without one. ended: resolves if the call is over anyway."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while True:
            pause_s = min(LOOK_EVERY_S, max(0.0, deadline - loop.time()))
            await asyncio.wait((self._request, ended), timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            end = None
            over = loop.time() >= deadline
            if not self._request.done() and not ended.done() and (over or self._lost):
                end = await self._without_dial(limit_s, over=over)
            # What came while the server was asked comes first.
            if self._request.done():
                return self._request.result()
            if ended.done():
                return ended.result()
            if end is not None:
                return end

    async def _without_dial(self, limit_s: float, *, over: bool) -> CallEnd | None:
        there = await self._agents_there()
        if there is None:
            return CallEnd(Outcome.AGENT_LEFT, EndCause.ROOM_CLOSED, "the room was closed before anybody dialled")
        if not there and self._agent is not None:
            return CallEnd(Outcome.AGENT_LEFT, EndCause.AGENT_HANGUP, "the agent left without having dialled")
        if not over:
            return None
        came = f"agent {there[0]} came but did not dial" if there else "no agent came, and nobody dialled"
        return CallEnd(Outcome.AGENT_NO_SHOW, EndCause.CALLEE_HANGUP, f"{came} within {limit_s:g} s")
