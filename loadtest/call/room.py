"""The call's room: made, filled with the callee and the agent, and removed again."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import aiohttp
from livekit import api, rtc

from loadtest.call.packets import PacketCounts, counts_of
from loadtest.call.presence import Presence
from loadtest.call.refusal import why_refused
from loadtest.call.spec import CallSpec
from loadtest.errors import DialError
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.keys import Press

__all__ = ["CallRoom", "RoomListener", "SipStatus"]

T = TypeVar("T")

CONNECT_LIMIT_S = 15.0
REMEDY = "Look at the LiveKit server's log, and at how busy this machine is; then dial fewer calls at a time."
AGENT_KINDS = (rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD)


class SipStatus:
    """Values of `sip.callStatus`, as livekit-sip sets them."""

    DIALING = "dialing"
    RINGING = "ringing"
    ACTIVE = "active"
    HANGUP = "hangup"


class RoomListener(Protocol):
    """Who is told what happens in the room, until the callee leaves it."""

    def agent_joined(self, identity: str) -> None: ...

    def agent_left(self, reason: str) -> None: ...

    def track_subscribed(self, track: rtc.Track) -> None:
        """The agent's audio can be heard."""

    def data_received(self, topic: str, data: bytes) -> None: ...

    def room_closed(self, reason: str) -> None: ...


