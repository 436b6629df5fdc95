"""The way to Google, up to Google: an HTTPS proxy on loopback that leads generativelanguage.googleapis.com:443 to the
simulator, which has a certificate for that name from an authority of its own.

`python -m tests.e2e.google FOLDER PROFILES KEY` writes ca.pem into FOLDER, prints the proxy's port and serves until it
is killed. PROFILES: JSON, endpoint profiles by arm; KEY: what clients must present. Faults are on from the start, so
give them `calls`. An agent that uses the proxy and trusts the authority talks to the simulator as if it was Google:
neither the agent, nor the plugin, nor google-genai is told of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path

import trustme
from aiohttp import web

from loadtest.scenario.endpoint import EndpointProfile
from loadtest.stack.gemini.server import Config, Simulator

HOST = "generativelanguage.googleapis.com"


class AtGooglesPaths(Simulator):
    """Serves the paths as Google does, without an arm in front; the arm is the end of the call's name."""

    async def serve(self, context: ssl.SSLContext) -> int:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._at_google)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self.begin(time.monotonic())
        return int(runner.addresses[0][1])

    async def _at_google(self, request: web.Request) -> web.StreamResponse:
        if request.host.partition(":")[0] != HOST:
            raise web.HTTPMisdirectedRequest
        request.match_info["arm"] = request.headers["x-loadtest-call"].split("-", 1)[1]
        return await self._connect(request)


async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """One CONNECT: to the simulator for Google's host, and nowhere for all others."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    if request.split()[:2] != ["CONNECT", f"{HOST}:443"]:
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()
        return
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(folder: Path, profiles: str, key: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    simulator = AtGooglesPaths(
        Config(
            truth_dir=folder,
            cert=folder,
            key=folder,
            control_token="",
            api_key=key,
            seed=1,
            arms={name: EndpointProfile.model_validate(one) for name, one in json.loads(profiles).items()},
        )
    )
    port = await simulator.serve(context)
    server = await asyncio.start_server(lambda r, w: proxy(r, w, port), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
