"""Everything that is no dial reaches the server as it was sent, and its answer the agent."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest
from aiohttp import WSMsgType, web
from livekit import api
from yarl import URL

from loadtest.stack.proxy.server import LiveKitProxy
from tests.unit.stack.proxy.conftest import KEY, SECRET, FakeExchange, StandIn

LARGE = bytes(range(256)) * 4096  # 1 MiB, more than any buffer on the way


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.fixture
def http(proxy: LiveKitProxy) -> str:
    return proxy.url.replace("ws", "http")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_method_path_query_headers_and_body(
    session: aiohttp.ClientSession, http: str, livekit: StandIn, method: str
) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=418, reason="Teapot", body=await request.read(), headers={"X-Answer": "yes"})

    livekit.handlers["/settings/a b"] = echo
    headers = {"X-Own": "1", "Authorization": "Bearer t", "Content-Type": "application/x-own"}
    url = URL(f"{http}/settings/a%20b?x=%2F&x=2", encoded=True)
    async with session.request(method, url, data=LARGE, headers=headers) as answer:
        body = await answer.read()
    assert (answer.status, answer.reason, answer.headers["X-Answer"]) == (418, "Teapot", "yes")
    assert body == LARGE
    (seen,) = livekit.seen
    assert (seen.method, seen.raw_path) == (method, "/settings/a%20b?x=%2F&x=2")
    assert {name: seen.headers[name] for name in headers} == headers
    assert seen.content_length == len(LARGE)


async def test_what_is_compressed_stays_so(session: aiohttp.ClientSession, http: str, livekit: StandIn) -> None:
    packed = gzip.compress(b"regions")

    async def compressed(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    livekit.handlers["/settings/regions"] = compressed
    async with session.get(f"{http}/settings/regions") as answer:
        assert await answer.read() == packed
    assert answer.headers["Content-Encoding"] == "gzip"


async def test_a_stream_arrives_as_it_is_sent(session: aiohttp.ClientSession, http: str, livekit: StandIn) -> None:
    heard = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await heard.wait()
        await response.write(b"second")
        return response

    livekit.handlers["/stream"] = stream
    async with session.get(f"{http}/stream") as answer:
        assert await answer.content.readany() == b"first"
        heard.set()
        assert await answer.content.read() == b"second"


async def test_a_server_that_is_gone_is_a_connection_that_comes_to_nothing(
    session: aiohttp.ClientSession, exchange: FakeExchange
) -> None:
    proxy = LiveKitProxy("ws://127.0.0.1:9", exchange)
    await proxy.start()
    try:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(proxy.url.replace("ws", "http"))
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.ws_connect(f"{proxy.url}/agent")
    finally:
        await proxy.stop()


async def test_both_kinds_of_frames_in_both_directions(
    session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn
) -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=["two"], max_msg_size=0)
        await ws.prepare(request)
        async for message in ws:
            await (ws.send_str if message.type is WSMsgType.TEXT else ws.send_bytes)(message.data)
        return ws

    livekit.handlers["/agent"] = echo
    headers = {"Authorization": "Bearer t"}
    url = f"{proxy.url}/agent?worker=1"
    async with session.ws_connect(url, protocols=["one", "two"], headers=headers, max_msg_size=0) as ws:
        assert ws.protocol == "two"
        await ws.send_str("grüß dich")
        await ws.send_bytes(LARGE * 8)
        assert await ws.receive_str() == "grüß dich"
        assert await ws.receive_bytes() == LARGE * 8
    (seen,) = livekit.seen
    assert (seen.query_string, seen.headers["Authorization"]) == ("worker=1", "Bearer t")


async def test_pings_are_answered_by_the_other_end(
    session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn
) -> None:
    pinged = asyncio.get_running_loop().create_future()

    async def pings(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        pinged.set_result((await ws.receive()).data)
        await ws.pong(b"from the server")
        await ws.receive()
        return ws

    livekit.handlers["/rtc"] = pings
    async with session.ws_connect(f"{proxy.url}/rtc", autoping=False) as ws:
        await ws.ping(b"from the agent")
        assert await pinged == b"from the agent"
        pong = await ws.receive()
        assert (pong.type, pong.data) == (WSMsgType.PONG, b"from the server")


async def test_the_server_says_goodbye(session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn) -> None:
    async def goodbye(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=4001, message=b"room deleted")
        return ws

    livekit.handlers["/rtc"] = goodbye
    async with session.ws_connect(f"{proxy.url}/rtc", autoclose=False) as ws:
        message = await ws.receive()
    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "room deleted")


async def test_the_agent_says_goodbye(session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def listen(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoclose=False)
        await ws.prepare(request)
        heard.set_result(await ws.receive())
        await ws.close()
        return ws

    livekit.handlers["/rtc"] = listen
    async with session.ws_connect(f"{proxy.url}/rtc") as ws:
        await ws.close(code=4002, message=b"enough")
    message = await heard
    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4002, "enough")


async def test_a_server_that_breaks_off_does_not_seem_to_say_goodbye(
    session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn
) -> None:
    async def die(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return ws

    livekit.handlers["/rtc"] = die
    async with session.ws_connect(f"{proxy.url}/rtc", autoclose=False) as ws:
        assert (await ws.receive()).type is not WSMsgType.CLOSE


async def test_a_refused_websocket_is_refused(
    session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=401)

    livekit.handlers["/rtc/v1"] = refuse
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        await session.ws_connect(f"{proxy.url}/rtc/v1")
    assert raised.value.status == 401


def token(kind: api.AccessToken.ParticipantKind) -> str:
    grants = api.VideoGrants(room_join=True, room="r")
    return api.AccessToken(KEY, SECRET).with_identity("agent-1").with_kind(kind).with_grants(grants).to_jwt()


@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1"])
async def test_it_tells_when_an_agent_comes_to_a_room_and_when_it_goes(
    session: aiohttp.ClientSession, proxy: LiveKitProxy, livekit: StandIn, exchange: FakeExchange, path: str
) -> None:
    gone = asyncio.Event()
    tell = exchange.agent_disconnected

    def disconnected(room: str, identity: str) -> None:
        tell(room, identity)
        gone.set()

    exchange.agent_disconnected = disconnected  # type: ignore[method-assign]

    async def accept(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        return ws

    livekit.handlers[path] = accept
    async with session.ws_connect(f"{proxy.url}{path}?access_token={token('standard')}"):
        pass
    headers = {"Authorization": f"Bearer {token('agent')}"}
    async with session.ws_connect(f"{proxy.url}{path}", headers=headers):
        pass
    await gone.wait()
    assert exchange.agents == [("connected", "r", "agent-1"), ("disconnected", "r", "agent-1")]


async def test_it_listens_on_loopback_alone(proxy: LiveKitProxy) -> None:
    port = int(proxy.url.rpartition(":")[2])
    listening = [
        c.laddr.ip for c in psutil.Process().net_connections() if c.status == "LISTEN" and c.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]