class CallRoom:
    """The callee's participant in the call's room, of kind SIP and with the attributes of livekit-sip."""

    def __init__(self, access: LiveKitAccess, client: api.LiveKitAPI, spec: CallSpec, listener: RoomListener) -> None:
        self._access = access
        self._client = client
        self._spec = spec
        self._listener = listener
        self._room = rtc.Room()
        self._left = False
        self._voice_found = False
        self._heard: rtc.RemoteTrack | None = None
        self._sent: rtc.LocalAudioTrack | None = None
        self.agent_identity: str | None = None

    @property
    def participant_id(self) -> str:
        """The callee's sid, once it has joined."""
        return self._room.local_participant.sid

    async def create(self, *, empty_limit_s: float) -> None:
        """Create the room. empty_limit_s: how long it waits for somebody to come. Raises DialError."""
        request = api.CreateRoomRequest(
            name=self._spec.room, empty_timeout=math.ceil(empty_limit_s), departure_timeout=5
        )
        await self._ask(self._client.room.create_room(request), "the room could not be created")

    async def dispatch(self) -> None:
        """Ask the agent to come. Raises DialError."""
        assert self._spec.agent_name is not None
        request = api.CreateAgentDispatchRequest(
            agent_name=self._spec.agent_name, room=self._spec.room, metadata=self._spec.metadata
        )
        await self._ask(self._client.agent_dispatch.create_dispatch(request), "the agent could not be dispatched")

    async def agents_there(self) -> tuple[str, ...] | None:
        """Identities of the agents in the room; None if there is no such room. Raises DialError."""
        rooms = await self._ask(
            self._client.room.list_rooms(api.ListRoomsRequest(names=[self._spec.room])), "the room was not found"
        )
        if not rooms.rooms:
            return None
        listed = await self._ask(
            self._client.room.list_participants(api.ListParticipantsRequest(room=self._spec.room)),
            "the server did not say who is in the room",
        )
        kinds = {int(kind) for kind in AGENT_KINDS}
        return tuple(participant.identity for participant in listed.participants if int(participant.kind) in kinds)

    async def join(self, source: rtc.AudioSource, presence: Presence) -> None:
        """Enter the room as the callee whose phone is being dialled. Raises DialError."""
        self._listen()
        token = (
            api.AccessToken(self._access.api_key, self._access.api_secret)
            .with_identity(presence.identity)
            .with_name(presence.name)
            .with_metadata(presence.metadata)
            .with_kind("sip")
            .with_ttl(timedelta(hours=2))
            .with_attributes({**presence.attributes, "sip.callStatus": SipStatus.DIALING})
            .with_grants(api.VideoGrants(room_join=True, room=self._spec.room, can_update_own_metadata=True))
            .to_jwt()
        )
        options = rtc.RoomOptions(connect_timeout=CONNECT_LIMIT_S)
        await self._ask(self._room.connect(self._access.url, token, options), "the callee could not join the room")
        # An agent that was quicker than the callee is in the room already; the SDK announces only those who come later.
        for participant in self._room.remote_participants.values():
            self._participant_connected(participant)
        track = self._sent = rtc.LocalAudioTrack.create_audio_track("callee", source)
        # What a phone call needs and no more: a tester that encodes redundantly has fewer callees a core.
        publish = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, red=False, dtx=True)
        publish.audio_encoding.max_bitrate = 24_000
        await self._ask(self._room.local_participant.publish_track(track, publish), "the callee's audio was refused")

    async def set_status(self, status: str) -> None:
        """Set sip.callStatus. Raises DialError."""
        await self._ask(
            self._room.local_participant.set_attributes({"sip.callStatus": status}), "the call's status was refused"
        )

    async def press(self, press: Press) -> None:
        """Send a key to the agent, as LiveKit's SIP service does with what a caller presses. Raises DialError."""
        key = self._room.local_participant.publish_dtmf(code=press.code, digit=press.digit)
        await self._ask(key, f"the key {press.digit} could not be sent")

    async def send(self, topic: str, data: bytes) -> None:
        """Send data to the room, reliably; quietly gives up when the room is gone."""
        with contextlib.suppress(Exception):  # the SDK raises plain Exception for a closed room
            await self._room.local_participant.publish_data(data, reliable=True, topic=topic)

    async def packet_counts(self) -> PacketCounts:
        """What the SDK has counted of the audio in both directions until now. Raises DialError."""
        problem = "the SDK gave no statistics"
        heard = [] if self._heard is None else await self._ask(self._heard.get_stats(), problem)
        sent = [] if self._sent is None else await self._ask(self._sent.get_stats(), problem)
        return counts_of(heard, sent)

    async def leave(self, reason: rtc.DisconnectReason.ValueType) -> None:
        """Leave, telling the room why."""
        self._left = True
        if reason == rtc.DisconnectReason.CLIENT_INITIATED:  # a telephone that was never picked up is not hung up
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    await self.set_status(SipStatus.HANGUP)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5.0):
                await self._room.disconnect(reason=reason)

    async def delete(self) -> None:
        """Delete the room, whoever is still in it."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await self._client.room.delete_room(api.DeleteRoomRequest(room=self._spec.room))

    async def _ask(self, request: Coroutine[Any, Any, T], problem: str) -> T:
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                return await request
        except TimeoutError as e:
            raise DialError(f"{problem}: no answer within {CONNECT_LIMIT_S:g} s", remedy=REMEDY) from e
        except (api.TwirpError, rtc.ConnectError, aiohttp.ClientError, OSError) as e:
            raise DialError(f"{problem}: {why_refused(e) or e}", remedy=REMEDY) from e
        except Exception as e:
            # The SDK has no base class of its own: publishing and attributes raise bare Exceptions.
            raise DialError(f"{problem}: {type(e).__name__}: {e}", remedy=REMEDY) from e

    def _listen(self) -> None:
        room = self._room
        room.on("participant_connected", self._participant_connected)
        room.on("participant_disconnected", self._participant_disconnected)
        room.on("track_subscribed", self._track_subscribed)
        room.on("data_received", self._data_received)
        room.on("disconnected", self._disconnected)

    def _participant_connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind in AGENT_KINDS and self.agent_identity is None:
            self.agent_identity = participant.identity
            self._listener.agent_joined(participant.identity)

    def _participant_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self.agent_identity and not self._left:
            self._listener.agent_left(_reason(participant.disconnect_reason))

    def _track_subscribed(
        self, track: rtc.RemoteTrack, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        self._participant_connected(participant)
        if participant.identity != self.agent_identity or track.kind != rtc.TrackKind.KIND_AUDIO:
            return
        # Background sound can come as a track of its own. The voice is a microphone, if the agent says so of any track.
        voice = publication.source == rtc.TrackSource.SOURCE_MICROPHONE
        if voice or not self._voice_found:
            self._voice_found = voice
            self._heard = track
            self._listener.track_subscribed(track)

    def _data_received(self, packet: rtc.DataPacket) -> None:
        self._listener.data_received(packet.topic or "", packet.data)

    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        if not self._left:
            self._listener.room_closed(_reason(reason))


def _reason(reason: rtc.DisconnectReason.ValueType | None) -> str:
    return "unknown" if reason is None else rtc.DisconnectReason.Name(reason).lower()
