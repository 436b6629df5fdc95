"""An agent without any model, of the mood that its dispatch asks for ({"mood": ...}).

talks    says something every few seconds
silent   comes and says nothing
leaves   says something and hangs up while the callee is still there
shy      comes to the first call and to none after it
never    does not come
betrays  prints all that it knows, says something three times, and fails

It notes what it sees of the callee, as JSON lines on stderr.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import wave
from pathlib import Path

from livekit import api, rtc
from livekit.agents import AgentServer, JobContext, JobExecutorType, cli

SPEECH = Path(__file__).parents[3] / "scenarios" / "audio" / "what-is-it-about.wav"
rtc.AudioResampler(48_000, 16_000)  # loads the SDK's library before two threads can do it at once
server = AgentServer(
    host="127.0.0.1",
    port=0,
    num_idle_processes=0,
    load_fnc=lambda: 0.0,
    job_executor_type=JobExecutorType.THREAD,
    drain_timeout=0,
    shutdown_process_timeout=1,
    session_end_timeout=1,
)
shy_calls = itertools.count()


def speech() -> rtc.AudioFrame:
    with wave.open(str(SPEECH)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        data = file.readframes(file.getnframes())
        return rtc.AudioFrame(data, 16000, 1, len(data) // 2)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    mood = json.loads(ctx.job.metadata)["mood"]
    if mood == "never" or (mood == "shy" and next(shy_calls) > 0):
        ctx.shutdown("not in the mood")
        return
    await ctx.connect()
    callee = await ctx.wait_for_participant(kind=rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
    while callee.attributes.get("sip.callStatus") != "active":
        await asyncio.sleep(0.02)
    seen = {"room": ctx.room.name, "identity": callee.identity, "name": callee.name, "kind": callee.kind}
    sys.stderr.write(json.dumps({**seen, "attributes": dict(callee.attributes)}) + "\n")
    if mood == "betrays":
        token = api.AccessToken().with_identity("agent").to_jwt()
        sys.stderr.write(f"GET /rtc?access_token={token}\n")
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in os.environ.items()))
        sys.stdout.flush()
    if mood == "silent":
        return
    source = rtc.AudioSource(16000, 1, queue_size_ms=10_000)
    track = rtc.LocalAudioTrack.create_audio_track("agent", source)
    await ctx.room.local_participant.publish_track(track, rtc.TrackPublishOptions())
    said = itertools.count()
    while True:
        await source.capture_frame(speech())
        await source.wait_for_playout()
        # For the callee's line; it takes the floor after a second in which it could listen undisturbed.
        await asyncio.sleep(1.5 if mood == "leaves" else 2.5)
        if mood == "betrays" and next(said) == 2:
            raise RuntimeError(f"nobody can work like this: {dict(os.environ)}")
        if mood == "leaves":
            ctx.shutdown("had enough")
            return


if __name__ == "__main__":
    cli.run_app(server)
