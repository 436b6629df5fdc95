"""Each layer between here and a LiveKit server, and what is said when one of them is broken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from loadtest.jobs.checks.finding import Finding, State
from loadtest.jobs.checks.server import check_server, clock, credentials
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.reach import Answer, Refusal


class Server:
    """As much of a LiveKit server as is looked at."""

    def __init__(self) -> None:
        self.status = 200
        self.key = "APIkey"
        self.signalling = True
        self.runners: list[web.AppRunner] = []

    async def start(self, tls: ssl.SSLContext | None = None) -> LiveKitAccess:
        app = web.Application()
        app.router.add_get("/", self.health)
        app.router.add_post("/twirp/livekit.RoomService/ListRooms", self.rooms)
        app.router.add_get("/rtc", self.rtc)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "localhost", 0, ssl_context=tls).start()
        self.runners.append(runner)
        return LiveKitAccess(f"{'wss' if tls else 'ws'}://localhost:{runner.addresses[0][1]}", "APIkey", 40 * "s")

    async def health(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, text="OK")

    async def rooms(self, _: web.Request) -> web.Response:
        return web.json_response({}) if self.key == "APIkey" else web.Response(status=401, text="invalid API key: x")

    async def rtc(self, request: web.Request) -> web.StreamResponse:
        if not self.signalling:
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(b"join")
        await socket.close()
        return socket


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    yield server
    for runner in server.runners:
        await runner.cleanup()


async def looked_at(access: LiveKitAccess) -> list[Finding]:
    return [finding async for finding in check_server(access, "room")]


def states(findings: list[Finding]) -> dict[str, State]:
    assert all(finding.remedy for finding in findings if finding.state is State.FAILED)
    return {finding.name: finding.state for finding in findings}


async def test_every_layer_of_a_server_that_works(server: Server) -> None:
    findings = await looked_at(await server.start())
    assert states(findings) == dict.fromkeys(("TCP", "HTTP", "keys of LiveKit", "clock", "websocket"), State.OK)
    assert all(" ms" in finding.found for finding in findings if finding.name != "clock")


async def test_nobody_listens(server: Server) -> None:
    (only,) = await looked_at(LiveKitAccess("ws://127.0.0.1:9", "k", "s"))
    assert (only.name, only.state, only.found) == ("TCP", State.FAILED, "Connection refused")


async def test_no_address_at_all(server: Server) -> None:
    (only,) = await looked_at(LiveKitAccess("somewhere", "k", "s"))
    assert only.state is State.FAILED


async def test_a_certificate_that_nobody_vouches_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    access = await server.start(tls)
    # Nothing at all is vouched for in this file, wherever the system keeps its own.
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger))
    findings = await looked_at(access)
    assert states(findings) == {"TCP": State.OK, "TLS": State.FAILED}
    assert "certificate is not trusted" in findings[1].found

    vouched = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(vouched)
    monkeypatch.setenv("SSL_CERT_FILE", str(vouched))
    assert states(await looked_at(access))["TLS"] is State.OK


async def test_a_proxy_without_a_server_behind_it(server: Server) -> None:
    server.status = 502
    findings = await looked_at(await server.start())
    assert states(findings) == {"TCP": State.OK, "HTTP": State.FAILED}
    assert "502" in findings[1].found


async def test_keys_of_another_server_are_no_reason_to_look_at_its_websocket(server: Server) -> None:
    server.key = "another"
    findings = await looked_at(await server.start())
    assert states(findings)["keys of LiveKit"] is State.FAILED
    assert "websocket" not in states(findings)


async def test_a_proxy_that_lets_no_websocket_through(server: Server) -> None:
    server.signalling = False
    access = await server.start()
    findings = await looked_at(access)
    assert states(findings)["websocket"] is State.FAILED
    assert "403" in findings[-1].found
    assert "eyJ" not in findings[-1].found  # no token


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_its_remedy(refusal: Refusal) -> None:
    found = credentials(Answer(refusal, "what was said", 0.1))
    assert (found.state, found.found) == (State.FAILED, f"{refusal}: what was said")
    assert found.remedy


@pytest.mark.parametrize(
    ("ahead_s", "state", "said"),
    [
        (0.4, State.OK, "0.4 s ahead of the server's, known to 0.6 s"),
        (-5.5, State.OK, "5.5 s behind the server's"),
        (-8.0, State.WARNING, "8.0 s behind the server's"),
        (60.3, State.WARNING, "beyond 60 s tokens are refused"),
        (65.0, State.FAILED, "tokens are refused"),
        (None, State.UNKNOWN, "does not say"),
    ],
)
def test_clocks(ahead_s: float | None, state: State, said: str) -> None:
    found = clock(Answer(None, "", took_s=0.2, ahead_s=ahead_s))
    assert found.state is state
    assert said in found.found


async def test_a_server_that_accepts_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.jobs.checks.server.STEP_LIMIT_S", 0.05)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    findings = await looked_at(LiveKitAccess(f"ws://127.0.0.1:{port}", "k", "s"))
    listener.close()
    await listener.wait_closed()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
    assert states(findings) == {"TCP": State.OK, "HTTP": State.FAILED}
    assert "no answer within" in findings[1].found
