"""One websocket: carries messages and time into its session, and the session's actions out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.session import Session
from loadtest.stack.gemini.state import Action, HalfOpen, LatePongs, Send, Truth

__all__ = ["Connection", "gone"]

# How long the server waits for the answer to its close frame.
CLOSE_WAIT_S = 2.0
# How long a client may take to drop a half-open connection that it has given up.
GIVEN_UP_S = 60.0
LONGEST_MESSAGE = 4 * 1024 * 1024
# Messages kept for a session whose setup is late: more than a minute of audio.
EARLY_MESSAGES = 2000
GONE_POLL_S = 0.1
DATA = (WSMsgType.TEXT, WSMsgType.BINARY)

Record = Callable[[float, str, dict[str, Any]], None]


async def gone(request: web.Request, within_s: float) -> bool:
    """Waits until the client has dropped the TCP connection, at most `within_s` seconds; whether it has."""
    until = time.monotonic() + within_s
    while request.transport is not None and time.monotonic() < until:  # noqa: ASYNC110  # aiohttp has no event for it
        await asyncio.sleep(min(GONE_POLL_S, max(0.0, until - time.monotonic())))
    return request.transport is None


@dataclass(slots=True)
class Connection:
    """The server's side of one websocket. There is no keepalive of its own: it would make closes of its own.

    record: writes a truth line at a monotonic time.
    """

    request: web.Request
    record: Record
    ws: web.WebSocketResponse
    _receiving: asyncio.Task[WSMessage] | None = None
    _early: deque[WSMessage] = field(default_factory=lambda: deque(maxlen=EARLY_MESSAGES))
    _pong_delay_s: Callable[[], float] | None = None
    _pongs: set[asyncio.Task[None]] = field(default_factory=set)
    _half_open: bool = False

    @classmethod
    async def upgrade(cls, request: web.Request, record: Record) -> Connection:
        """Answers the upgrade. Raises ConnectionResetError when the client is gone."""
        ws = web.WebSocketResponse(
            timeout=CLOSE_WAIT_S,
            heartbeat=None,
            autoping=False,
            autoclose=False,
            compress=False,
            max_msg_size=LONGEST_MESSAGE,
        )
        await ws.prepare(request)
        return cls(request, record, ws)

    async def first_message(
        self, resumable: Callable[[str | None], bool], about: dict[str, Any]
    ) -> messages.ClientMessage | None:
        """The client's first message; None when it closes instead.

        Writes the connection_opened line: `about`, and whether the message brings a handle that is `resumable`.
        """
        opened_s = time.monotonic()
        received = await self._next(None)
        assert received is not None
        message = messages.parse(received.data) if received.type in DATA else None
        resumed = isinstance(message, messages.Setup) and resumable(message.handle)
        self.record(opened_s, "connection_opened", {**about, "resumed": resumed})
        if message is None:
            await self._left_in_setup(received)
        return message

    async def hold(self, seconds: float | None) -> bool:
        """Keeps the client waiting for setupComplete, None: for ever; False when it has left meanwhile.

        Pings are answered, and what it sends is kept for the session.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            received = await self._next(until)
            if received is not None and received.type in DATA:
                self._early.append(received)
            elif received is not None:
                await self._left_in_setup(received)
                return False
        return True

    async def refuse(self, close: Close) -> None:
        """Closes before setupComplete."""
        now = time.monotonic()
        self.record(now, "refused", {"http_status": None, "code": close.code, "reason": close.reason})
        closed = {"code": close.code, "reason": close.reason, "side": "server", "phase": "setup", "http_status": None}
        self.record(now, "closed", closed)
        await self._close(close)

    async def serve(self, session: Session) -> None:
        """Runs the session until one side ends it."""
        received: WSMessage | None = None
        try:
            await self._do(session.opened(time.monotonic()))
            while not session.over:
                received = self._early.popleft() if self._early else await self._next(session.next_due)
                if received is not None:
                    await self._do(self._received(session, received))
                if not self._early:
                    await self._do(session.on_time(time.monotonic()))
        except OSError:
            await self._do(session.closed_by_client(1006, ""))
        if self._half_open:
            await self._drop()
        elif received is not None and received.type is WSMsgType.CLOSE:
            await self._answer(received)

    def release(self) -> None:
        """Ends what still waits. Nothing is sent or received any more."""
        for task in (*self._pongs, self._receiving):
            if task is not None:
                task.cancel()

    async def _next(self, until: float | None) -> WSMessage | None:
        """The client's next message other than a ping or pong; None when there is none until a monotonic time."""
        if self._receiving is None:
            self._receiving = asyncio.ensure_future(self._receive())
        timeout = None if until is None else max(0.0, until - time.monotonic())
        await asyncio.wait((self._receiving,), timeout=timeout)
        if not self._receiving.done():
            return None
        received, self._receiving = self._receiving.result(), None
        return received

    async def _receive(self) -> WSMessage:
        while True:
            received = await self.ws.receive()
            if received.type is WSMsgType.PING:
                await self._on_ping(received.data)
            elif received.type is not WSMsgType.PONG:
                return received

    async def _on_ping(self, data: bytes) -> None:
        if self._half_open:
            return
        if self._pong_delay_s is None:
            with contextlib.suppress(OSError):
                await self.ws.pong(data)
            return
        task = asyncio.ensure_future(self._late_pong(self._pong_delay_s(), data))
        self._pongs.add(task)
        task.add_done_callback(self._pongs.discard)

    async def _late_pong(self, delay_s: float, data: bytes) -> None:
        await asyncio.sleep(delay_s)
        with contextlib.suppress(OSError):
            if not self.ws.closed:
                await self.ws.pong(data)

    def _received(self, session: Session, received: WSMessage) -> list[Action]:
        if received.type in DATA:
            return session.on_message(messages.parse(received.data), time.monotonic())
        close = self._client_close(received)
        return session.closed_by_client(close["code"], close["reason"])

    async def _left_in_setup(self, received: WSMessage) -> None:
        closed = {**self._client_close(received), "phase": "setup", "http_status": None}
        self.record(time.monotonic(), "closed", closed)
        if received.type is WSMsgType.CLOSE:
            await self._answer(received)

    def _client_close(self, received: WSMessage) -> dict[str, Any]:
        if received.type is WSMsgType.CLOSE:
            return {"code": int(received.data or 1005), "reason": received.extra or "", "side": "client"}
        return {"code": 1006, "reason": "", "side": "none"}

    async def _answer(self, received: WSMessage) -> None:
        """A client's close frame is answered with its own code and reason."""
        await self.ws.close(code=int(received.data or 1000), message=(received.extra or "").encode())

    async def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(payload):
                    await self.ws.send_bytes(payload)
                case Truth(kind, fields):
                    self.record(time.monotonic(), kind, fields)
                case LatePongs(delay_s):
                    self._pong_delay_s = delay_s
                case HalfOpen():
                    self._half_open = True
                case Close():
                    await self._close(action)

    async def _drop(self) -> None:
        """Lets the client find out by itself: no answer to its close, no FIN before its own."""
        if not await gone(self.request, GIVEN_UP_S) and self.request.transport is not None:
            self.request.transport.abort()

    async def _close(self, close: Close) -> None:
        if close.code is not None:
            await self.ws.close(code=close.code, message=close.reason.encode())
            return
        transport = self.request.transport
        if transport is not None:
            # With a linger time of zero the kernel answers with RST in place of FIN.
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
