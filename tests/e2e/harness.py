"""Real runs for tests: a scenario, the tester as a process of its own, and what it left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import polars as pl
import psutil

from loadtest.audio.wav import Recording, open_recording
from loadtest.record.events import CallStarted, Event
from loadtest.record.layout import RunFolder
from loadtest.record.reader import read_events
from loadtest.record.tables import read_table

T = TypeVar("T")

REPOSITORY = Path(__file__).parents[2]
AUDIO = REPOSITORY / "scenarios" / "audio"
AGENTS = Path(__file__).parent / "agents"
TAG = "LOADTEST_E2E_RUN"
"""In the environment of a run, by which its processes are known."""
LIMIT_S = 300.0
"""For what comes in a minute, on a machine that is busy with other things."""
# Whether the machine is busy is no subject of these tests, unless one says so.
INDULGENT = {
    **dict.fromkeys(("cpu_share", "cpu_stall", "packet_loss", "disputed_share", "share_difference"), 1.0),
    **dict.fromkeys(("loop_lag_ms", "frame_gap_ms", "anchor_ms", "concealed_ms", "jitter_buffer_ms"), 60_000.0),
    **dict.fromkeys(("dial_late_ms", "agent_join_ms"), 60_000.0),
}


def line(name: str) -> dict[str, str]:
    return {"name": name, "audio": str(AUDIO / f"{name}.wav")}


def profile(model: str = "gemini-3.8-live", *faults: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint that answers soon and always after the same time, but for its faults."""
    return {
        "version": 1,
        "model": model,
        "reply_delay": {"distribution": "constant", "value_ms": 300},
        "end_of_speech_silence_ms": 500,
        "faults": list(faults),
    }


def moody(mood: str) -> dict[str, Any]:
    """An arm with an agent that behaves as its metadata says; see agents/moody_agent.py."""
    command = [sys.executable, str(AGENTS / "moody_agent.py"), "start"]
    return {
        "model": "none",
        "agent": {"command": command, "name": "moody", "metadata": {"mood": mood}},
        "endpoint": profile("none"),
    }


