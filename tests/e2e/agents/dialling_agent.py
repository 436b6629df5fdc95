"""An agent without any model that dials, in the mood that its dispatch asks for ({"mood": ...}).

asks       adds the callee to the room without waiting for the pick-up, and watches its status; then talks
impatient  lets it ring for a second
transfers  has the callee put through to somebody else once it has picked up
ends       talks, and deletes the room after its reply
deletes    deletes the room while it rings
clumsy     shows a wrong key, dials once more, dials into a room of its own, transfers nobody; then talks
leaves     comes and goes without having dialled
idle       comes and never dials

In the warm-up it leaves whatever its mood. It notes what it sees, as JSON lines on stderr.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from livekit import api, rtc
from livekit.agents import AgentServer, JobContext, JobExecutorType, cli

SPEECH = Path(__file__).parents[3] / "scenarios" / "audio" / "yes-please.wav"
TRUNK = "ST_outbound"
rtc.AudioResampler(48_000, 16_000)  # loads the SDK's library before two threads can do it at once
server = AgentServer(
    host="127.0.0.1",
    port=0,
    num_idle_processes=8,  # of jobs that come at the same moment a worker refuses those beyond
    load_fnc=lambda: 0.0,
    job_executor_type=JobExecutorType.THREAD,
    drain_timeout=0,
    shutdown_process_timeout=1,
    session_end_timeout=1,
)


def note(ctx: JobContext, **seen: Any) -> None:
    sys.stderr.write(json.dumps({"room": ctx.room.name, **seen}) + "\n")


def note_error(ctx: JobContext, error: api.TwirpError) -> None:
    kind, sip = type(error).__name__, error.metadata.get("sip_status_code")
    note(ctx, error=kind, code=error.code, status=error.status, message=error.message, sip=sip)


async def dial(ctx: JobContext, number: str, *, secret: str | None = None, **more: Any) -> rtc.RemoteParticipant | None:
    """The callee, once it has picked up; None, and a note, if it has not."""
    request = api.CreateSIPParticipantRequest(
        **{
            "room_name": ctx.room.name,
            "sip_trunk_id": TRUNK,
            "sip_call_to": number,
            "participant_identity": "callee",
            "wait_until_answered": True,
            **more,
        }
    )
    try:
        key, own = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
        async with api.LiveKitAPI(None, key, secret or own) as client:
            await client.sip.create_sip_participant(request)
    except api.TwirpError as error:
        note_error(ctx, error)
        return None
    return await ctx.wait_for_participant(identity="callee")


async def ask(ctx: JobContext, number: str) -> rtc.RemoteParticipant | None:
    """As above, but by its status rather than by waiting for the answer of the API."""
    statuses: list[str] = []
    gone = asyncio.Event()
    ctx.room.on("participant_disconnected", lambda _: gone.set())
    await ctx.add_sip_participant(call_to=number, trunk_id=TRUNK, participant_identity="callee")
    callee = await ctx.wait_for_participant(identity="callee")
    while not gone.is_set() and statuses[-1:] != ["active"]:
        if statuses[-1:] != [status := callee.attributes["sip.callStatus"]]:
            statuses.append(status)
        await asyncio.sleep(0.02)
    reason = None if callee.disconnect_reason is None else rtc.DisconnectReason.Name(callee.disconnect_reason)
    attributes = {name: value for name, value in callee.attributes.items() if name.startswith("sip.")}
    note(ctx, kind=callee.kind, name=callee.name, attributes=attributes, statuses=statuses, left_as=reason)
    return None if gone.is_set() else callee


async def talk(ctx: JobContext, times: int = 10) -> None:
    with wave.open(str(SPEECH)) as file:
        data = file.readframes(file.getnframes())
    source = rtc.AudioSource(16000, 1, queue_size_ms=10_000)
    track = rtc.LocalAudioTrack.create_audio_track("agent", source)
    await ctx.room.local_participant.publish_track(track, rtc.TrackPublishOptions())
    for number in range(times):
        if number:
            await asyncio.sleep(5.0)  # for the callee's line
        await source.capture_frame(rtc.AudioFrame(data, 16000, 1, len(data) // 2))
        await source.wait_for_playout()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    told = json.loads(ctx.job.metadata)
    mood, number = told["mood"], told["phone_number"]
    await ctx.connect()
    if mood == "leaves" or told["loadtest"]["call_id"].startswith("warmup"):
        ctx.shutdown("not in the mood")
        return
    if mood == "idle":
        return
    if mood == "deletes":
        dialling = asyncio.create_task(dial(ctx, number))
        await ctx.wait_for_participant(identity="callee")
        await ctx.delete_room()
        await dialling
        return
    if mood == "clumsy":
        await dial(ctx, number, secret="as long as a secret, and not the one")
    limits: dict[str, Any] = {"ringing_timeout": Duration(seconds=1)} if mood == "impatient" else {}
    callee = await (ask(ctx, number) if mood == "asks" else dial(ctx, number, **limits))
    if callee is None:
        ctx.shutdown("not put through")
        return
    match mood:
        case "transfers":
            await talk(ctx, times=1)
            done = await ctx.transfer_sip_participant(callee, "tel:+12025550199")
            note(ctx, transferred=done.status)
        case "ends":
            await talk(ctx, times=2)
            await ctx.delete_room()
        case "clumsy":
            await dial(ctx, number)
            await dial(ctx, number, room_name="a-room-of-its-own")
            try:
                await ctx.transfer_sip_participant("nobody", "tel:+12025550199")
            except api.TwirpError as error:
                note_error(ctx, error)
            await talk(ctx)
        case _:
            await talk(ctx)


if __name__ == "__main__":
    cli.run_app(server)
