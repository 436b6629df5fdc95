"""One websocket: carries messages and time into its session, and the session's actions out."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.session import Session
from loadtest.stack.gemini.state import Action, Send, Truth

__all__ = ["Connection"]

# How long the server waits for the answer to its close frame.
CLOSE_WAIT_S = 2.0
LONGEST_MESSAGE = 4 * 1024 * 1024
DATA = (WSMsgType.TEXT, WSMsgType.BINARY)

Record = Callable[[float, str, dict[str, Any]], None]


@dataclass(slots=True)
class Connection:
    """The server's side of one websocket. There is no keepalive of its own: it would make closes of its own.

    record: writes a truth line at a monotonic time.
    """

    request: web.Request
    record: Record
    ws: web.WebSocketResponse

    @classmethod
    async def upgrade(cls, request: web.Request, record: Record) -> Connection:
        """Answers the upgrade."""
        ws = web.WebSocketResponse(timeout=CLOSE_WAIT_S, heartbeat=None, compress=False, max_msg_size=LONGEST_MESSAGE)
        await ws.prepare(request)
        return cls(request, record, ws)

    async def first_message(self, resumable: Container[str], about: dict[str, Any]) -> messages.ClientMessage | None:
        """The client's first message; None when it closes instead.

        Writes the connection_opened line: `about`, and whether the message brings a handle that is in `resumable`.
        """
        opened_s = time.monotonic()
        received = await self.ws.receive()
        message = messages.parse(received.data) if received.type in DATA else None
        resumed = isinstance(message, messages.Setup) and message.handle in resumable
        self.record(opened_s, "connection_opened", {**about, "resumed": resumed})
        if message is None:
            closed = {**self._client_close(received), "phase": "setup", "http_status": None}
            self.record(time.monotonic(), "closed", closed)
        return message

    async def refuse(self, close: Close) -> None:
        """Closes before setupComplete."""
        now = time.monotonic()
        self.record(now, "refused", {"http_status": None, "code": close.code, "reason": close.reason})
        closed = {"code": close.code, "reason": close.reason, "side": "server", "phase": "setup", "http_status": None}
        self.record(now, "closed", closed)
        await self._close(close)

    async def serve(self, session: Session) -> None:
        """Runs the session until one side ends it."""
        await self._do(session.opened(time.monotonic()))
        receiving = asyncio.ensure_future(self.ws.receive())
        try:
            while not session.over:
                due = session.next_due
                timeout = None if due is None else max(0.0, due - time.monotonic())
                await asyncio.wait((receiving,), timeout=timeout)
                if receiving.done():
                    received = receiving.result()
                    await self._do(self._received(session, received))
                    receiving = asyncio.ensure_future(self.ws.receive())
                await self._do(session.on_time(time.monotonic()))
        except (ConnectionResetError, OSError):
            await self._do(session.closed_by_client(1006, ""))
        finally:
            receiving.cancel()

    def _received(self, session: Session, received: WSMessage) -> list[Action]:
        if received.type in DATA:
            return session.on_message(messages.parse(received.data), time.monotonic())
        close = self._client_close(received)
        return session.closed_by_client(close["code"], close["reason"])

    def _client_close(self, received: WSMessage) -> dict[str, Any]:
        if received.type is WSMsgType.CLOSE:
            return {"code": int(received.data or 1005), "reason": received.extra or "", "side": "client"}
        return {"code": 1006, "reason": "", "side": "none"}

    async def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(payload):
                    await self.ws.send_bytes(payload)
                case Truth(kind, fields):
                    self.record(time.monotonic(), kind, fields)
                case Close():
                    await self._close(action)

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
