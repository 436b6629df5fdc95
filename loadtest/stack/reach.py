"""Whether a LiveKit server that was not started here can be used: asked before anything is started for it."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

import aiohttp
from livekit import api

from loadtest.errors import ScenarioError, StackError
from loadtest.scenario.access import LiveKitAccess

__all__ = ["Answer", "Refusal", "ask_livekit", "check_livekit", "http_url", "reason", "remedy_of"]

ANSWER_LIMIT_S = 10.0
TOKEN_LEEWAY_S = 60.0
"""A LiveKit server takes a token that begins this long after its own time, and no later."""


class Refusal(StrEnum):
    """Why a LiveKit server does not do what it is asked."""

    UNREACHABLE = "unreachable"
    NOT_LIVEKIT = "not LiveKit"
    KEY = "unknown key"
    SECRET = "wrong secret"
    KEYS = "keys refused"
    CLOCK = "clock"
    PERMISSION = "no permission"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request to the API that needs the keys.

    refusal: None if it was granted; said: what was found instead, without keys. took_s: the round trip. ahead_s: how
    far our clock is ahead of the server's, by its Date header, which counts whole seconds; None if it sent none.
    """

    refusal: Refusal | None
    said: str
    took_s: float
    ahead_s: float | None = None


def http_url(url: str) -> str:
    """The address of a LiveKit server's API, given that for participants."""
    return url.replace("ws", "http", 1).rstrip("/") if url.startswith("ws") else url.rstrip("/")


async def ask_livekit(access: LiveKitAccess) -> Answer:
    """Ask for the list of rooms: it needs the key, the secret and, nearly, the right time."""
    token = api.AccessToken(access.api_key, access.api_secret).with_grants(api.VideoGrants(room_list=True)).to_jwt()
    began = time.monotonic()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_LIMIT_S), trust_env=True) as session,
            session.post(
                f"{http_url(access.url)}/twirp/livekit.RoomService/ListRooms",
                headers={"Authorization": f"Bearer {token}"},
                json={"names": ["loadtest"]},
            ) as response,
        ):
            text = (await response.text(errors="replace")).replace(token, "(token)")
            took_s = time.monotonic() - began
            ahead_s = _ahead_s(response.headers.get("Date"), took_s)
            return Answer(*_judged(response.status, text), took_s=took_s, ahead_s=ahead_s)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return Answer(Refusal.UNREACHABLE, reason(error), time.monotonic() - began)


async def check_livekit(access: LiveKitAccess) -> None:
    """Raise StackError if no LiveKit server answers, ScenarioError if it does not take the keys."""
    answer = await ask_livekit(access)
    if answer.refusal is None:
        return
    remedy = f"{remedy_of(answer.refusal)} `loadtest doctor` looks closer."
    message = f"LIVEKIT_URL {access.url}: {answer.refusal}: {answer.said}"
    if answer.refusal in (Refusal.KEY, Refusal.SECRET, Refusal.KEYS, Refusal.PERMISSION):
        raise ScenarioError(message, remedy=remedy)
    raise StackError(message, remedy=remedy)


def remedy_of(refusal: Refusal) -> str:
    """What to do about it."""
    match refusal:
        case Refusal.UNREACHABLE:
            return "Start the server, or correct LIVEKIT_URL."
        case Refusal.NOT_LIVEKIT:
            return "Let LIVEKIT_URL name the LiveKit server itself: wss://HOST, without a path of its own."
        case Refusal.KEY:
            return "Set LIVEKIT_API_KEY to a key of this server or project: they are probably another's."
        case Refusal.SECRET:
            return "Set LIVEKIT_API_SECRET to the secret that belongs to LIVEKIT_API_KEY."
        case Refusal.KEYS:
            return "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a pair of this server or project."
        case Refusal.CLOCK:
            return "Set this machine's clock, or the server's: tokens hold for their time only."
        case Refusal.PERMISSION:
            return "Use a key that may create, list and join rooms and dispatch agents."
        case Refusal.OTHER:
            return "Look at the server's log."


def reason(error: BaseException) -> str:
    """An error of the network in a line."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return f"no answer within {ANSWER_LIMIT_S:g} s"
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, ConnectionError) and inner.errno:
        return os.strerror(inner.errno)
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return next(iter(text.splitlines()))


def _judged(status: int, text: str) -> tuple[Refusal | None, str]:
    said = text.strip()[:200]
    if status == 200:
        return (None, "") if said.startswith("{") else (Refusal.NOT_LIVEKIT, "it answers, but not as LiveKit does")
    if status == 401:
        lower = said.lower()
        if "api key" in lower or "no such key" in lower:
            return Refusal.KEY, "the server does not know LIVEKIT_API_KEY"
        if any(word in lower for word in ("expired", "not valid yet", "nbf", "used before")):
            return Refusal.CLOCK, "the server takes our token for one of another time"
        if "invalid token" in lower or "signature" in lower:
            return Refusal.SECRET, "the server knows LIVEKIT_API_KEY and rejects what LIVEKIT_API_SECRET signed"
        return Refusal.KEYS, f"HTTP 401: {said}"
    if status == 403 or "permission" in said.lower():
        return Refusal.PERMISSION, "the server does not let this key list rooms"
    if status in (404, 405) or said.startswith("<"):
        return Refusal.NOT_LIVEKIT, f"it answers {status}, not as LiveKit does"
    return Refusal.OTHER, f"HTTP {status}: {said}"


def _ahead_s(date: str | None, took_s: float) -> float | None:
    if date is None:
        return None
    try:
        server_s = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    # The header was written half a round trip ago, and has lost half a second on average.
    return time.time() - took_s / 2 - (server_s + 0.5)
