"""A process of the fleet: places the calls it is told to, several at a time, on one event loop.

Speaks JSON lines: commands on stdin, reports on stdout. When stdin ends, the tester is gone: it hangs up and exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livekit import api

from loadtest.call.dial import Call, CallSurroundings
from loadtest.call.lag import watch_loop
from loadtest.call.presence import DialRequest
from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock
from loadtest.errors import LoadtestError, RecordError, ScenarioError
from loadtest.numbers import take_hashing
from loadtest.record.codec import encode
from loadtest.record.events import (
    Answered,
    CallStarted,
    ChannelHealth,
    DialFailed,
    Ended,
    Event,
    Heard,
    LineEnded,
    LineStarted,
    Outcome,
    ProbeMessage,
    Ringing,
)
from loadtest.record.layout import CallFolder
from loadtest.run.lines import Vocabulary, bad_line
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.load import load_scenario

__all__ = ["main"]

REPORTED = (CallStarted, Answered, LineStarted, LineEnded, Heard, Ringing, DialFailed, Ended)
"""What the live view is made of, and what an agent is told that dials."""
ORPHAN_LIMIT_S = 3.0
BEAT_S = 1.0
"""How often it says that its event loop runs."""
QUICK = {"agent_finished_after_s": 0.5, "reprompts": 0}
"""A warm-up call only has to bring every part into motion."""


@dataclass(frozen=True, slots=True)
class _Begin:
    process: str
    scenario: Path
    overrides: tuple[str, ...]
    probe_dir: Path
    hashes: Mapping[str, str]
    """Of the scenario that was planned."""


class CalleeProcess:
    """The child's side of the fleet."""

    def __init__(self, begin: _Begin, access: LiveKitAccess, client: api.LiveKitAPI) -> None:
        self._begin = begin
        self._access = access
        self._client = client
        self._loaded = load_scenario(begin.scenario, begin.overrides)
        if self._loaded.hashes != begin.hashes:
            raise ScenarioError(
                f"{begin.scenario}: changed since the run was planned", remedy="Run it again, and edit it afterwards."
            )
        self._vocabulary = Vocabulary(self._loaded.script)
        self._bad_line = bad_line(self._loaded)
        self._calls: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._hanging_up: str | None = None

    def obey(self, command: Mapping[str, Any]) -> None:
        """Carry out one command."""
        match command["command"]:
            case "call":
                task = asyncio.create_task(self._call(command))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case "dialled" if (call := self._calls.get(command["call_id"])) is not None:
                call.dialled(DialRequest.from_json(command["request"]))
            case "agent_signals" if (call := self._calls.get(command["call_id"])) is not None:
                call.agent_signals(command["identity"], connected=command["connected"])
            case "transferred" if (call := self._calls.get(command["call_id"])) is not None:
                call.transferred(command["to"])
            case "hang_up_one" if (call := self._calls.get(command["call_id"])) is not None:
                call.hang_up(command["reason"])
            case "hang_up":
                self._hanging_up = command["reason"]
                for call in list(self._calls.values()):
                    call.hang_up(command["reason"])

    def lagged(self, until_monotonic_s: float, lag_s: float) -> None:
        """The event loop was blocked: every call in progress says so in its record."""
        for call in self._calls.values():
            call.lagged(until_monotonic_s, lag_s)
        _report({"report": "lag", "lag_ms": round(lag_s * 1000, 1)})

    async def orphaned(self) -> None:
        """The tester is gone: hang up, but do not wait long."""
        for call in list(self._calls.values()):
            call.hang_up("tester gone")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=ORPHAN_LIMIT_S)

    async def _call(self, command: Mapping[str, Any]) -> None:
        spec = CallSpec.from_json(command["spec"])
        call_id = spec.call.call_id
        # The tester waits for the end of every call that it has placed, whatever becomes of it here.
        call, outcome = None, Outcome.TESTER_ERROR
        try:
            call = self._calls[call_id] = self._new_call(spec, command)
            if self._hanging_up is not None:
                call.hang_up(self._hanging_up)  # the request overtook the call
            outcome = await call.run()
            if call.unwritable is not None:
                _report({"report": "unwritable", "message": call.unwritable})
        except Exception as e:  # noqa: BLE001 - the boundary of a call task; its folder cannot tell of it
            _complain(call_id, e)
        finally:
            self._calls.pop(call_id, None)
            _report({"report": "released", "call_id": call_id, "outcome": outcome.value})
        try:
            if call is not None:
                await call.finish()
        except Exception as e:  # noqa: BLE001 - as above; what is on disk is kept
            _complain(call_id, e)
        finally:
            _report({"report": "finished", "call_id": call_id})

    def _new_call(self, spec: CallSpec, command: Mapping[str, Any]) -> Call:
        surroundings = CallSurroundings(
            access=self._access,
            client=self._client,
            clock=RunClock(command["origin"]),
            lines=self._vocabulary.shortest(spec.call) if spec.warmup else self._vocabulary.lines(spec.call),
            callee=self._loaded.scenario.callee.model_copy(update=QUICK if spec.warmup else {}),
            process=self._begin.process,
            probe_dir=self._begin.probe_dir,
            transcripts=self._loaded.scenario.transcripts,
            bad_line=self._bad_line,
        )

        def progress(event: Event) -> None:
            if isinstance(event, ChannelHealth) and event.late_frames:
                _report({"report": "late", "frames": event.late_frames})
            if isinstance(event, REPORTED) or _of_a_connection(event):
                _report({"report": "event", "call_id": spec.call.call_id, "event": encode(event)})

        return Call(spec, surroundings, CallFolder(Path(command["folder"])), progress)


def _of_a_connection(event: Event) -> bool:
    """A probe's message by which the tester knows where the agent connects to, and whether it may."""
    return isinstance(event, ProbeMessage) and event.message.get("type") in {"connected", "refused", "closed"}


def _complain(call_id: str, error: Exception) -> None:
    if isinstance(error, RecordError):
        _report({"report": "unwritable", "message": error.message})
    sys.stderr.write(f"{call_id}: {error}\n")
    if not isinstance(error, LoadtestError):
        traceback.print_exception(error)


def _report(report: Mapping[str, Any]) -> None:
    # A tester that has gone reads no more; stdin tells.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


async def _beat() -> None:
    while True:
        _report({"report": "alive"})
        await asyncio.sleep(BEAT_S)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader(limit=2**22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    first = json.loads(await stdin.readline())
    access = LiveKitAccess.from_environ(os.environ)
    async with api.LiveKitAPI(access.url, access.api_key, access.api_secret) as client:
        process = CalleeProcess(
            _Begin(
                first["process"],
                Path(first["scenario"]),
                tuple(first["overrides"]),
                Path(first["probe_dir"]),
                first["hashes"],
            ),
            access,
            client,
        )
        _report({"report": "ready", "pid": os.getpid()})
        aside = asyncio.gather(watch_loop(process.lagged), _beat())
        while line := await stdin.readline():
            process.obey(json.loads(line))
        aside.cancel()
        await process.orphaned()


def main() -> None:
    """Entry point of `python -m loadtest.run.callee_process`."""
    # Ctrl-C is for the tester, which then asks for calls to be hung up. The guard's request comes when the tester is
    # gone, which stdin tells as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    take_hashing(os.environ)
    asyncio.run(_serve())
    # Threads of the SDK have nothing left to do; waiting for them can only hang.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
