"""The message about a night: signed, to https only, tried twice at most, and never more than a warning."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from loadtest.jobs import webhook
from loadtest.jobs.webhook import SECRET, SENT, SIGNATURE, TIMESTAMP, URL, Target, signature, target

DOC = Path(__file__).parents[3] / "docs" / "nightly.md"
KEY = "a secret of some length"
BODY = b'{"exit_code": 4}'


@dataclass
class Receiver:
    """Answers with these codes, one after the other; none left: never."""

    codes: list[int]
    url: str = ""
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        if not self.codes:
            await asyncio.Event().wait()
        return web.Response(status=self.codes.pop(0), headers={"Location": "/elsewhere"})

    def target(self) -> Target:
        found = target({URL: self.url, SECRET: KEY})
        assert isinstance(found, Target)
        return found


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setattr(webhook, "PAUSE_S", 0.0)
    made = Receiver([200])
    app = web.Application()
    app.router.add_post("/hook", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?token=hush-hush"
    yield made
    await runner.cleanup()


def receivers_check() -> Any:
    """The function that the documentation gives to receivers."""
    (text,) = re.findall(r"```python\n(import hashlib.*?)```", DOC.read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(text, names)  # our own page
    return names["is_ours"]


async def test_a_receiver_can_tell_the_message_by_its_signature(receiver: Receiver) -> None:
    assert await webhook._send(receiver.target(), BODY) == (SENT,)
    ((headers, body),) = receiver.got
    is_ours = receivers_check()
    assert is_ours(KEY, headers, body)
    assert not is_ours("another secret of length", headers, body)
    assert not is_ours(KEY, headers, body.replace(b"4", b"0"))
    replayed = {**headers, TIMESTAMP: str(int(headers[TIMESTAMP]) - 301)}
    assert not is_ours(KEY, replayed, body)
    old = replayed[TIMESTAMP]
    assert not is_ours(KEY, {**replayed, SIGNATURE: signature(KEY, old, body)}, body)
    assert headers["Content-Type"] == "application/json"


async def test_what_may_pass_is_tried_once_more_and_said(receiver: Receiver) -> None:
    receiver.codes = [503, 204]
    said = await webhook._send(receiver.target(), BODY)
    assert said == ("webhook: it answered 503; trying once more", SENT)
    receiver.codes = [503, 500, 200]
    assert (await webhook._send(receiver.target(), BODY))[-1] == "not sent to 127.0.0.1, twice: it answered 500"
    assert len(receiver.got) == 4


@pytest.mark.parametrize("code", [302, 307, 400, 401, 404])
async def test_what_will_not_pass_is_not_tried_again_and_redirections_are_not_followed(
    receiver: Receiver, code: int
) -> None:
    receiver.codes = [code, 200]
    assert await webhook._send(receiver.target(), BODY) == (f"not sent to 127.0.0.1: it answered {code}",)
    assert len(receiver.got) == 1


async def test_who_never_answers_is_not_waited_for(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "LIMIT_S", 0.05)
    receiver.codes = []
    async with asyncio.timeout(20):
        said = await webhook._send(receiver.target(), BODY)
    assert "no answer within" in said[-1]
    assert len(receiver.got) == 2


async def test_nobody_there_is_a_sentence_without_the_address() -> None:
    to = Target("http://127.0.0.1:9/hook?token=hush-hush", KEY)
    said = await webhook._try(to, BODY)
    assert said is not None
    assert "no connection" in said.why
    assert "hush" not in said.why


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("http://example.org/hook", KEY, "say https://"),
        ("ftp://example.org/hook", KEY, "no https"),
        ("https://", KEY, "no https"),
        ("https://example.org:port/hook", KEY, "no address"),
        ("https://example.org/hook?token=hush-hush", "", "at least 16"),
        ("https://example.org/hook?token=hush-hush", "short", "at least 16"),
    ],
)
def test_what_is_unsafe_is_not_sent(url: str, secret: str, why: str) -> None:
    said = target({URL: url, SECRET: secret})
    assert isinstance(said, str)
    assert why in said
    assert "hush" not in said


def test_without_an_address_there_is_nothing_to_say() -> None:
    assert target({}) is None
    assert target({URL: "", SECRET: KEY}) is None
    found = target({URL: "https://example.org/hook", SECRET: KEY})
    assert isinstance(found, Target)
    assert found.host == "example.org"
    assert isinstance(target({URL: "http://localhost:8080/hook", SECRET: KEY}), Target)
