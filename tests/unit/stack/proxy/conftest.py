"""A proxy between real clients and a small server that stands for LiveKit's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest, TransferSIPParticipantRequest

from loadtest.stack.ports import LOOPBACK
from loadtest.stack.proxy.exchange import PutThrough
from loadtest.stack.proxy.server import LiveKitProxy
from loadtest.stack.proxy.twirp import TwirpFailure

KEY, SECRET = "APIkey", "a secret that is long enough for a signature"


@dataclass
class FakeExchange:
    """Answers as it is told, and remembers what it was asked."""

    dialled: TwirpFailure | PutThrough = field(default_factory=lambda: PutThrough("PA_callee"))
    transferred: TwirpFailure | None = None
    callees: set[tuple[str, str]] = field(default_factory=set)
    dials: list[tuple[CreateSIPParticipantRequest, str]] = field(default_factory=list)
    transfers: list[TransferSIPParticipantRequest] = field(default_factory=list)
    agents: list[tuple[str, str, str]] = field(default_factory=list)

    async def dial(self, request: CreateSIPParticipantRequest, *, call_id: str) -> PutThrough | TwirpFailure:
        self.dials.append((request, call_id))
        return self.dialled

    def has_callee(self, room: str, identity: str) -> bool:
        return (room, identity) in self.callees

    async def transfer(self, request: TransferSIPParticipantRequest) -> TwirpFailure | None:
        self.transfers.append(request)
        return self.transferred

    def agent_connected(self, room: str, identity: str) -> None:
        self.agents.append(("connected", room, identity))

    def agent_disconnected(self, room: str, identity: str) -> None:
        self.agents.append(("disconnected", room, identity))


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StandIn:
    """Stands for LiveKit's server: answers by path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.seen: list[web.Request] = []
        self.bodies: list[bytes] = []

    def answers(self, path: str, status: int, body: Mapping[str, object]) -> None:
        """Answer requests for a path in JSON, as Twirp does for errors."""

        async def handler(request: web.Request) -> web.StreamResponse:
            self.bodies.append(await request.read())
            return web.json_response(body, status=status)

        self.handlers[path] = handler

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        return await self.handlers[request.path](request)

    def paths(self) -> list[str]:
        return [request.path for request in self.seen]


@pytest.fixture
def exchange() -> FakeExchange:
    return FakeExchange()


@pytest.fixture
def livekit() -> StandIn:
    return StandIn()


@pytest.fixture
async def proxy(livekit: StandIn, exchange: FakeExchange) -> AsyncIterator[LiveKitProxy]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", livekit.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    proxy = LiveKitProxy(f"ws://{LOOPBACK}:{runner.addresses[0][1]}", exchange)
    await proxy.start()
    yield proxy
    await proxy.stop()
    await runner.cleanup()


@pytest.fixture
async def client(proxy: LiveKitProxy) -> AsyncIterator[api.LiveKitAPI]:
    """LiveKit's own API client, as agents use it."""
    async with api.LiveKitAPI(proxy.url, KEY, SECRET) as client:
        yield client
