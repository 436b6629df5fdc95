"""Who in the room is the agent, and which of its tracks is its voice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import api, rtc

from loadtest.call.presence import presence_of
from loadtest.call.room import CallRoom
from loadtest.call.spec import CallSpec
from loadtest.errors import DialError
from loadtest.scenario.access import LiveKitAccess
from tests.unit.calls import planned_call

CALL = planned_call()
AGENT = SimpleNamespace(identity="agent-1", kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, disconnect_reason=None)


class Listener:
    def __init__(self) -> None:
        self.told: list[str] = []

    def agent_joined(self, identity: str) -> None:
        self.told.append(f"joined {identity}")

    def agent_left(self, reason: str) -> None:
        self.told.append(f"left {reason}")

    def track_subscribed(self, track: rtc.Track) -> None:
        self.told.append(f"hears {track.sid}")

    def data_received(self, topic: str, data: bytes) -> None:
        raise AssertionError

    def room_closed(self, reason: str) -> None:
        raise AssertionError


class FakeRoom(rtc.EventEmitter[str]):
    """The SDK's room, as far as the callee uses it."""

    def __init__(self, *there: SimpleNamespace) -> None:
        super().__init__()
        self.remote_participants = {participant.identity: participant for participant in there}
        self.local_participant = self

    async def connect(self, *_: object) -> None:
        pass

    async def publish_track(self, *_: object) -> None:
        pass


async def joined(monkeypatch: pytest.MonkeyPatch, *there: SimpleNamespace) -> tuple[FakeRoom, list[str]]:
    sdk, listener = FakeRoom(*there), Listener()
    monkeypatch.setattr("loadtest.call.room.rtc.Room", lambda: sdk)
    monkeypatch.setattr("loadtest.call.room.rtc.LocalAudioTrack.create_audio_track", lambda *_: None)
    spec = CallSpec(call=CALL, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")
    access = LiveKitAccess("ws://127.0.0.1:1", "key", "secret" * 6)
    room = CallRoom(access, cast(api.LiveKitAPI, None), spec, listener)
    await room.join(cast(rtc.AudioSource, None), presence_of(CALL))
    return sdk, listener.told


def publish(sdk: FakeRoom, sid: str, source: Any) -> None:
    track = SimpleNamespace(sid=sid, kind=rtc.TrackKind.KIND_AUDIO)
    sdk.emit("track_subscribed", track, SimpleNamespace(source=source), AGENT)


async def test_an_agent_that_was_there_first_has_joined_and_can_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk, told = await joined(monkeypatch, AGENT)
    sdk.emit("participant_disconnected", AGENT)
    assert told == ["joined agent-1", "left unknown"]


async def test_background_sound_does_not_take_the_place_of_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk, told = await joined(monkeypatch)
    publish(sdk, "voice", rtc.TrackSource.SOURCE_MICROPHONE)
    publish(sdk, "office", rtc.TrackSource.SOURCE_UNKNOWN)
    publish(sdk, "voice again", rtc.TrackSource.SOURCE_MICROPHONE)
    assert told == ["joined agent-1", "hears voice", "hears voice again"]


async def test_the_voice_takes_the_place_of_background_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk, told = await joined(monkeypatch)
    publish(sdk, "office", rtc.TrackSource.SOURCE_UNKNOWN)
    publish(sdk, "voice", rtc.TrackSource.SOURCE_MICROPHONE)
    assert told == ["joined agent-1", "hears office", "hears voice"]


async def test_a_token_that_is_refused_is_no_mystery() -> None:
    async def refuse(_: object) -> None:
        raise api.TwirpError("unknown", "", status=401)

    client = SimpleNamespace(room=SimpleNamespace(create_room=refuse))
    spec = CallSpec(call=CALL, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")
    room = CallRoom(
        LiveKitAccess("ws://127.0.0.1:1", "key", "secret" * 6), cast(api.LiveKitAPI, client), spec, Listener()
    )
    with pytest.raises(DialError, match=r"the room could not be created: LiveKit refused our token: .*clock"):
        await room.create(empty_limit_s=30.0)
