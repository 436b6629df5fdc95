"""Days on which everything goes wrong but the tester itself; and what must never be found in any file of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
from livekit import api

from loadtest.errors import ExitCode
from loadtest.record.events import CallStarted, Ended, Event, HangUp, LineEnded, Outcome
from loadtest.stack.install import find_server
from loadtest.stack.ports import free_port
from loadtest.stack.server import _config as server_config
from tests.e2e.harness import AGENTS, LiveRun, Results, happened, loadtest, moody, profile, scenario

LINES = ("yes-please", "how-much", "who-is-calling")
REFERENCE = {"model": "gemini-3.8-live", "endpoint": profile()}
PLAIN = {**REFERENCE, "agent": {"command": [sys.executable, str(AGENTS / "plain_agent.py"), "start"], "name": "plain"}}
OF_THE_USER = "user-5ecret-t0ken-8c1f"
WRONG_KEY = "AWrongKey-0123456789abcdef"
SECRET_VARIABLES = ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "GOOGLE_API_KEY", "LOADTEST_CONTROL_TOKEN", "CRM_TOKEN")
JWT = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")


def in_conversation(events: Iterable[Event]) -> bool:
    events = tuple(events)
    return happened(LineEnded, turn=0)(events) and not happened(HangUp)(events)


class Reader(threading.Thread):
    """Reads what a run prints, which stands still while nobody does; until its end, or until it is left alone."""

    def __init__(self, output: int) -> None:
        super().__init__(daemon=True)
        self.printed = b""
        self._output = output
        self._left = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._left.is_set():
            if select.select([self._output], [], [], 0.1)[0]:
                if not (data := os.read(self._output, 65536)):
                    break
                self.printed += data
        os.close(self._output)

    def leave(self) -> None:
        self._left.set()
        self.join()


@dataclass
class Day:
    """One run, what was done to it, and what was seen of it meanwhile."""

    live: LiveRun
    reader: Reader | None
    """Of what it prints, if not into files."""
    secrets: set[bytes] = field(default_factory=set)
    listening: set[tuple[str, str]] = field(default_factory=set)
    """Command line and address of everything that accepts connections."""
    datagrams: set[tuple[str, str]] = field(default_factory=set)
    struck: list[str] = field(default_factory=list)
    """Calls in which something was done, in that order."""
    stopped_s: float = 0.0
    continued_s: float = 0.0
    measured: str = ""
    """What `loadtest measure` said while the run was in progress."""
    run: Results | None = None
    printed: str = ""

    @property
    def results(self) -> Results:
        assert self.run is not None
        return self.run

    def conversation(self) -> str:
        """A call that is in progress, and in which nothing was done yet."""

        def fresh(events: Iterable[Event]) -> bool:
            started = next((event for event in events if isinstance(event, CallStarted)), None)
            return started is not None and started.call_id not in self.struck and in_conversation(events)

        call_id = self.live.wait_for_call(fresh, "a conversation")
        self.struck.append(call_id)
        return call_id

    def look(self) -> None:
        """Note the secrets in use, and the sockets of all processes of the run, while somebody talks."""
        self.live.wait_for_call(in_conversation, "a conversation")
        for process in self.live.processes():
            try:
                environ, command = process.environ(), " ".join(process.cmdline())
                self.secrets |= {environ[name].encode() for name in SECRET_VARIABLES if environ.get(name)}
                if any(str(AGENTS) in " ".join(of.cmdline()) for of in (process, *process.parents())):
                    continue  # what somebody else's agent listens on is their affair
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        self.listening.add((command, connection.laddr.ip))
                    elif connection.type == socket.SOCK_DGRAM:
                        self.datagrams.add((command, connection.laddr.ip))
            except psutil.NoSuchProcess:
                continue


def delete_room(day: Day) -> None:
    """The room of a conversation; as somebody with the server's keys does."""
    environ = day.live.process_of("loadtest.run.callee_process").environ()
    while not deleted(day, day.conversation(), environ):
        day.struck.pop()


def deleted(day: Day, call_id: str, environ: Mapping[str, str]) -> bool:
    """Whether the call's room was there to delete: on a busy machine it may have ended meanwhile."""
    assert day.live.folder is not None
    events = Results(day.live.folder, 0, "", "", ()).events(call_id)
    (room,) = (event.room for event in events if isinstance(event, CallStarted))

    async def delete() -> bool:
        keys = environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
        async with api.LiveKitAPI(environ["LIVEKIT_URL"], *keys) as client:
            try:
                await client.room.delete_room(api.DeleteRoomRequest(room=room))
            except api.TwirpError as error:
                if error.code != api.TwirpErrorCode.NOT_FOUND:
                    raise
                return False
            return True

    return asyncio.run(delete())


