"""The proxy itself: a server on loopback, in the tester's process."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

import aiohttp
from aiohttp import web

from loadtest.stack.ports import LOOPBACK
from loadtest.stack.proxy.exchange import Exchange
from loadtest.stack.proxy.passthrough import Upstream
from loadtest.stack.proxy.sip import CREATE, TRANSFER, SipService
from loadtest.stack.proxy.tunnel import tunnel

__all__ = ["LiveKitProxy"]

LARGEST_DIAL = 4 * 1024 * 1024
"""Bytes of a request that is read rather than passed on."""
STOP_LIMIT_S = 2.0
SIGNALLING = frozenset({"/rtc", "/rtc/v1"})


class LiveKitProxy:
    """Stands between agents and the LiveKit server at `upstream`. Call `stop` whatever became of `start`."""

    def __init__(self, upstream: str, exchange: Exchange) -> None:
        self._upstream_url = upstream
        self._exchange = exchange
        self._upstream: Upstream | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""
        """ws:// address for LIVEKIT_URL, once started."""

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        upstream = self._upstream = Upstream(self._upstream_url)
        sip = SipService(upstream, self._exchange)

        async def handle(request: web.Request) -> web.StreamResponse:
            # The server takes two slashes at the beginning for one.
            path = request.path.removeprefix("/") if request.path.startswith("//") else request.path
            try:
                if request.method == "POST" and path == CREATE:
                    return await sip.create(request)
                if request.method == "POST" and path == TRANSFER:
                    return await sip.transfer(request)
                if request.headers.get("Upgrade", "").lower() == "websocket":
                    return await self._websocket(upstream, request, path)
                return await upstream.forward(request)
            except aiohttp.ClientError:
                if request.transport is not None:
                    request.transport.abort()  # as without us: a connection that comes to nothing
                return web.Response(status=502)

        app = web.Application(client_max_size=LARGEST_DIAL)
        app.router.add_route("*", "/{path:.*}", handle)
        # What an agent no longer waits for is not waited for here either.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=STOP_LIMIT_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        port = self._runner.addresses[0][1]
        self.url = f"ws://{LOOPBACK}:{port}"

    async def stop(self) -> None:
        """End every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._upstream is not None:
            await self._upstream.close()

    async def _websocket(self, upstream: Upstream, request: web.Request, path: str) -> web.StreamResponse:
        agent = _agent_of(request) if path in SIGNALLING else None
        connected = False

        def opened() -> None:
            nonlocal connected
            if agent is not None:
                connected = True
                self._exchange.agent_connected(agent.room, agent.identity)

        try:
            return await tunnel(upstream, request, opened=opened)
        finally:
            if agent is not None and connected:
                self._exchange.agent_disconnected(agent.room, agent.identity)


class _Agent(NamedTuple):
    room: str
    identity: str


def _agent_of(request: web.Request) -> _Agent | None:
    """Which agent of which room a signalling connection says it is; the server has the last word."""
    token = request.query.get("access_token") or request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if claims["kind"] != "agent":
            return None
        return _Agent(claims["video"]["room"], claims["sub"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None
