"""Telling an address of the user's of a night: a POST whose body is signed. Whatever comes of it decides nothing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from loadtest.clock import utc_now
from loadtest.redact import keep_secret
from loadtest.scenario.hosts import is_loopback

__all__ = ["SECRET", "SENT", "SIGNATURE", "TIMESTAMP", "URL", "Target", "send", "signature", "target"]

URL: Final = "LOADTEST_WEBHOOK_URL"
SECRET: Final = "LOADTEST_WEBHOOK_SECRET"
TIMESTAMP: Final = "X-Loadtest-Timestamp"
"""Seconds since 1970 at which the message was signed: an old one that comes again is a replay."""
SIGNATURE: Final = "X-Loadtest-Signature"
SENT: Final = "sent"

LIMIT_S: Final = 10.0
"""For one try, from the look-up of the name to the end of the answer's head."""
PAUSE_S: Final = 2.0
AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same message may be taken a moment later."""
SHORTEST_SECRET: Final = 16


@dataclass(frozen=True, slots=True)
class Target:
    """Where the message goes, and by what it is signed."""

    url: str
    secret: str

    @property
    def host(self) -> str:
        """All that may be said of the address: the rest of it may be a secret."""
        return urlsplit(self.url).hostname or "?"


@dataclass(frozen=True, slots=True)
class _Failed:
    why: str
    again: bool


def target(environ: Mapping[str, str]) -> Target | str | None:
    """Where to, as the environment says; why it can't be used, in words; None if there is no address."""
    url, secret = environ.get(URL, ""), environ.get(SECRET, "")
    if not url:
        return None
    keep_secret([url])
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{URL} is no address"
    if not host or parts.scheme not in {"http", "https"}:
        return f"{URL} is no https:// address"
    if parts.scheme == "http" and not is_loopback(host):
        return f"{URL} is http:// and not on this machine: say https://"
    if len(secret) < SHORTEST_SECRET:
        return f"{SECRET} needs at least {SHORTEST_SECRET} characters: nothing is sent unsigned"
    return Target(url, secret)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=<hex>`: HMAC-SHA256 of `<timestamp>.<body>`."""
    return f"sha256={hmac.new(secret.encode(), timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def send(to: Target, body: bytes) -> tuple[str, ...]:
    """POST it, once more after a moment if that may help. What to say of it, in order: the last one is `sent`, or why
    it was not. Never raises."""
    return asyncio.run(_send(to, body))


async def _send(to: Target, body: bytes) -> tuple[str, ...]:
    first = await _try(to, body)
    if first is None:
        return (SENT,)
    if not first.again:
        return (f"not sent to {to.host}: {first.why}",)
    said = f"webhook: {first.why}; trying once more"
    await asyncio.sleep(PAUSE_S)
    second = await _try(to, body)
    return (said, SENT if second is None else f"not sent to {to.host}, twice: {second.why}")


async def _try(to: Target, body: bytes) -> _Failed | None:
    now, limit = str(int(utc_now().timestamp())), aiohttp.ClientTimeout(total=LIMIT_S)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "loadtest",
        TIMESTAMP: now,
        SIGNATURE: signature(to.secret, now, body),
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=not is_loopback(to.host)) as session,
            session.post(to.url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except TimeoutError:
        return _Failed(f"no answer within {LIMIT_S:.0f} s", again=True)
    except (aiohttp.ClientError, OSError, ValueError) as e:  # its text may have the address in it
        return _Failed(f"no connection ({type(e).__name__})", again=True)
    if 200 <= status < 300:
        return None
    return _Failed(f"it answered {status}", again=status in AGAIN)