def betrayed(day: Day) -> None:
    """By an agent that prints all that it knows. A room is deleted under a call; everything stands still in another."""
    day.look()
    delete_room(day)
    day.conversation()
    processes = day.live.processes()
    for process in processes:
        process.suspend()
    day.stopped_s = time.monotonic()
    time.sleep(4.0)  # the disturbance
    day.continued_s = time.monotonic()
    for process in processes:
        process.resume()


def full(day: Day) -> None:
    """When one call has been recorded, and during another, no process of the run can add a byte to any file."""
    day.look()
    first = day.conversation()

    def is_over(events: Iterable[Event]) -> bool:
        return any(isinstance(e, CallStarted) and e.call_id == first for e in events) and happened(Ended)(events)

    day.live.wait_for_call(is_over, "the end of the first call")
    day.conversation()
    for process in day.live.processes():
        process.rlimit(resource.RLIMIT_FSIZE, (0, 0))


def terminated(day: Day) -> None:
    """By a job scheduler, which doesn't wait until everything is over."""
    day.look()
    day.conversation()
    day.live.signal(signal.SIGTERM)
    assert day.live.folder is not None
    run_json = day.live.folder.run_json
    day.live.wait_for(lambda: json.loads(run_json.read_text())["state"] != "running" or None, "the state of the end")
    day.live.process.kill()


def left_alone(day: Day) -> None:
    """Its terminal is closed, after somebody wanted to measure it."""
    day.look()
    assert day.live.folder is not None
    day.measured = loadtest("measure", str(day.live.folder.path)).stderr
    day.conversation()
    assert day.reader is not None
    day.reader.leave()


