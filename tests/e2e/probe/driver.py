"""Runs in the interpreter of one generation of the plugin: real sessions with a probe each, against an endpoint that
does exactly what it is told.

    PYTHON driver.py CASES.json CERT.pem KEY.pem FOLDER

The cases run side by side in one event loop, as the jobs of a thread worker do. A case is what the endpoint does on
each of a session's connections in turn (the last one is repeated), and what the agent does. For each case one JSON line
is printed: {"case", "sent": lines on the data channel, "made": what the endpoint counted}; the probe's files are in
FOLDER. TLS is for the client, which insists on it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
import json
import ssl
import sys
import time
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from google.genai import live, types
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io
from livekit.plugins import google
from websockets.asyncio.server import ServerConnection, serve

from loadtest_probe import attach

LIMIT_S = 30.0
PART_S = 0.04
running: contextvars.ContextVar[Case] = contextvars.ContextVar("running")


class Ear(io.AudioOutput):
    """Plays in real time, into nowhere."""

    def __init__(self) -> None:
        super().__init__(label="ear", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24_000)
        self._began: float | None = None
        self._pushed_s = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._began is None:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._pushed_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began is not None:
            left_s = max(0.0, self._began + self._pushed_s - time.monotonic())
            asyncio.get_running_loop().call_later(left_s, self._over, False)

    def clear_buffer(self) -> None:
        self._over(True)

    def _over(self, interrupted: bool) -> None:
        if self._began is not None:
            played_s, self._began, self._pushed_s = self._pushed_s, None, 0.0
            self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


class Line(io.AudioInput):
    """A callee's line, in real time and without pause, as a room delivers it."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self._due = time.monotonic()

    async def __anext__(self) -> rtc.AudioFrame:
        self._due += PART_S / 2
        await asyncio.sleep(max(0.0, self._due - time.monotonic()))
        samples = round(16_000 * PART_S / 2)
        return rtc.AudioFrame(bytes(2 * samples), 16_000, 1, samples)


class Room:
    """As far as the probe looks: a room with a callee, and a data channel."""

    def __init__(self) -> None:
        self.name = ""
        self.sent: list[str] = []
        self.remote_participants = {"callee": object()}
        self.local_participant = SimpleNamespace(publish_data=self._publish_data)

    def isconnected(self) -> bool:
        return True

    def on(self, event: str, handler: Any) -> None: ...

    def off(self, event: str, handler: Any) -> None: ...

    async def _publish_data(self, payload: str, *, reliable: bool, topic: str) -> None:
        self.sent.append(payload)


class Parcels(Agent):
    @function_tool
    async def look_up_parcel(self, number: str) -> str:
        """Look up where a parcel is.

        Args:
            number: The number of the parcel.
        """
        case = running.get()
        await asyncio.sleep(case.tool_s)
        case.count("returned")
        return "It is on its way."


