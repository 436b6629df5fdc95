"""Puts the probe together and takes it apart."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import weakref
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from loadtest_probe.guard import Guard
from loadtest_probe.job import call_id, current_job, room_name, wants_transcripts, worker_mode
from loadtest_probe.plugin_log import PluginLog
from loadtest_probe.redact import name_of
from loadtest_probe.reporter import Reporter, Sink
from loadtest_probe.sinks import ChannelSink, FileSink
from loadtest_probe.tap import Tap
from loadtest_probe.ticker import Ticker
from loadtest_probe.transcripts import follow_transcripts
from loadtest_probe.wire import CLOCK_TOPIC, Bye, Clock, Hello, decode_ping

__all__ = ["Attachment", "attach"]

LOG_DIR_VARIABLE = "LOADTEST_PROBE_DIR"
_FLUSH_S = 1.0
_LINGER_S = 5.0

_attached: weakref.WeakKeyDictionary[Any, weakref.ref[Attachment]] = weakref.WeakKeyDictionary()


def attach(session: Any, room: Any, *, log_dir: str | os.PathLike[str] | None = None) -> Attachment:
    """Report what happens to this agent's session to the tester in the room. Call it before `session.start`.

    session: a livekit.agents.AgentSession; room: the job's rtc.Room, connected or not yet.
    log_dir: folder for a JSONL file that also holds what the data channel lost; LOADTEST_PROBE_DIR unless given.
    Never raises, never blocks; whatever fails is left out. A session that has a probe keeps it. The probe lets go when
    the job or the room ends; what is returned can make it do so before.
    """
    guard = Guard()
    try:
        there = _attached.get(session)
        probe = there() if there is not None else None
        if probe is not None and probe.is_attached:
            return probe
    except Exception as error:  # no session at all, or one that cannot be told from another
        guard.failed(error)
    probe = Attachment(guard)
    guard.run(probe._attach, session, room, log_dir)
    guard.run(lambda: _attached.update({session: weakref.ref(probe)}))
    return probe


class Attachment:
    """A probe at work. All of it is for the thread of the agent's event loop."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._ending: asyncio.Task[None] | None = None
        self._parts: _Parts | None = None

    @property
    def is_attached(self) -> bool:
        """It reports what happens."""
        return self._parts is not None

    def detach(self) -> None:
        """Let go of the session at once. What waits to be sent or written still is, for up to a second."""
        self._guard.run(self._detach)

    async def aclose(self) -> None:
        """Let go, and wait until all that was reported is sent and written, for at most a second."""
        try:
            self._detach()
            if self._ending is not None:
                await asyncio.shield(self._ending)
        except Exception as error:
            self._guard.failed(error)

    def _attach(self, session: Any, room: Any, log_dir: str | os.PathLike[str] | None) -> None:
        self._parts = _Parts(self, session, room, log_dir, self._guard)
        self._guard.run(self._parts.start)

    def _detach(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.stop()
            self._ending = asyncio.get_running_loop().create_task(parts.finish(), name="loadtest-probe-end")


class _Parts:
    """What an attached probe consists of."""

    def __init__(
        self, probe: Attachment, session: Any, room: Any, log_dir: str | os.PathLike[str] | None, guard: Guard
    ) -> None:
        self._probe = probe
        self._session = session
        self._room = room
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._job = current_job()
        name = call_id(self._job) or room_name(self._job, room) or "session"
        folder = log_dir or os.environ.get(LOG_DIR_VARIABLE)
        self._file = FileSink(os.fspath(folder), name, guard) if folder else None
        self._channel = ChannelSink(room, guard)
        sinks: list[Sink] = [self._channel] if self._file is None else [self._file, self._channel]
        self._report = Reporter(sinks, guard)
        self._tap = Tap(session, self._report, guard)
        self._log = PluginLog(self._tap.connections, self._tap.rt_session, guard)
        self._ticker: Ticker | None = None
        self._told_s = time.monotonic()
        self._lingering = False
        self._ending: asyncio.Task[None] | None = None

    def start(self) -> None:
        run, tap = self._guard.run, self._tap
        self._report(_hello(self._session, room_name(self._job, self._room)))
        run(self._log.install)
        run(tap.install)
        if wants_transcripts(self._job):
            run(follow_transcripts, self._session, self._report, tap.listen, self._guard)
        run(tap.find_rt_session)
        self._ticker = Ticker(self._loop, self._report, self._look, lambda: tap.is_starting, self._guard)
        run(lambda: tap.listen(self._room, "data_received", self._guard(self._on_data)))
        if self._job is None:
            run(lambda: tap.listen(self._room, "disconnected", self._guard(self._on_disconnected)))
        else:
            run(self._job.add_shutdown_callback, self._on_shutdown)

    def stop(self) -> None:
        """Let go of the agent."""
        if self._ticker is not None:
            self._ticker.stop()
        self._guard.run(self._log.remove)
        self._guard.run(self._tap.remove)
        self._report.tell_left_out()
        self._report(Bye())

    async def finish(self) -> None:
        """Wait until all is sent and written, and end what did that."""
        try:
            waiting = [self._channel.flush(_FLUSH_S)]
            if self._file is not None:
                waiting.append(self._file.close(_FLUSH_S))
            await asyncio.gather(*waiting)
        except Exception as error:
            self._guard.failed(error)
        finally:
            self._channel.close()

    def _look(self) -> None:
        self._tap.look()
        self._channel.poke()
        now = time.monotonic()
        if now - self._told_s >= 1.0:
            self._told_s = now
            self._report.tell_left_out()
        if self._tap.session_closed:
            self._after_the_session()

    def _after_the_session(self) -> None:
        if self._ticker is not None:
            self._ticker.is_quiet = True  # another session's probe may tell the same
        if self._job is None and not self._lingering:
            self._lingering = True  # the room may never have been connected
            self._loop.call_later(_LINGER_S, self._probe.detach)

    def _on_data(self, packet: Any) -> None:
        received_t = time.monotonic()
        if packet.topic == CLOCK_TOPIC and (ping := decode_ping(bytes(packet.data))) is not None:
            self._report(Clock(ping.ping_id, received_t))

    def _on_disconnected(self, *_: Any) -> None:
        self._ending = self._loop.create_task(self._on_shutdown(), name="loadtest-probe-end")

    async def _on_shutdown(self, *_: Any) -> None:
        try:
            # The session's own end is told by another of the job's shutdown callbacks.
            for _wait in range(100):
                if self._tap.session_closed:
                    break
                await asyncio.sleep(0.01)
            await self._probe.aclose()
        except Exception as error:
            self._guard.failed(error)


def _hello(session: Any, room: str | None) -> Hello:
    model = getattr(getattr(session, "llm", None), "model", None)
    return Hello(
        pid=os.getpid(),
        agents_version=_version("livekit-agents"),
        plugin_version=_version(_plugin(getattr(session, "llm", None))),
        model=name_of(model) if isinstance(model, str) else None,
        room=room,
        mode=worker_mode(),
        client_version=_version("google-genai"),
    )


def _plugin(model: Any) -> str:
    """The distribution that the model comes from: livekit.plugins.NAME; Google's unless told."""
    parts = type(model).__module__.split(".")
    name = parts[2] if parts[:2] == ["livekit", "plugins"] and len(parts) > 2 else "google"
    return f"livekit-plugins-{name.replace('_', '-')}"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


logging.getLogger("loadtest_probe").addHandler(logging.NullHandler())
