"""Tokens that a real server refuses, as they are after a wall clock was set wrongly, or with wrong keys."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pytest
from livekit import api, rtc
from livekit.api import access_token

from loadtest.call.refusal import why_refused
from loadtest.stack.install import find_server
from loadtest.stack.server import start_livekit_server

CLOCK, KEYS = "this machine's clock", "the API key or its secret"


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.now(tz) + dt.timedelta(hours=hours)

    clock = SimpleNamespace(datetime=Clock, timedelta=dt.timedelta, timezone=dt.timezone)
    monkeypatch.setattr(access_token, "datetime", clock)


async def refusals(url: str, api_key: str, api_secret: str) -> tuple[str | None, str | None]:
    """What is said of the server's answers to a request and to a participant."""
    async with api.LiveKitAPI(url, api_key, api_secret) as client:
        with pytest.raises(api.TwirpError) as of_request:
            await client.room.create_room(api.CreateRoomRequest(name="room"))
    grants = api.VideoGrants(room_join=True, room="room")
    token = api.AccessToken(api_key, api_secret).with_identity("callee").with_grants(grants).to_jwt()
    with pytest.raises(rtc.ConnectError) as of_participant:
        await rtc.Room().connect(url, token)
    return why_refused(of_request.value), why_refused(of_participant.value)


async def test_a_refused_token_is_put_down_to_the_clock_or_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start_livekit_server(find_server().path, tmp_path / "server.log")
    access = server.access
    try:
        for hours in (-8, 8):
            with monkeypatch.context() as patch:
                set_clock(patch, hours)
                of_request, of_participant = await refusals(access.url, access.api_key, access.api_secret)
            assert of_participant is not None
            assert CLOCK in of_participant
            assert KEYS not in of_participant
            assert of_request is not None  # the server does not say why
            assert CLOCK in of_request
        of_request, of_participant = await refusals(access.url, access.api_key, "x" * 48)
        assert of_participant is not None
        assert KEYS in of_participant
        assert CLOCK not in of_participant
        assert of_request is not None
        assert KEYS in of_request
    finally:
        await server.service.stop()
    assert why_refused(OSError("connection refused")) is None
