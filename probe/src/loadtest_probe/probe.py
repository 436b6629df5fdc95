"""Puts the probe together and takes it apart."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from loadtest_probe.connections import PluginLog
from loadtest_probe.guard import Guard
from loadtest_probe.job import call_id, current_job, room_name, wants_transcripts, worker_mode
from loadtest_probe.reporter import Reporter, Sink
from loadtest_probe.sinks import ChannelSink, FileSink
from loadtest_probe.tap import Tap
from loadtest_probe.ticker import Ticker
from loadtest_probe.transcripts import follow_transcripts
from loadtest_probe.wire import CLOCK_TOPIC, Bye, Clock, Hello, decode_ping

__all__ = ["attach"]

LOG_DIR_VARIABLE = "LOADTEST_PROBE_DIR"
_FLUSH_S = 1.0


def attach(session: Any, room: Any, *, log_dir: str | os.PathLike[str] | None = None) -> None:
    """Report what happens to this agent's session to the tester in the room. Call it before `session.start`.

    session: a livekit.agents.AgentSession; room: the job's rtc.Room, connected or not yet.
    log_dir: folder for a JSONL file that also holds what the data channel lost; LOADTEST_PROBE_DIR unless given.
    Never raises, never blocks; whatever fails is left out.
    """
    guard = Guard()
    guard.run(_attach, session, room, log_dir, guard)


def _attach(session: Any, room: Any, log_dir: str | os.PathLike[str] | None, guard: Guard) -> None:
    job = current_job()
    sinks: list[Sink] = []
    folder = log_dir or os.environ.get(LOG_DIR_VARIABLE)
    if folder:
        guard.run(lambda: sinks.append(FileSink(os.fspath(folder), call_id(job) or room_name(job, room) or "session")))
    channel = ChannelSink(room, guard)
    sinks.append(channel)
    report = Reporter(sinks, guard)
    tap = Tap(session, report, guard)
    plugin_log = PluginLog(tap.connections, tap.rt_session, guard)

    report(_hello(session, room_name(job, room)))
    guard.run(plugin_log.install)
    guard.run(tap.install)
    if wants_transcripts(job):
        guard.run(follow_transcripts, session, report, guard)
    guard.run(tap.find_rt_session)

    def look() -> None:
        tap.find_rt_session()
        channel.poke()

    ticker = Ticker(asyncio.get_running_loop(), report, look, lambda: tap.is_starting, guard)

    def on_data(packet: Any) -> None:
        received_t = time.monotonic()
        if packet.topic == CLOCK_TOPIC and (ping := decode_ping(bytes(packet.data))) is not None:
            report(Clock(ping.ping_id, received_t))

    stopped = False

    async def stop() -> None:
        nonlocal stopped
        if stopped:
            return
        stopped = True
        report(Bye())
        guard.run(plugin_log.remove)
        ticker.stop()
        await channel.flush(_FLUSH_S)
        channel.close()

    async def on_shutdown() -> None:
        try:
            # The session's own end is told by another of the job's shutdown callbacks.
            for _ in range(100):
                if tap.session_closed:
                    break
                await asyncio.sleep(0.01)
            await stop()
        except Exception as error:
            guard.failed(error)

    ending: list[asyncio.Task[None]] = []

    def on_disconnected(*_: Any) -> None:
        if job is None:
            ending.append(asyncio.get_running_loop().create_task(on_shutdown()))

    guard.run(lambda: room.on("data_received", guard(on_data)))
    guard.run(lambda: room.on("disconnected", guard(on_disconnected)))
    if job is not None:
        guard.run(job.add_shutdown_callback, on_shutdown)


def _hello(session: Any, room: str | None) -> Hello:
    model = getattr(getattr(session, "llm", None), "model", None)
    return Hello(
        pid=os.getpid(),
        agents_version=_version("livekit-agents"),
        plugin_version=_version("livekit-plugins-google"),
        model=model if isinstance(model, str) else None,
        room=room,
        mode=worker_mode(),
    )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


logging.getLogger("loadtest_probe").addHandler(logging.NullHandler())
