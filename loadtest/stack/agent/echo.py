"""The echo: a plain participant that sends back what it hears, some time later. No session, no plugin, no model.

One script, run by path in an interpreter of its own (`python echo.py start`). It is dispatched as agents are, so that
calls come to it as they come to them, and finds in the dispatch metadata

    {"echo_delay_s": 1.5}

The delay is silence put into its source before the first sample: from then on the source's clock keeps it, whatever
the event loop does. What a call to it takes beyond the delay is the path, there and back.

Environment: LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_AGENT_NAME, LOADTEST_AGENT_PORT.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

os.environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")

from livekit import rtc
from livekit.agents import AgentServer, JobContext, JobExecutorType, cli

RATE = 48_000
SLACK_MS = 1000
"""Room in the source for what comes in a burst."""
SETTLE_S = 0.3
"""Of what comes first: a stream's first frames are late, and the delay would be longer for it."""

rtc.AudioResampler(48_000, 16_000)  # loads the SDK's library before two threads can do it at once


async def entrypoint(ctx: JobContext) -> None:
    delay_s = float(json.loads(ctx.job.metadata)["echo_delay_s"])
    callee: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

    def heard(track: rtc.Track, _: object, __: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and not callee.done():
            callee.set_result(track)

    ctx.room.on("track_subscribed", heard)
    await ctx.connect()
    source = rtc.AudioSource(RATE, 1, queue_size_ms=round(delay_s * 1000) + SLACK_MS)
    track = rtc.LocalAudioTrack.create_audio_track("echo", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await ctx.room.local_participant.publish_track(track, options)
    stream = rtc.AudioStream.from_track(track=await callee, sample_rate=RATE, num_channels=1, frame_size_ms=10)
    settled = round(SETTLE_S * RATE)
    async for event in stream:
        if settled > 0:
            settled -= event.frame.samples_per_channel
            if settled <= 0:
                count = round(delay_s * RATE)
                await source.capture_frame(rtc.AudioFrame(bytes(2 * count), RATE, 1, count))
            continue
        await source.capture_frame(event.frame)


def new_server() -> AgentServer:
    server = AgentServer(
        load_fnc=lambda: 0.0,
        num_idle_processes=int(os.environ.get("LOADTEST_AGENT_IDLE_PROCESSES", "1")),
        job_executor_type=JobExecutorType.THREAD,  # an echo is light, and dozens of processes are not
        drain_timeout=0,
        shutdown_process_timeout=1,
        session_end_timeout=1,
        host="127.0.0.1",
        port=int(os.environ.get("LOADTEST_AGENT_PORT", "0")),
        http_proxy=None,
        log_level="INFO",
    )
    server.rtc_session(entrypoint, agent_name=os.environ["LIVEKIT_AGENT_NAME"])
    return server


if __name__ == "__main__":
    sys.stdout = sys.stderr  # the worker logs to stdout
    cli.run_app(new_server())
