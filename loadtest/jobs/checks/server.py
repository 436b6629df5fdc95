"""A LiveKit server: can it be reached, on each layer, and does it take the keys?"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable
from urllib.parse import urlsplit

import aiohttp
from livekit import api

from loadtest.jobs.checks.finding import Finding, State
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.reach import TOKEN_LEEWAY_S, Answer, ask_livekit, http_url, reason, remedy_of

__all__ = ["check_server", "clock", "credentials"]

STEP_LIMIT_S = 10.0
CLOCK_WORTH_SAYING_S = 5.0
FIREWALL = "Look at LIVEKIT_URL, at firewalls and proxies between here and there, and at the server itself."


async def check_server(access: LiveKitAccess, room: str) -> AsyncIterator[Finding]:
    """TCP, TLS, HTTP, keys, clock, websocket, in this order; after one that failed there is nothing more to look at.

    room: a fresh name; the websocket makes a room of it, which is the caller's to delete.
    """
    steps = [("TCP", _tcp(access.url)), ("TLS", _tls(access.url)), ("HTTP", _http(access.url))]
    failed = False
    for name, step in steps:
        if failed or (name == "TLS" and not _secure(access.url)):
            step.close()
            continue
        finding = await _timed(name, step)
        failed = finding.state is State.FAILED
        yield finding
    if failed:
        return
    answer = await ask_livekit(access)
    yield credentials(answer)
    yield clock(answer)
    if answer.refusal is None:
        yield await _timed("websocket", _websocket(access, room))


def credentials(answer: Answer) -> Finding:
    """What the server said to a request that needs the keys."""
    if answer.refusal is None:
        return Finding("keys of LiveKit", State.OK, f"accepted, in {answer.took_s * 1000:.0f} ms")
    return Finding("keys of LiveKit", State.FAILED, f"{answer.refusal}: {answer.said}", remedy_of(answer.refusal))


def clock(answer: Answer) -> Finding:
    """Our clock against the server's. Tokens hold for a time, so each side must know what time it is."""
    if answer.ahead_s is None:
        return Finding(
            "clock", State.UNKNOWN, "the server does not say what time it has", "Compare its clock with this machine's."
        )
    known_to_s = 0.5 + answer.took_s / 2
    where = "ahead of" if answer.ahead_s > 0 else "behind"
    found = f"{abs(answer.ahead_s):.1f} s {where} the server's, known to {known_to_s:.1f} s"
    remedy = "Let both machines set their clocks by NTP."
    if abs(answer.ahead_s) - known_to_s > TOKEN_LEEWAY_S:
        return Finding("clock", State.FAILED, f"{found}: tokens are refused or expire early", remedy)
    if abs(answer.ahead_s) - known_to_s > CLOCK_WORTH_SAYING_S:
        return Finding("clock", State.WARNING, f"{found}; beyond {TOKEN_LEEWAY_S:.0f} s tokens are refused", remedy)
    return Finding("clock", State.OK, found)


async def _timed(name: str, step: Awaitable[str]) -> Finding:
    began = time.monotonic()
    try:
        async with asyncio.timeout(STEP_LIMIT_S):
            told = await step
    except ssl.CertificateError as error:
        why = getattr(error, "verify_message", None) or reason(error)
        remedy = "Let SSL_CERT_FILE name the certificates of its authority, or use the host name that it was made for."
        return Finding(name, State.FAILED, f"its certificate is not trusted: {why}", remedy)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return Finding(name, State.FAILED, reason(error), FIREWALL)
    return Finding(name, State.OK, f"{told}, in {(time.monotonic() - began) * 1000:.0f} ms")


async def _tcp(url: str) -> str:
    host, port = _where(url)
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return f"{host} port {port} answers"


async def _tls(url: str) -> str:
    host, port = _where(url)
    _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return f"certificate trusted, {version}"


async def _http(url: str) -> str:
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(http_url(url)) as response:
        if response.status >= 500:
            raise ValueError(f"it answers {response.status}: the server, or a proxy before it, is not ready")
        return f"it answers {response.status}"


async def _websocket(access: LiveKitAccess, room: str) -> str:
    """As a participant's signalling does."""
    grants = api.VideoGrants(room_join=True, room=room)
    token = api.AccessToken(access.api_key, access.api_secret).with_identity("doctor").with_grants(grants).to_jwt()
    url = f"{http_url(access.url)}/rtc"
    try:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.ws_connect(url, params={"access_token": token, "protocol": "9", "sdk": "python"}) as socket,
        ):
            first = await socket.receive()
    except aiohttp.WSServerHandshakeError as error:
        # Its text holds the token.
        raise ValueError(f"the upgrade of {url} is answered with {error.status}") from None
    if first.type is not aiohttp.WSMsgType.BINARY:
        raise ValueError(f"the server ends the websocket at {url} at once")
    return "a participant's signalling works"


def _secure(url: str) -> bool:
    return http_url(url).startswith("https:")


def _where(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.hostname is None:
        raise ValueError("expected a ws:// or wss:// URL with a host")
    return parts.hostname, parts.port or (443 if _secure(url) else 80)
