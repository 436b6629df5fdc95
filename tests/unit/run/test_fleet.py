"""What becomes of the calls of a callee process that ends before they do."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.call.spec import CallSpec
from loadtest.record.events import Ended, Event, Outcome
from loadtest.record.layout import CallFolder
from loadtest.record.reader import read_events
from loadtest.run.child import CalleeChild, Placed
from loadtest.run.fleet import Fleet
from loadtest.scenario.load import load_scenario
from tests.unit.calls import planned_call

SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke.yaml"
CALL = planned_call()


class Listener:
    def __init__(self) -> None:
        self.released: list[Outcome] = []

    def call_event(self, call: CallSpec, event: Event) -> None:
        raise AssertionError

    def call_released(self, call: CallSpec, outcome: Outcome) -> None:
        self.released.append(outcome)

    def process_lagged(self, process: str, lag_ms: float) -> None:
        raise AssertionError

    def process_late(self, process: str, frames: int) -> None:
        raise AssertionError

    def process_died(self, process: str, what: str) -> None:
        raise AssertionError

    def unwritable(self, message: str) -> None:
        raise AssertionError


@pytest.mark.parametrize(("killed", "outcome"), [(False, Outcome.TESTER_ERROR), (True, Outcome.ABORTED)])
async def test_a_process_that_died_is_an_error_and_one_that_was_stopped_is_not(
    tmp_path: Path, killed: bool, outcome: Outcome
) -> None:
    listener = Listener()
    fleet = Fleet(listener, tmp_path)
    folder = CallFolder(tmp_path / "0000-ga")
    folder.path.mkdir()
    folder.events.write_text('{"type":"ringing","t":1.0}\n{"type":"answ')  # in mid-line
    handle = await create_subprocess_exec(sys.executable, "-c", "")
    await handle.wait()
    process = CalleeChild("callee-0", handle, tmp_path / "callee-0.log", killed=killed)
    spec = CallSpec(call=CALL, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")
    process.calls["0000-ga"] = Placed(spec, folder, 0.0)

    await fleet._bury(process)

    read = read_events(folder.events)
    assert [event.outcome for event in read.events if isinstance(event, Ended)] == [outcome]
    assert (read.unreadable, read.torn) == (1, False)
    assert listener.released == [outcome]
    assert fleet.active == 0


async def test_calls_are_released_even_where_nothing_can_be_written(tmp_path: Path) -> None:
    listener = Listener()
    fleet = Fleet(listener, tmp_path)
    (tmp_path / "file").touch()
    handle = await create_subprocess_exec(sys.executable, "-c", "")
    await handle.wait()
    process = CalleeChild("callee-0", handle, tmp_path / "callee-0.log")
    spec = CallSpec(call=CALL, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")
    process.calls["0000-ga"] = Placed(spec, CallFolder(tmp_path / "file" / "0000-ga"), 0.0)

    await fleet._bury(process)

    assert listener.released == [Outcome.TESTER_ERROR]
    assert fleet.active == 0


CHILD = """
import json, sys
def report(**fields):
    print(json.dumps(fields), flush=True)
sys.stdin.readline()
report(report="ready", pid=1)
for line in sys.stdin:
    command = json.loads(line)
    if command["command"] == "call":
        call_id = command["spec"]["call"]["call_id"]
        report(report="released", call_id=call_id, outcome="completed")
        report(report="finished", call_id=call_id)
"""


async def test_a_process_that_has_done_its_share_is_relieved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def start_child(name: str, log: Path, **_: object) -> CalleeChild:
        handle = await create_subprocess_exec(sys.executable, "-c", CHILD, stdin=PIPE, stdout=PIPE)
        return CalleeChild(name, handle, log)

    monkeypatch.setattr("loadtest.run.fleet.start_child", start_child)
    monkeypatch.setattr("loadtest.run.fleet.CALLS_EACH", 2)
    listener = Listener()
    fleet = Fleet(listener, tmp_path)
    await fleet.start(1, load_scenario(SMOKE), env={}, probe_dir=tmp_path)
    for number in range(5):
        call = replace(CALL, call_id=f"{number:04d}-ga")
        fleet.place(
            CallSpec(call=call, room=f"room-{number}", agent_name=None, metadata="{}"), CallFolder(tmp_path), 0.0
        )
        await fleet.finished()
        await asyncio.gather(*fleet._reliefs)

    assert listener.released == [Outcome.COMPLETED] * 5
    assert [(child.name, child.placed) for child in fleet._processes] == [
        ("callee-0", 2),
        ("callee-1", 2),
        ("callee-2", 1),
    ]
    for relieved in fleet._processes[:2]:
        assert await relieved.handle.wait() == 0
    await fleet.stop()  # and no death was reported


MUTE = """
import json, os, signal, sys
sys.stdin.readline()
print(json.dumps({"report": "ready", "pid": os.getpid()}), flush=True)
signal.pause()
"""


async def test_a_process_that_hangs_is_killed_and_another_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mourning(Listener):
        died = ""

        def process_died(self, process: str, what: str) -> None:
            self.died = what

    programs = iter((MUTE, CHILD))

    async def start_child(name: str, log: Path, **_: object) -> CalleeChild:
        handle = await create_subprocess_exec(sys.executable, "-c", next(programs), stdin=PIPE, stdout=PIPE)
        return CalleeChild(name, handle, log)

    monkeypatch.setattr("loadtest.run.fleet.start_child", start_child)
    monkeypatch.setattr("loadtest.run.fleet.HANG_LIMIT_S", 1)
    listener = Mourning()
    fleet = Fleet(listener, tmp_path)
    await fleet.start(1, load_scenario(SMOKE), env={}, probe_dir=tmp_path)
    spec = CallSpec(call=CALL, room="room", agent_name=None, metadata="{}")
    folder = CallFolder(tmp_path / "0000-ga")
    folder.path.mkdir()
    fleet.place(spec, folder, 0.0)
    await fleet.finished()

    assert listener.died == "callee-0 said nothing for 1 s and was killed"
    assert listener.released == [Outcome.TESTER_ERROR]
    assert "ProcessDied" in folder.events.read_text()
    assert list(fleet.pids) == ["callee-1"]
    await fleet.stop()


async def test_what_is_told_after_the_hang_up_is_heard_until_the_call_is_finished(tmp_path: Path) -> None:
    class Hearing(Listener):
        heard = 0

        def call_event(self, call: CallSpec, event: Event) -> None:
            self.heard += 1

    listener = Hearing()
    fleet = Fleet(listener, tmp_path)
    handle = await create_subprocess_exec(sys.executable, "-c", "")
    await handle.wait()
    process = CalleeChild("callee-0", handle, tmp_path / "callee-0.log")
    spec = CallSpec(call=CALL, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")
    process.calls["0000-ga"] = Placed(spec, CallFolder(tmp_path), 0.0)
    process.unfinished["0000-ga"] = spec
    event = {"report": "event", "call_id": "0000-ga", "event": '{"type":"answered","t":1.0}'}
    for report in ({"report": "released", "call_id": "0000-ga", "outcome": "completed"}, event):
        await fleet._take(process, report)
    assert (listener.released, listener.heard) == ([Outcome.COMPLETED], 1)
    for report in ({"report": "finished", "call_id": "0000-ga"}, event):
        await fleet._take(process, report)
    assert listener.heard == 1
