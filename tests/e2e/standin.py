"""A second Gemini Live stand-in, independent of loadtest's: says the same recorded sentence after whatever it hears.

python -m tests.e2e.standin FOLDER       serves until killed; prints its port; leaves its authority in FOLDER/ca.pem
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import time
import wave
from array import array
from pathlib import Path
from typing import Any

import trustme
from aiohttp import WSMsgType, web

SENTENCE = Path(__file__).parents[2] / "scenarios" / "audio" / "confirm-by-message.wav"
QUIET_S = 0.6
LOUD = 500.0
PART = 24_000 // 10 * 2  # bytes of 100 ms


def sentence() -> bytes:
    """24 kHz PCM: two samples of the 16 kHz recording become three."""
    with wave.open(str(SENTENCE)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        heard = array("h", file.readframes(file.getnframes()))
    made = array("h")
    for i in range(0, len(heard) - 2, 2):
        a, b, c = heard[i : i + 3]
        made.extend((a, (a + 2 * b) // 3, (2 * b + c) // 3))
    return made.tobytes()


class Conversation:
    """One websocket."""

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self._ws = ws
        self._spoke_s: float | None = None
        self._saying: asyncio.Task[None] | None = None

    async def hold(self) -> None:
        async for message in self._ws:
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                await self._hear(json.loads(message.data))
        if self._saying is not None:
            self._saying.cancel()

    async def _hear(self, message: dict[str, Any]) -> None:
        if "setup" in message:
            await self._send({"setupComplete": {}})
        content = message.get("client_content") or message.get("clientContent")
        if content and (content.get("turn_complete") or content.get("turnComplete")):
            self._say()
        given = message.get("realtime_input") or message.get("realtimeInput") or {}
        for blob in (
            [given["audio"]] if given.get("audio") else given.get("media_chunks") or given.get("mediaChunks") or []
        ):
            self._listen(array("h", base64.urlsafe_b64decode(blob["data"].replace("+", "-").replace("/", "_"))))

    def _listen(self, samples: array[int]) -> None:
        now = time.monotonic()
        if sum(x * x for x in samples) > LOUD**2 * len(samples):
            self._spoke_s = now
        elif self._spoke_s is not None and now - self._spoke_s > QUIET_S:
            self._spoke_s = None
            self._say()

    def _say(self) -> None:
        if self._saying is None or self._saying.done():
            self._saying = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        said = sentence()
        for at in range(0, len(said), PART):
            data = base64.b64encode(said[at : at + PART]).decode()
            part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
            await self._send({"serverContent": {"modelTurn": {"parts": [part]}}})
            await asyncio.sleep(0.03)
        await self._send({"serverContent": {"generationComplete": True}})
        await asyncio.sleep(len(said) / 48_000 * 0.7)
        await self._send({"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 1}})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._ws.send_bytes(json.dumps(message).encode())


async def connect(request: web.Request) -> web.WebSocketResponse:
    if "BidiGenerateContent" not in request.path or not request.headers.get("x-goog-api-key"):
        raise web.HTTPForbidden
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    await Conversation(ws).hold()
    return ws


async def serve(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    app = web.Application()
    app.router.add_get("/{path:.*}", connect)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