class OwnServer:
    """A LiveKit server that is not the run's: it can go and come back, at the same port and with the same keys."""

    def __init__(self) -> None:
        self.port = free_port()
        self.keys = ("APIofTheUser", "5ecret-of-the-user-0123456789abcdef")
        self._process: subprocess.Popen[bytes] | None = None

    def environ(self) -> dict[str, str]:
        key, secret = self.keys
        return {
            "LIVEKIT_URL": f"ws://127.0.0.1:{self.port}",
            "LIVEKIT_API_KEY": key,
            "LIVEKIT_API_SECRET": secret,
        }

    def start(self) -> None:
        config = server_config(self.port, free_port(socket.SOCK_DGRAM))
        self._process = subprocess.Popen(
            [str(find_server().path)],
            env={"LIVEKIT_CONFIG": json.dumps(config), "LIVEKIT_KEYS": ": ".join(self.keys)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


SERVER = OwnServer()


def restarted(day: Day) -> None:
    """Their LiveKit server goes during a call, and comes back when another could not be dialled."""
    day.look()
    day.conversation()
    SERVER.stop()
    failed = day.live.wait_for_call(happened(Ended, outcome=Outcome.DIAL_ERROR), "a call that could not be dialled")
    day.struck.append(failed)
    SERVER.start()


DAYS: dict[str, Callable[[Day], None]] = {
    "left alone": left_alone,
    "restarted": restarted,
    "betrayed": betrayed,
    "full": full,
    "terminated": terminated,
}
ARMS: dict[str, dict[str, Any]] = {
    "left alone": moody("talks"),
    "betrayed": moody("betrays"),
    "restarted": moody("talks"),
    "full": REFERENCE,
    # Also a run whose agent has the wrong key: its endpoint refuses it.
    "terminated": {**PLAIN, "env": {"GOOGLE_API_KEY": WRONG_KEY}},
}
# A run that is ended by what is done to it has calls for as long as that takes. The others go on to their end: they
# have enough for both strikes, and for a server that is slow to come back.
CALLS = {"betrayed": 6, "restarted": 8}
NEVER_OVER = 60
Days = dict[str, Day]


def begin(what: str, folder: Path, stack: ExitStack) -> Day:
    """Start the run of a day."""
    file = scenario(
        folder,
        {"only": ARMS[what]},
        lines=LINES,
        blocks=CALLS.get(what, NEVER_OVER),
        stack="external" if what == "restarted" else "embedded",
        arrivals=[{"rate_per_minute": 10}],
        # Where the machine is slow, ever more calls would make it slower; those beyond are dropped.
        cap=10 if what in CALLS else 4,
        # A greeting that comes late is waited for; where none can come, the callee begins.
        callee={"greeting_limit_s": 1.0 if what == "terminated" else 30.0},
    )
    environ = {"CRM_TOKEN": OF_THE_USER, **(SERVER.environ() if what == "restarted" else {})}
    ours, its = pty.openpty() if what == "left alone" else os.pipe() if what == "full" else (None, None)
    live = stack.enter_context(LiveRun(file, env=environ, output=its))
    if its is not None:
        os.close(its)
    return Day(live, None if ours is None else Reader(ours))


def spend(what: str, day: Day) -> None:
    """Do to the run what is done on that day, and wait for its end."""
    DAYS[what](day)
    day.run = day.live.finish(linger_s=60.0 if what == "terminated" else 0.0)
    if day.reader is not None:
        day.reader.join()
        day.printed = day.reader.printed.decode()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Nothing here depends on how quick the machine is, so the days overlap. But a stack takes two cores to start, and
    calls need some of them: a run begins when the one before it dials.
    """
    found: Days = {}
    with ExitStack() as stack, ThreadPoolExecutor(len(DAYS)) as pool:
        stack.callback(SERVER.stop)
        SERVER.start()
        spent = []
        for what in DAYS:
            found[what] = begin(what, tmp_path_factory.mktemp(what.replace(" ", "-")), stack)
            found[what].live.wait_for_call(happened(CallStarted), "its first call")
            spent.append(pool.submit(spend, what, found[what]))
        for day in spent:
            day.result()
    return found


@pytest.mark.parametrize("what", DAYS)
def test_nothing_is_left_running(days: Days, what: str) -> None:
    assert days[what].results.leftovers == ()


# Secrets, sockets


def contents(run: Results) -> dict[str, bytes]:
    """Every file of the run, tables also as text, as their bytes are packed; and what was printed."""
    files = {str(path): path.read_bytes() for path in run.folder.path.rglob("*") if path.is_file()}
    tables = run.folder.path.rglob("*.parquet")
    texts = {f"{path} as text": pl.read_parquet(path).write_json().encode() for path in tables}
    return {**files, **texts, "stdout": run.stdout.encode(), "stderr": run.stderr.encode()}


@pytest.mark.parametrize("what", DAYS)
def test_no_secret_is_in_any_file(days: Days, what: str) -> None:
    day = days[what]
    assert len(day.secrets) >= 4, "the keys of LiveKit, of the endpoint, and the user's own"
    assert OF_THE_USER.encode() in day.secrets
    assert (WRONG_KEY.encode() in day.secrets) == (what == "terminated")
    for name, data in {**contents(day.results), "terminal": day.printed.encode()}.items():
        leaked = [secret for secret in day.secrets if secret in data]
        assert not leaked, f"{name} holds {leaked}"
        assert not JWT.search(data), f"{name} holds a token"


def test_the_agent_that_prints_all_that_it_knows_is_still_heard(days: Days) -> None:
    log = (days["betrayed"].results.folder.logs / "agent-moody.log").read_text()
    for name in ("LIVEKIT_API_SECRET", "CRM_TOKEN"):
        assert f"\n{name}=[redacted]\n" in log
    assert "GET /rtc?access_token=[redacted]" in log
    assert "nobody can work like this" in log


def test_a_wrong_key_in_the_scenario_is_refused_by_the_endpoint_and_not_copied(days: Days) -> None:
    run = days["terminated"].results
    assert "GOOGLE_API_KEY: '[redacted]'" in run.folder.scenario.read_text()
    refused = [json.loads(line) for line in (run.folder.truth / "warmup.jsonl").read_text().splitlines()]
    assert "refused" in {line["type"] for line in refused}


@pytest.mark.parametrize("what", DAYS)
def test_nothing_listens_off_loopback(days: Days, what: str) -> None:
    """Callees and the reference agent included: left to itself, libwebrtc listens on all interfaces for TCP."""
    day = days[what]
    assert day.listening, "the server, for one, listens"
    assert {address for _, address in day.listening} <= {"127.0.0.1", "::1"}, day.listening
    # UDP does not listen: such a socket takes what its ICE password proves to be from its peer. There are some.
    assert day.datagrams


# What was done


def test_a_room_that_somebody_deletes_ends_its_call_and_no_other(days: Days) -> None:
    run, call_id = days["betrayed"].results, days["betrayed"].struck[0]
    call = run.calls()[call_id]
    assert (call["outcome"], call["end_cause"]) == ("agent_left", "room_closed")
    assert "room_deleted" in call["reason"] or "room_closed" in call["reason"]
    assert run.folder.call(call_id).flac.exists()
    assert [row["call_id"] for row in run.table("calls")] == run.plan()
    assert not {"not_dialled", "aborted"} & set(run.outcomes().values()), "the run went on to its end"


def test_a_run_in_progress_is_not_measured_by_others(days: Days) -> None:
    assert "in use: its run is in progress" in days["left alone"].measured


def test_turns_over_which_everything_stood_still_are_invalid_and_no_others_for_that(days: Days) -> None:
    day = days["betrayed"]
    run, call_id = day.results, day.struck[1]
    origin = run.run_json()["origin_monotonic_s"]
    stopped_s, continued_s = day.stopped_s - origin, day.continued_s - origin
    samples = sorted(
        ((row["t_s"], row["suspended_s"]) for row in run.table("health") if row["process"] == "machine"),
        key=lambda sample: sample[0],
    )
    assert not any(row["suspended_s"] for row in run.table("health") if row["process"] != "machine")
    # On a machine that is very busy the tester may stand still at other times, too.
    still = {(before, t): s for (before, _), (t, s) in pairwise(samples) if s is not None}
    ((since_s, until_s),) = [(a, b) for a, b in still if a <= stopped_s and b >= continued_s]
    assert continued_s - stopped_s - 1 <= still[since_s, until_s] <= until_s - since_s
    suspended = {row["call_id"] for row in run.table("turns") if "suspended" in (row["invalid_reason"] or "")}
    assert call_id in suspended
    for other in suspended:
        call = run.calls()[other]
        assert any(call["answered_s"] <= until_s and call["ended_s"] >= since_s for since_s, until_s in still)
    assert any("had slept, or the run's processes been stopped" in warning for warning in run.summary()["warnings"])
    assert run.exit_code == ExitCode.INVALID


def test_runs_on_the_same_machine_name_each_other(days: Days) -> None:
    ids = {what: day.results.folder.run_id for what, day in days.items()}
    warned = " ".join(days["betrayed"].results.run_json()["warnings"])
    assert all(f"Another run, {ids[what]}, was in progress" in warned for what in ("restarted", "full"))
    assert f"Another run, {ids['betrayed']}," in " ".join(days["restarted"].results.summary()["warnings"])


def test_a_full_disk_ends_the_run_with_one_error_and_what_was_recorded_can_be_measured(days: Days) -> None:
    day = days["full"]
    run = day.results
    assert run.exit_code == ExitCode.TOOL_FAILED, day.printed
    assert day.printed.count("loadtest: ") == 1, day.printed
    assert "File too large" in day.printed
    assert f"What was recorded is kept: measure it then with `loadtest measure {run.folder.path}`" in day.printed
    assert "Traceback" not in day.printed
    measured = loadtest("measure", str(run.folder.path))
    assert measured.returncode == ExitCode.OK, measured.stderr
    assert [row["call_id"] for row in run.table("calls")] == run.plan()
    first, second = day.struck
    assert run.outcomes()[first] == "completed"
    assert any(row["latency_ms"] is not None for row in run.table("turns") if row["call_id"] == first)
    assert run.outcomes()[second] in {"aborted", "tester_error"}
    assert run.calls()[second]["greeting_s"] is not None, "what was recorded until then is kept"
    assert run.folder.call(second).pcm.exists()


def test_a_scheduler_that_does_not_wait_finds_how_the_run_ended_on_disk(days: Days) -> None:
    day = days["terminated"]
    run = day.results
    assert run.run_json()["state"] == "interrupted"
    measured = loadtest("measure", str(run.folder.path))
    assert measured.returncode == ExitCode.OK, measured.stderr
    assert run.outcomes()[day.struck[0]] == "aborted"
    assert [row["call_id"] for row in run.table("calls")] == run.plan()


def test_a_server_that_restarts_costs_the_calls_meanwhile_and_not_the_run(days: Days) -> None:
    day = days["restarted"]
    run = day.results
    in_progress, undialled = day.struck
    assert run.run_json()["state"] == "complete"
    outcomes = run.outcomes()
    assert list(outcomes) == run.plan()
    assert (outcomes[in_progress], run.calls()[in_progress]["end_cause"]) in {
        ("aborted", "room_closed"),
        ("agent_left", "room_closed"),
        ("agent_left", "agent_hangup"),
    }
    assert outcomes[undialled] == "dial_error"
    assert "could not" in run.calls()[undialled]["reason"]
    assert list(outcomes.values())[-1] == "completed", outcomes


def test_a_run_whose_terminal_is_closed_is_hung_up_and_measured(days: Days) -> None:
    day = days["left alone"]
    run = day.results
    assert run.exit_code == ExitCode.INTERRUPTED
    assert (run.run_json()["state"], run.summary()["state"]) == ("interrupted", "interrupted")
    assert run.outcomes()[day.struck[0]] == "aborted"
    assert run.folder.summary_md.exists()
