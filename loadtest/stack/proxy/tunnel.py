"""Passing a websocket on, frame by frame, until either side ends it.

No keepalive and no limit of its own: pings, pongs and close frames are those of the two ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict

from loadtest.stack.proxy.passthrough import Upstream, end_to_end

__all__ = ["tunnel"]

WebSocket: TypeAlias = "web.WebSocketResponse[Any] | aiohttp.ClientWebSocketResponse[Any]"
OF_HANDSHAKE = frozenset(
    {"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"}
)
"""Each of the two connections makes its own."""
CLOSE_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Goodbye:
    code: int
    reason: str


async def tunnel(upstream: Upstream, request: web.Request, *, opened: Callable[[], None]) -> web.StreamResponse:
    """Connect the agent's websocket with one to the server. opened: told once the server has agreed.

    Raises aiohttp.ClientError when the server cannot be reached.
    """
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    headers = end_to_end(request.headers)
    try:
        server = await upstream.session.ws_connect(
            upstream.url(request),
            headers=CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in OF_HANDSHAKE),
            protocols=[protocol.strip() for protocol in offered.split(",") if protocol.strip()],
            autoclose=False,
            autoping=False,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_LIMIT_S),
        )
    except aiohttp.WSServerHandshakeError as refusal:
        return web.Response(status=refusal.status)
    agent = web.WebSocketResponse(
        protocols=[server.protocol] if server.protocol else (),
        autoclose=False,
        autoping=False,
        compress=False,
        max_msg_size=0,
        timeout=CLOSE_LIMIT_S,
    )
    try:
        await agent.prepare(request)
        opened()
        await _relay(agent, server, request)
    finally:
        if not server.closed:
            await server.close(code=aiohttp.WSCloseCode.GOING_AWAY)
    return agent


async def _relay(agent: WebSocket, server: WebSocket, request: web.Request) -> None:
    from_agent = asyncio.create_task(_pump(agent, server))
    from_server = asyncio.create_task(_pump(server, agent))
    pumps = (from_agent, from_server)
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        goodbye = from_agent.result() if from_agent.done() else from_server.result()
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
    if goodbye is not None:
        for end in (server, agent):
            await end.close(code=goodbye.code, message=goodbye.reason.encode())
    elif request.transport is not None:
        # Nobody said goodbye. The agent is to see what we saw, if it is there; the server is told that it went away.
        request.transport.abort()


async def _pump(source: WebSocket, sink: WebSocket) -> _Goodbye | None:
    """Returns how `source` said goodbye; None if either connection ended without a word."""
    try:
        while True:
            message = await source.receive()
            match message.type:
                case WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
                case WSMsgType.PING:
                    await sink.ping(message.data)
                case WSMsgType.PONG:
                    await sink.pong(message.data)
                case WSMsgType.CLOSE:
                    # A close frame without a code cannot be sent; 1000 is what it means.
                    return _Goodbye(message.data or aiohttp.WSCloseCode.OK, message.extra or "")
                case _:
                    return None
    except ConnectionError:
        return None