class Case:
    """One session, and its endpoint."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.name: str = told["case"]
        self._connections: list[list[list[Any]]] = told["connections"]
        self._steps: list[list[Any]] = told["steps"]
        self.tool_s: float = told.get("tool_s", 0.2)
        self.ping_s: float | None = told.get("ping_s")
        self._has_line: bool = told.get("line", False)
        self._over = asyncio.Event()
        self.made: Counter[str] = Counter()
        self._news = asyncio.Event()

    # The endpoint

    def count(self, what: str) -> None:
        self.made[what] += 1
        self._news.set()

    def script(self) -> list[list[Any]]:
        at = min(self.made["connections"], len(self._connections) - 1)
        self.count("connections")
        return self._connections[at]

    async def serve(self, ws: ServerConnection, script: list[list[Any]]) -> None:
        for verb, *given in script:
            await getattr(self, f"_{verb}")(ws, *given)
        await self._hold(ws)

    async def _setup(self, ws: ServerConnection, handle: str | None = None) -> None:
        setup = json.loads(await ws.recv())["setup"]
        if (setup.get("sessionResumption") or {}).get("handle"):
            self.count("resumed")
        await self._send(ws, {"setupComplete": {}})
        self.count("ready")
        if handle is not None:
            await self._send(ws, {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})

    async def _asked(self, ws: ServerConnection) -> None:
        """Until a reply is asked for, or a tool has answered."""
        async for data in ws:
            message = json.loads(data)
            content = message.get("client_content") or message.get("clientContent") or {}
            if content.get("turn_complete") or content.get("turnComplete"):
                return
            if "tool_response" in message or "toolResponse" in message:
                return

    async def _hear(self, ws: ServerConnection) -> None:
        await self._content(ws, {"inputTranscription": {"text": "Where is it?"}})

    async def _speak(self, ws: ServerConnection, parts: int) -> None:
        sound = base64.b64encode(bytes(round(24_000 * PART_S) * 2)).decode()
        part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": sound}}
        for _ in range(parts):
            await self._content(ws, {"modelTurn": {"parts": [part]}})

    async def _complete(self, ws: ServerConnection) -> None:
        await self._content(ws, {"generationComplete": True})

    async def _turn_over(self, ws: ServerConnection) -> None:
        await self._send(ws, {"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 9}})

    async def _call_tool(self, ws: ServerConnection) -> None:
        call = {"name": "look_up_parcel", "id": "call-1", "args": {"number": "seven"}}
        await self._send(ws, {"toolCall": {"functionCalls": [call]}})

    async def _go_away(self, ws: ServerConnection) -> None:
        await self._send(ws, {"goAway": {"timeLeft": "50s"}})

    async def _close(self, ws: ServerConnection, code: int, reason: str) -> None:
        self.count("closed")
        await ws.close(code, reason)

    async def _reset(self, ws: ServerConnection) -> None:
        self.count("closed")
        ws.transport.abort()

    async def _deaf(self, ws: ServerConnection) -> None:
        """Answer nothing any more, not even a ping."""
        ws.transport.pause_reading()
        await asyncio.sleep(LIMIT_S)

    async def _wait(self, _: Any, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _hold(self, ws: ServerConnection) -> None:
        async for _ in ws:
            pass

    async def _content(self, ws: ServerConnection, content: dict[str, Any]) -> None:
        await self._send(ws, {"serverContent": content})

    async def _send(self, ws: ServerConnection, message: dict[str, Any]) -> None:
        await ws.send(json.dumps(message).encode())

    # The agent

    async def run(self, url: str, context: ssl.SSLContext, folder: str) -> None:
        running.set(self)
        options = types.HttpOptions(
            base_url=f"{url}/{self.name}",
            timeout=10_000,
            client_args={"verify": context},
            async_client_args={"ssl": context},
        )
        session: AgentSession[None] = AgentSession(
            llm=google.realtime.RealtimeModel(
                model="gemini-3.8-live",
                vertexai=False,
                api_key="AIzaSyNoKeyAtAll00000000000000000000000",
                http_options=options,
            ),
            vad=None,
            turn_handling={"turn_detection": "realtime_llm"},
            user_away_timeout=None,
        )
        self._session = session
        if self._has_line:
            session.input.audio = Line()
        session.output.audio = Ear()
        session.on("close", lambda _: self.count("session_closed"))
        room = Room()
        room.name = self.name
        probe = attach(session, room, log_dir=folder)
        try:
            with contextlib.suppress(Exception):  # of the session; what it was is told by the probe
                await session.start(Parcels(instructions="You are on the telephone."), record=False)
                for verb, *given in self._steps:
                    await getattr(self, f"_agent_{verb}")(*given)
        finally:
            with contextlib.suppress(Exception):
                await session.aclose()
            await probe.aclose()
        sys.stdout.write(json.dumps({"case": self.name, "sent": room.sent, "made": self.made}) + "\n")

    async def _agent_ask(self) -> None:
        self._session.generate_reply()

    async def _agent_until(self, what: str, n: int = 1) -> None:
        await self._agent_until_either((what, n))

    async def _agent_until_either(self, *things: tuple[str, int]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while all(self.made[what] < n for what, n in things) and time.monotonic() < deadline:
            self._news.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), deadline - time.monotonic())

    async def _agent_wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _told(self, ws: ServerConnection, what: str) -> None:
        """A step of the endpoint: let the agent know how far it is."""
        self.count(what)


def quicken_keepalives() -> None:
    """Let a case have a quicker keepalive than the client's own; nothing else of it changes."""
    module: Any = live
    inner = module.ws_connect

    def ws_connect(*given: Any, **named: Any) -> Any:
        case = running.get(None)
        if case is not None and case.ping_s is not None:
            named |= dict.fromkeys(("ping_interval", "ping_timeout", "close_timeout"), case.ping_s)
        return inner(*given, **named)

    module.ws_connect = ws_connect


async def main(cases: Path, cert: str, key: str, folder: str) -> None:
    endpoints = {case.name: case for case in (Case(told) for told in json.loads(cases.read_text()))}
    scripts: dict[int, tuple[Case, list[list[Any]]]] = {}

    def arrive(ws: ServerConnection, request: Any) -> Any:
        case = endpoints[request.path.strip("/").split("/")[0]]
        script = case.script()
        if script and script[0][0] == "refuse":
            return ws.respond(HTTPStatus(script[0][1]), "no")
        scripts[id(ws)] = (case, script)
        return None

    async def handle(ws: ServerConnection) -> None:
        case, script = scripts.pop(id(ws))
        await case.serve(ws, script)

    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    context = ssl.create_default_context(cafile=cert)
    async with serve(
        handle, "127.0.0.1", 0, ssl=serving, process_request=arrive, ping_interval=None, close_timeout=1
    ) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*(case.run(url, context, folder) for case in endpoints.values()))


if __name__ == "__main__":
    quicken_keepalives()
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
