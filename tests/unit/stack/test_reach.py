"""What a LiveKit server says, and what a user is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.utils import formatdate
from time import time

import pytest
from aiohttp import web

from loadtest.errors import ScenarioError, StackError
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.reach import Refusal, ask_livekit, check_livekit, http_url

Reply = Callable[[web.Request], web.Response]


class Server:
    """Answers as it is told to."""

    reply: Reply
    access: LiveKitAccess


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    answering = Server()

    async def handle(request: web.Request) -> web.Response:
        return answering.reply(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    answering.access = LiveKitAccess(f"ws://127.0.0.1:{port}", "APIkey", 40 * "s")
    yield answering
    await runner.cleanup()


def with_token(text: str) -> Reply:
    return lambda request: web.Response(
        status=401, text=text.replace("TOKEN", request.headers["Authorization"].removeprefix("Bearer "))
    )


# Texts of livekit-server 1.13.5.
@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (lambda _: web.json_response({}), None),
        (with_token("invalid API key: APIkey"), Refusal.KEY),
        (with_token("invalid token: TOKEN, error: token signature is invalid: signature is invalid"), Refusal.SECRET),
        (with_token("invalid token: TOKEN, error: token has invalid claims: token is not valid yet"), Refusal.CLOCK),
        (with_token("invalid token: TOKEN, error: token has invalid claims: token is expired"), Refusal.CLOCK),
        (with_token("go away"), Refusal.KEYS),
        (lambda _: web.json_response({"code": "permission_denied"}, status=403), Refusal.PERMISSION),
        (lambda _: web.Response(status=404, text="404 page not found"), Refusal.NOT_LIVEKIT),
        (lambda _: web.Response(text="<html>welcome</html>"), Refusal.NOT_LIVEKIT),
        (lambda _: web.Response(status=503, text="busy"), Refusal.OTHER),
    ],
)
async def test_each_refusal_is_told_apart(server: Server, reply: Reply, refusal: Refusal | None) -> None:
    server.reply = reply
    answer = await ask_livekit(server.access)
    assert answer.refusal is refusal
    assert "eyJ" not in answer.said  # no token


async def test_nobody_there(server: Server) -> None:
    answer = await ask_livekit(replace(server.access, url="ws://127.0.0.1:9"))
    assert (answer.refusal, answer.said) == (Refusal.UNREACHABLE, "Connection refused")


@pytest.mark.parametrize("ahead_s", [0, 90, -3000])
async def test_the_clocks_are_compared_by_the_date_of_the_answer(server: Server, ahead_s: float) -> None:
    server.reply = lambda _: web.json_response({}, headers={"Date": formatdate(time() - ahead_s, usegmt=True)})
    answer = await ask_livekit(server.access)
    assert answer.ahead_s == pytest.approx(ahead_s, abs=30)  # a machine may be slow


async def test_keys_are_the_users_to_mend_and_a_missing_server_is_not(server: Server) -> None:
    server.reply = with_token("invalid API key: APIkey")
    with pytest.raises(ScenarioError, match="unknown key"):
        await check_livekit(server.access)
    with pytest.raises(StackError, match="unreachable: Connection refused"):
        await check_livekit(replace(server.access, url="ws://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("url", "http"),
    [("wss://a.example.org/", "https://a.example.org"), ("ws://127.0.0.1:7880", "http://127.0.0.1:7880")],
)
def test_the_api_is_at_the_same_host(url: str, http: str) -> None:
    assert http_url(url) == http