def scenario(
    folder: Path, arms: Mapping[str, Mapping[str, Any]], *, lines: Sequence[str] = ("yes-please",), **more: Any
) -> Path:
    """Write a scenario file with short calls. An arm's endpoint may be a profile, which gets a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, arm in arms.items():
        endpoint = arm.get("endpoint")
        if endpoint is not None and "reply_delay" in endpoint:
            (folder / f"{name}.yaml").write_text(json.dumps(endpoint))
            endpoint = {"profile": f"{name}.yaml"}
        written[name] = {**arm, "endpoint": endpoint}
    script = {
        "version": 1,
        "lines": [line(name) for name in lines],
        "reprompts": [line("hello-are-you-there"), line("can-you-hear-me")],
        "goodbye": line("bye"),
    }
    (folder / "script.yaml").write_text(json.dumps(script))
    callee = {"ring_s": 0.3, "agent_finished_after_s": 0.8, "patience_s": 3.0, **more.pop("callee", {})}
    whole = {
        "version": 1,
        "name": "e2e",
        "seed": 7,
        "arms": written,
        "blocks": 1,
        "arrivals": [{"rate_per_minute": 60}],
        "cap": 10,
        "script": "script.yaml",
        "callee": callee,
        "validity": INDULGENT,
        **more,
    }
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(whole, indent=1))
    return path


@dataclass(frozen=True)
class Results:
    """What a tester left behind."""

    folder: RunFolder
    exit_code: int
    stdout: str
    stderr: str
    leftovers: tuple[str, ...]
    """Command lines of processes of the run that were still there when it was over."""

    def table(self, name: str) -> list[dict[str, Any]]:
        return read_table(self.folder.table(name), name).to_dicts()

    def calls(self) -> dict[str, dict[str, Any]]:
        return {row["call_id"]: row for row in self.table("calls")}

    def outcomes(self) -> dict[str, str]:
        return {call_id: row["outcome"] for call_id, row in self.calls().items()}

    def plan(self) -> list[str]:
        """Ids of the planned calls."""
        return [row["call_id"] for row in self.plan_rows()]

    def plan_rows(self) -> list[dict[str, Any]]:
        return pl.read_parquet(self.folder.plan).to_dicts()

    def run_json(self) -> dict[str, Any]:
        return _object(self.folder.run_json)

    def summary(self) -> dict[str, Any]:
        return _object(self.folder.summary_json)

    def truth(self, *types: str) -> list[dict[str, Any]]:
        """Lines of the simulator's log of these types."""
        lines = (self.folder.truth / "gemini.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["type"] in types]

    def events(self, call_id: str) -> tuple[Event, ...]:
        return read_events(self.folder.call(call_id).events).events

    def process(self, call_id: str) -> str:
        """The callee process that placed a call."""
        (started,) = (event for event in self.events(call_id) if isinstance(event, CallStarted))
        return started.process

    def recording(self, call_id: str) -> Recording:
        return open_recording(self.folder.call(call_id).path)


def _object(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text())
    assert isinstance(value, dict)
    return value


class LiveRun:
    """`loadtest run`, or another job that makes one, in a process of its own, while it lasts."""

    def __init__(
        self,
        scenario: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        output: int | None = None,
        where: Path | None = None,
        job: str = "run",
    ) -> None:
        """output: a file descriptor for all that it prints, its controlling terminal if it is one. where: the folder
        for results and what is printed, else that of the scenario.
        """
        self._where = where or scenario.parent
        self._results = self._where / "results"
        self._tag = uuid.uuid4().hex
        self._seen: set[psutil.Process] = set()
        self._read: dict[Path, tuple[int, Sequence[Event]]] = {}
        command = [*LOADTEST, job, str(scenario), "--results", str(self._results), *arguments]
        control = partial(_control, output) if output is not None and os.isatty(output) else None
        with self._log("stdout").open("wb") as out, self._log("stderr").open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out if output is None else output,
                stderr=err if output is None else output,
                cwd=REPOSITORY,
                env={**os.environ, **(env or {}), TAG: self._tag},
                start_new_session=True,
                preexec_fn=control,  # noqa: PLW1509  # no threads yet
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever a test did, nothing is left running; what is left before this is the test's to find."""
        self.process.kill()
        self.process.wait()
        for process in self.processes():
            process.kill()

    @property
    def folder(self) -> RunFolder | None:
        """The run's folder, as soon as there is one."""
        found = sorted(self._results.glob("*-*")) if self._results.is_dir() else []
        return RunFolder(found[0]) if found else None

    def processes(self) -> list[psutil.Process]:
        """Living processes of the run, the tester included: those with its tag, or that write into its folder, what
        they started, and what was one of these when it was last looked for.
        """
        living = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                if process.status() != psutil.STATUS_ZOMBIE:
                    living.append((process, process.ppid(), process in self._seen or self._is_ours(process)))
        ours = {process.pid for process, _, known in living if known}
        while more := {process.pid for process, parent, _ in living if parent in ours} - ours:
            ours |= more
        found = [process for process, _, _ in living if process.pid in ours]
        self._seen.update(found)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        # livekit-server is not given our environment, but its guard logs into the run's folder.
        ours = process.environ().get(TAG) == self._tag
        return ours or Path(f"/proc/{process.pid}/fd/2").readlink().is_relative_to(self._where)

    def process_of(self, *words: str) -> psutil.Process:
        """The oldest process of the run whose command line has these words, guards aside."""
        matching = [
            process
            for process in self.processes()
            if all(any(word in part for part in process.cmdline()) for word in words)
            and "loadtest.stack.guard" not in process.cmdline()
        ]
        assert matching, f"no process of the run with {words}: {[p.cmdline() for p in self.processes()]}"
        return min(matching, key=lambda process: process.create_time())

    def wait_for(self, look: Callable[[], T | None], what: str, *, limit_s: float = LIMIT_S) -> T:
        """The first result of `look` that is not None. Fails when the tester ends before."""
        deadline = time.monotonic() + limit_s
        while True:
            ended = self.process.poll() is not None  # before the look: what it did last is to be seen
            if (found := look()) is not None:
                return found
            assert not ended, f"the tester ended before {what}\n{self.said()}"
            assert time.monotonic() < deadline, f"never saw {what}\n{self.said()}"
            time.sleep(0.05)

    def call_with(self, enough: Callable[[Sequence[Event]], bool]) -> str | None:
        """The id of the latest call whose events so far are enough, if there is one yet: the longest is left of it."""
        if self.folder is None:
            return None
        for path in sorted(self.folder.path.glob("calls/*/events.jsonl"), reverse=True):
            if enough(self._events(path)):
                return path.parent.name
        return None

    def _events(self, path: Path) -> Sequence[Event]:
        # Who looks all the time must not take the processor from those it looks at.
        size = path.stat().st_size
        if self._read.get(path, (0,))[0] != size:
            self._read[path] = (size, read_events(path).events)
        return self._read[path][1] if size else ()

    def wait_for_call(self, enough: Callable[[Sequence[Event]], bool], what: str) -> str:
        """The id of the latest call whose events so far are enough."""
        return self.wait_for(lambda: self.call_with(enough), what)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self, *, limit_s: float = LIMIT_S, linger_s: float = 0.0) -> Results:
        """Wait for the tester to end; `linger_s`: for how long what it started may outlive it."""
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the tester did not end\n{self.said()}") from None
        deadline = time.monotonic() + linger_s
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.folder is not None, f"no results folder\n{self.said()}"
        return Results(
            folder=self.folder,
            exit_code=code,
            stdout=self._log("stdout").read_text(),
            stderr=self._log("stderr").read_text(),
            leftovers=tuple(" ".join(process.cmdline()) for process in left if process.is_running()),
        )

    def said(self) -> str:
        """The end of what the tester printed, for failures."""
        return self._log("stderr").read_text()[-4000:]

    def _log(self, stream: str) -> Path:
        return self._where / f"tester.{stream}"


def _control(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # or tests under nohup would see what is done under nohup


LOADTEST = (sys.executable, "-c", "from loadtest.cli import main; main()")


def run_shown(scenario: Path, results: Path) -> tuple[int, RunFolder | None]:
    """`loadtest run`, its progress shown: exit code, and the run's folder if it came to one."""
    before = set(results.glob("*/run.json"))
    command = [*LOADTEST, "run", str(scenario), "--results", str(results)]
    code = subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    made = sorted(set(results.glob("*/run.json")) - before)
    return code, RunFolder(made[-1].parent) if made else None


def loadtest(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Another command of loadtest, to its end. env: added to ours."""
    return subprocess.run(
        [*LOADTEST, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def happened(kind: type[Event], **fields: Any) -> Callable[[Iterable[Event]], bool]:
    """Whether events of a call have one of this type and with these fields."""

    def look(events: Iterable[Event]) -> bool:
        return any(
            isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
            for event in events
        )

    return look
