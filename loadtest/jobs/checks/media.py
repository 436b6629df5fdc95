"""Can a participant connect and publish audio, and by which way does it go?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from livekit import api, rtc
from livekit.rtc import stats as rtc_stats
from livekit.rtc.participant import PublishTrackError

from loadtest.jobs.checks.finding import Finding, State
from loadtest.scenario.access import LiveKitAccess

__all__ = ["MediaPath", "check_media", "chosen_path", "delete_room", "media"]

CONNECT_LIMIT_S = 15.0
PATH_LIMIT_S = 5.0
ICE_REMEDY = (
    "Media goes over UDP, or TCP or TURN where a server offers them: open the server's ports (7881 TCP, and UDP "
    "50000-60000 or its rtc.udp_port) to this machine, and let the server announce an address that can be reached."
)


@dataclass(frozen=True, slots=True)
class MediaPath:
    """The way that media takes. local, remote: kinds of ICE candidates. protocol: udp or tcp. rtt_ms: as ICE saw it."""

    local: str
    remote: str
    protocol: str
    rtt_ms: float


async def check_media(access: LiveKitAccess, room: str) -> Finding:
    """Join `room`, a fresh name, as a participant and publish. The room is deleted afterwards."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S + PATH_LIMIT_S):
            return media(await _publish(access, room), time.monotonic() - began)
    except (rtc.ConnectError, TimeoutError) as error:
        said = str(error) or f"no connection within {CONNECT_LIMIT_S:g} s"
        return Finding("media", State.FAILED, f"a participant cannot connect: {said}", ICE_REMEDY)
    except (PublishTrackError, RuntimeError) as error:
        return Finding("media", State.FAILED, f"a participant cannot publish: {error}", ICE_REMEDY)
    finally:
        await delete_room(access, room)


def media(path: MediaPath | None, took_s: float) -> Finding:
    """What the way of the media means. None: it could not be seen."""
    took = f"a participant connects and publishes in {took_s * 1000:.0f} ms"
    if path is None:
        return Finding("media", State.WARNING, f"{took}, but no path for its audio was found", ICE_REMEDY)
    found = f"{took}: {path.protocol}, {path.local} to {path.remote}, round trip {path.rtt_ms:.0f} ms"
    if path.local == "relay" or path.protocol != "udp":
        remedy = "Let UDP through to the server: what takes a detour is late, the more so when packets are lost."
        return Finding("media", State.WARNING, found, remedy)
    return Finding("media", State.OK, found)


async def delete_room(access: LiveKitAccess, room: str) -> None:
    """Delete a room, if it is there and can be deleted."""
    with contextlib.suppress(api.TwirpError, aiohttp.ClientError, OSError, TimeoutError):
        async with api.LiveKitAPI(access.url, access.api_key, access.api_secret) as client:
            await client.room.delete_room(api.DeleteRoomRequest(room=room))


async def _publish(access: LiveKitAccess, name: str) -> MediaPath | None:
    grants = api.VideoGrants(room_join=True, room=name)
    token = api.AccessToken(access.api_key, access.api_secret).with_identity("doctor").with_grants(grants).to_jwt()
    room = rtc.Room()
    source = rtc.AudioSource(16_000, 1)
    try:
        await room.connect(access.url, token, rtc.RoomOptions(connect_timeout=CONNECT_LIMIT_S))
        track = rtc.LocalAudioTrack.create_audio_track("doctor", source)
        await room.local_participant.publish_track(track, rtc.TrackPublishOptions())
        deadline = time.monotonic() + PATH_LIMIT_S
        while time.monotonic() < deadline:
            path = chosen_path((await room.get_rtc_stats()).publisher_stats)
            if path is not None:
                return path
            await asyncio.sleep(0.1)
        return None
    finally:
        await room.disconnect()
        await source.aclose()


def chosen_path(stats: Sequence[Any]) -> MediaPath | None:
    """The candidate pair that carries media; None before there is one. stats: of one peer connection."""
    by_kind: dict[str, dict[str, Any]] = {"candidate_pair": {}, "local_candidate": {}, "remote_candidate": {}}
    for entry in stats:
        kind = entry.WhichOneof("stats")
        if kind in by_kind:
            body = getattr(entry, kind)
            by_kind[kind][body.rtc.id] = body
    for body in by_kind["candidate_pair"].values():
        pair = body.candidate_pair
        local = by_kind["local_candidate"].get(pair.local_candidate_id)
        remote = by_kind["remote_candidate"].get(pair.remote_candidate_id)
        if pair.nominated and pair.state == rtc_stats.PAIR_SUCCEEDED and local and remote:
            return MediaPath(
                local=_kind(local.candidate),
                remote=_kind(remote.candidate),
                protocol=local.candidate.protocol,
                rtt_ms=pair.current_round_trip_time * 1000,
            )
    return None


def _kind(candidate: Any) -> str:
    return str(rtc_stats.IceCandidateType.Name(candidate.candidate_type)).lower()
