"""Winding a run down, whatever its calls do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from rich.console import Console

from loadtest.call.spec import CallSpec
from loadtest.errors import EndedEarlyError, RecordError, StackError
from loadtest.plan.build import build_plan
from loadtest.record.events import ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import Part, RunInfo, RunKind, RunState
from loadtest.run.beside import beside
from loadtest.run.parts import TakenUp
from loadtest.run.progress import PlainProgress
from loadtest.run.session import RunSession
from loadtest.run.specs import call_spec
from loadtest.scenario.load import load_scenario
from loadtest_probe import wire

SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke.yaml"


class StuckFleet:
    """Callees whose calls never come to an end."""

    active = 1

    def __init__(self) -> None:
        self.told: list[str] = []
        self.waited_for = asyncio.Event()

    def hang_up_all(self, reason: str) -> None:
        self.told.append(reason)

    async def released(self) -> None:
        self.waited_for.set()
        await asyncio.Event().wait()

    finished = released

    async def stop(self, *, at_once: bool) -> None:
        self.told.append("stop at once" if at_once else "stop")


class Stack:
    stopped = False

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def session(tmp_path: Path) -> RunSession:
    loaded = load_scenario(SMOKE)
    plan = build_plan(loaded)
    return RunSession(loaded, plan, RunFolder(tmp_path), _info(len(plan)), PlainProgress(Console(quiet=True)))


def _info(calls: int) -> RunInfo:
    return RunInfo(
        run_id="r",
        scenario="smoke",
        state=RunState.RUNNING,
        kind=RunKind.REHEARSAL,
        stack="embedded",
        seed=1,
        started_utc="",
        cap=2,
        planned_calls=calls,
        hashes={},
        versions={},
        host={"cores": 2},
        arms={},
    )


def with_parts(session: RunSession, fleet: Any, stack: Any) -> RunSession:
    session._fleet, session._stack = fleet, stack
    return session


async def test_a_second_ctrl_c_does_not_wait_for_calls_that_hang(session: RunSession) -> None:
    fleet, stack = StuckFleet(), Stack()
    with_parts(session, fleet, stack)
    session.stop()
    winding_down = asyncio.create_task(session._wind_down())
    await fleet.waited_for.wait()
    session.stop()
    await winding_down
    assert fleet.told == ["run aborted", "stop at once"]
    assert stack.stopped


async def test_the_stack_is_stopped_even_if_the_callees_cannot_be(session: RunSession) -> None:
    class Broken(StuckFleet):
        async def stop(self, *, at_once: bool) -> None:
            raise RuntimeError("no callee answers")

    stack = Stack()
    with_parts(session, Broken(), stack)
    session.stop()
    session.stop()
    with pytest.raises(RuntimeError):
        await session._wind_down()
    assert stack.stopped


class IdleFleet(StuckFleet):
    """No calls."""

    active = 0

    async def released(self) -> None:
        pass

    finished = released


class StartingStack(Stack):
    """Takes for ever to start."""

    def __init__(self) -> None:
        self.starting = asyncio.Event()

    def what_starts(self) -> str:
        return "starting"

    async def start(self) -> None:
        self.starting.set()
        await asyncio.Event().wait()


async def test_a_run_that_is_ended_early_is_aborted_and_says_why(session: RunSession, tmp_path: Path) -> None:
    stack = StartingStack()
    with_parts(session, IdleFleet(), stack)
    running = asyncio.create_task(session.run())
    await stack.starting.wait()
    session._ending.end_early(EndedEarlyError("ended early at the first limit", remedy="Raise it."))
    session._ending.end_early(EndedEarlyError("ended early at another", remedy=""))
    session.stop()  # whoever is impatient does not change the reason
    with pytest.raises(EndedEarlyError, match="ended early at the first limit"):
        await running
    info = RunInfo.read(RunFolder(tmp_path))
    assert (info.state, info.ended_early) == (RunState.ABORTED, "ended early at the first limit")
    assert stack.stopped


async def test_a_limit_that_is_reached_hangs_up_the_calls_in_progress(session: RunSession) -> None:
    class TalkingFleet(StuckFleet):
        placed = 0
        pids: Mapping[str, int] = MappingProxyType({})

        def place(self, *_: object) -> None:
            self.placed += 1

        def hang_up_all(self, reason: str) -> None:
            super().hang_up_all(reason)
            self.waited_for.set()

        async def released(self) -> None:
            await self.waited_for.wait()

    class RunningStack(Stack):
        async def begin(self, origin: float, shift_s: float) -> tuple[str, ...]:
            return ("ga",)

        async def watch_lag(self, report: object) -> None:
            await asyncio.Event().wait()

        async def failed(self) -> None:
            await asyncio.Event().wait()

        def pids(self) -> dict[str, tuple[int, ...]]:
            return {}

    async def watch() -> None:
        session._ending.end_early(EndedEarlyError("ended early at a limit", remedy=""))

    fleet = TalkingFleet()
    with_parts(session, fleet, RunningStack())
    session._live.watch = watch  # type: ignore[method-assign]
    await session._dial()
    assert fleet.told == ["run ended early"]
    assert "arm ga did not connect to its simulated endpoint" in session._info.warnings[0]


async def test_a_part_of_a_run_is_due_as_much_later_as_it_began_and_is_told(tmp_path: Path) -> None:
    loaded = load_scenario(SMOKE)
    plan = build_plan(loaded)
    first = Part(started_utc="", state=RunState.INTERRUPTED, blocks=2, versions={}, host={})
    info = replace(_info(len(plan)), origin_monotonic_s=1.0, origin_unix_s=time.time() - 7200, parts=(first,), usage={})
    order: list[str] = []
    placed: list[CallSpec] = []

    class Fleet(IdleFleet):
        pids: Mapping[str, int] = MappingProxyType({})
        alive = True

        def place(self, spec: CallSpec, *_: object) -> None:
            placed.append(spec)

    class RunningStack(StartingStack):
        async def begin(self, origin: float, shift_s: float) -> tuple[str, ...]:
            order.append(f"faults as of {round(shift_s / 100) * 100} s later")
            return ()

        async def watch_lag(self, report: object) -> None:
            await asyncio.Event().wait()

        async def failed(self) -> None:
            await asyncio.Event().wait()

        def pids(self) -> dict[str, tuple[int, ...]]:
            return {}

        def agent_name(self, arm: str) -> str:
            return arm

        def base_url(self, arm: str) -> None:
            return None

    taken_up = TakenUp(times=1, last_s=90.0, before_dialling=lambda: order.append("set aside"))
    rest = tuple(replace(call, due_s=call.due_s / 1000) for call in plan if call.block == 1)
    session = RunSession(
        loaded, rest, RunFolder(tmp_path), info, PlainProgress(Console(quiet=True)), taken_up=taken_up, partial=True
    )
    with_parts(session, Fleet(), RunningStack())
    await session._dial()
    session._keep_state(RunState.PARTIAL)
    assert order == ["set aside", "faults as of 7200 s later"]
    told = RunInfo.read(RunFolder(tmp_path))
    assert (told.origin_monotonic_s, told.parts[0], told.state) == (1.0, first, RunState.PARTIAL)
    part = told.parts[1]
    assert (part.state, part.blocks) == (RunState.PARTIAL, 1)
    assert part.begins_s == pytest.approx(7201, abs=30)
    assert [spec.call.due_s for spec in placed] == [round(call.due_s + part.shift_s, 3) for call in rest]
    assert placed[0].call.due_s == part.begins_s
    # Another try of a call is in another room, by which an agent's log tells the two apart.
    before = call_spec(rest[0], loaded.scenario, session._stack, RunFolder(tmp_path))
    assert placed[0].room != before.room


@pytest.mark.parametrize(("host", "refused"), [("127.0.0.1", True), ("generativelanguage.googleapis.com", False)])
async def test_what_the_probes_told_last_in_the_warm_up_decides_whether_a_run_is_dialled(
    session: RunSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, refused: bool
) -> None:
    loaded = load_scenario(SMOKE, live=True)
    info = replace(session._info, kind=RunKind.OTHER, arms={arm: {} for arm in loaded.scenario.arms})
    live = RunSession(loaded, build_plan(loaded), RunFolder(tmp_path), info, PlainProgress(Console(quiet=True)))
    connected = json.loads(wire.encode(wire.Line(0, 1.0, wire.Connected(1, 50.0, False, host))))

    class WarmFleet(IdleFleet):
        def __init__(self) -> None:
            super().__init__()
            self.specs: list[CallSpec] = []

        async def start(self, *_: object, **__: object) -> None:
            pass

        async def finished(self) -> None:
            for spec in self.specs:
                live._followers.call_event(spec, ProbeMessage(t=0, via="file", received_s=None, message=connected))

    class WarmStack(Stack):
        def callee_env(self) -> dict[str, str]:
            return {}

        def agent_name(self, arm: str) -> str:
            return "loadtest-reference"

        def base_url(self, arm: str) -> None:
            return None

    fleet = WarmFleet()
    with_parts(live, fleet, WarmStack())

    async def calls_are_made(specs: list[CallSpec], *_: object) -> list[str]:
        fleet.specs = specs
        return []

    monkeypatch.setattr("loadtest.run.session.warm_up", calls_are_made)
    if refused:
        with pytest.raises(StackError, match=r"has `endpoint: google`, but its agent connects to 127\.0\.0\.1"):
            await live._warm_up()
    else:
        await live._warm_up()
        assert live._info.kind is RunKind.LIVE
        assert {arm["endpoint_label"] for arm in live._info.arms.values()} == {"Google"}


async def test_a_folder_that_cannot_be_written_ends_the_run_with_the_first_error(session: RunSession) -> None:
    async def dial() -> None:
        session._followers.unwritable("0000-ga/audio.pcm: no space left on device")
        session._followers.unwritable("0001-ga/audio.pcm: no space left on device")
        await asyncio.Event().wait()

    with pytest.raises(RecordError, match=r"0000-ga/audio\.pcm: no space left") as raised:
        await asyncio.wait_for(session._ending.until_called(dial()), 10)
    assert "Make room" in raised.value.remedy
    session._keep_state(session._ending.state())
    assert RunInfo.read(session._folder).state is RunState.ABORTED


async def test_samples_that_cannot_be_written_end_the_run_too(session: RunSession) -> None:
    async def sample() -> None:
        raise RecordError("health.jsonl: no space left on device", remedy="Make room.")

    async def dial() -> None:
        async with beside({"sampling": sample()}, cannot_write=session._ending.cannot_write, warn=session._warn):
            await asyncio.Event().wait()

    with pytest.raises(RecordError, match=r"health\.jsonl"):
        await asyncio.wait_for(session._ending.until_called(dial()), 10)


async def test_what_fails_beside_the_dialling_is_a_warning(session: RunSession) -> None:
    async def show() -> None:
        raise ValueError("no such column\nand more")

    async with beside({"showing progress": show()}, cannot_write=session._ending.cannot_write, warn=session._warn):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert session._info.warnings == ("Showing progress failed during the run: no such column",)


async def test_how_the_run_ended_is_on_disk_before_it_winds_down(session: RunSession) -> None:
    """Whoever asked for its end may not wait for that."""
    fleet = StuckFleet()
    with_parts(session, fleet, Stack())
    session._stack.what_starts = lambda: ""  # type: ignore[method-assign]
    session._stack.start = asyncio.Event().wait  # type: ignore[method-assign, assignment]
    session.stop()
    run = asyncio.create_task(session.run())
    await fleet.waited_for.wait()
    assert RunInfo.read(session._folder).state is RunState.INTERRUPTED
    session.stop()
    await run


def test_a_callee_process_that_died_is_named(session: RunSession) -> None:
    session._followers.process_died("callee-0", "callee-0 died (exit code 137)")
    assert session._info.warnings == (
        "Callee-0 died (exit code 137); the calls that it was in are errors of the tester.",
    )
