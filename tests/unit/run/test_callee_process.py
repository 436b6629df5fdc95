"""What a callee process tells the tester."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from loadtest.call.packets import PacketCounts
from loadtest.call.presence import DialRequest, Presence
from loadtest.call.spec import CallSpec
from loadtest.errors import DialError, RecordError, ScenarioError
from loadtest.record.events import CallFailed, Ended, Event, Outcome
from loadtest.record.reader import read_events
from loadtest.record.writer import EventWriter
from loadtest.run.callee_process import CalleeProcess, _Begin
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.callee import Pickup
from loadtest.scenario.load import load_scenario
from tests.unit.calls import planned_call

SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke.yaml"


CALL = planned_call(waits_s=(0.0, 0.0))


class Room:
    """A room in which nobody answers."""

    def __init__(self, *_: object) -> None:
        pass

    async def create(self, *, empty_limit_s: float) -> None:
        raise DialError("the room could not be created", remedy="Start the server.")

    async def leave(self, reason: int) -> None:
        pass

    async def delete(self) -> None:
        pass


def begin(
    folder: Path, tmp_path: Path, *overrides: str, by_agent: bool = False, pickup: Pickup = Pickup.ANSWER
) -> CalleeProcess:
    """A process that was told to place a call."""
    room = "outbound-00000000-12005550100"
    spec = CallSpec(
        call=replace(CALL, ring_s=0.05, pickup=pickup),
        room=room,
        agent_name=None,
        metadata="{}",
        dialled_by_agent=by_agent,
    )
    access = LiveKitAccess("ws://127.0.0.1:1", "key", "secret")
    process = CalleeProcess(
        _Begin("callee-0", SMOKE, overrides, tmp_path, load_scenario(SMOKE, overrides).hashes),
        access,
        cast("Any", None),
    )
    process.obey({"command": "call", "spec": spec.to_json(), "folder": str(folder), "origin": 0.0})
    return process


async def place(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[Any], str]:
    """Place a call and wait for its end. Returns what the tester is told of it, but for events, and stderr."""
    process = begin(folder, tmp_path)
    await asyncio.gather(*process._tasks)
    said = capsys.readouterr()
    reports = [json.loads(line) for line in said.out.splitlines()]
    return [report for report in reports if report["report"] != "event"], said.err


def over(outcome: str) -> list[dict[str, str]]:
    """The tester waits for every call that it has placed: one that it never hears of again would hold up the run."""
    return [
        {"report": "released", "call_id": "0000-ga", "outcome": outcome},
        {"report": "finished", "call_id": "0000-ga"},
    ]


async def test_a_call_that_cannot_be_recorded_is_over_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls").touch()  # a file where the folder should be
    folder = tmp_path / "calls" / "0000-ga"
    reports, err = await place(folder, tmp_path, capsys)
    (unwritable, *others) = reports
    assert others == over("tester_error")
    assert unwritable["report"] == "unwritable"  # the run has to know
    assert unwritable["message"].startswith(f"{folder}/events.jsonl: cannot be written")
    assert f"0000-ga: {folder}/events.jsonl: cannot be written" in err


async def test_a_call_that_fails_is_recorded_and_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.call.dial.CallRoom", Room)
    reports, _ = await place(tmp_path / "call", tmp_path, capsys)
    assert reports == over("dial_error")
    events = read_events(tmp_path / "call" / "events.jsonl").events
    assert [event.outcome for event in events if isinstance(event, Ended)] == [Outcome.DIAL_ERROR]


async def test_a_call_whose_disk_was_full_for_a_moment_keeps_its_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = EventWriter.add

    def full_at_the_failure(writer: EventWriter, event: Event) -> None:
        if isinstance(event, CallFailed):
            raise RecordError("no space left", remedy="Free some.")
        write(writer, event)

    monkeypatch.setattr("loadtest.call.dial.CallRoom", Room)
    monkeypatch.setattr(EventWriter, "add", full_at_the_failure)
    reports, _ = await place(tmp_path / "call", tmp_path, capsys)
    assert reports == [{"report": "unwritable", "message": "no space left"}, *over("tester_error")]
    assert [event.type for event in read_events(tmp_path / "call" / "events.jsonl").events] == ["call_started"]


async def test_a_recording_that_cannot_be_compressed_is_kept_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(pcm: Path, flac: Path) -> None:
        raise RecordError(f"{flac}: could not be compressed", remedy="Free some.")

    (tmp_path / "call").mkdir()
    (tmp_path / "call" / "audio.pcm").write_bytes(b"1234")
    monkeypatch.setattr("loadtest.call.dial.CallRoom", Room)
    monkeypatch.setattr("loadtest.call.afterwards.write_flac_from_pcm", full)
    reports, _ = await place(tmp_path / "call", tmp_path, capsys)
    assert [report["report"] for report in reports] == ["released", "unwritable", "finished"]
    assert (tmp_path / "call" / "audio.pcm").read_bytes() == b"1234"


async def test_what_nobody_foresaw_ends_one_call_and_not_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Room):
        async def leave(self, reason: int) -> None:
            raise RuntimeError("the SDK has changed")

    monkeypatch.setattr("loadtest.call.dial.CallRoom", Broken)
    reports, err = await place(tmp_path / "call", tmp_path, capsys)
    assert reports == over("tester_error")
    assert "0000-ga: the SDK has changed" in err


async def test_a_hang_up_that_overtakes_its_call_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hung_up: list[str] = []
    monkeypatch.setattr("loadtest.call.dial.CallRoom", Room)
    monkeypatch.setattr("loadtest.call.dial.Call.hang_up", lambda _, reason: hung_up.append(reason))
    process = begin(tmp_path / "call", tmp_path)
    process.obey({"command": "hang_up", "reason": "interrupted"})
    await asyncio.gather(*process._tasks)
    assert hung_up == ["interrupted"]


async def test_one_call_can_be_hung_up_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = asyncio.Event()

    class Slow(Room):
        async def create(self, *, empty_limit_s: float) -> None:
            await enough.wait()
            await super().create(empty_limit_s=empty_limit_s)

    hung_up: list[str] = []
    monkeypatch.setattr("loadtest.call.dial.CallRoom", Slow)
    monkeypatch.setattr("loadtest.call.dial.Call.hang_up", lambda _, reason: hung_up.append(reason))
    process = begin(tmp_path / "call", tmp_path)
    await asyncio.sleep(0)  # its task begins
    process.obey({"command": "hang_up_one", "call_id": "9999-other", "reason": "seen"})
    assert hung_up == []
    process.obey({"command": "hang_up_one", "call_id": "0000-ga", "reason": "seen"})
    assert hung_up == ["seen"]
    enough.set()
    await asyncio.gather(*process._tasks)
    assert process._hanging_up is None


def test_a_scenario_that_was_edited_since_the_plan_is_refused(tmp_path: Path) -> None:
    other = {**load_scenario(SMOKE).hashes, "audio": "0" * 64}
    with pytest.raises(ScenarioError, match="changed since the run was planned"):
        CalleeProcess(
            _Begin("callee-0", SMOKE, (), tmp_path, other),
            LiveKitAccess("ws://127.0.0.1:1", "k", "s"),
            cast("Any", None),
        )


DIAL = DialRequest(
    number="+1",
    presence=Presence(identity="someone", name="", attributes={}),
    wait_until_answered=False,
    ringing_limit_s=30.0,
    max_call_s=None,
).to_json()


class Quiet(Room):
    """A room in which all goes well and nobody is."""

    agent_identity = None
    participant_id = "PA_1"

    async def create(self, *, empty_limit_s: float) -> None: ...

    async def dispatch(self) -> None: ...

    async def join(self, source: object, presence: Presence) -> None: ...

    async def set_status(self, status: str) -> None: ...

    async def send(self, topic: str, data: bytes) -> None: ...

    async def press(self, press: object) -> None: ...

    async def agents_there(self) -> tuple[str, ...]:
        return ("agent-1",)

    async def packet_counts(self) -> PacketCounts:
        return PacketCounts()


@pytest.mark.parametrize(("stays", "outcome"), [(True, "agent_no_show"), (False, "agent_left")])
async def test_an_agent_that_goes_before_the_callee_it_dialled_is_there_has_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stays: bool, outcome: str
) -> None:
    monkeypatch.setattr("loadtest.call.dial.CallRoom", Quiet)
    process = begin(tmp_path / "call", tmp_path, "callee.agent_join_limit_s=0.1", by_agent=True)
    await asyncio.sleep(0)  # its task begins
    process.obey({"command": "agent_signals", "call_id": "0000-ga", "identity": "agent-1", "connected": True})
    process.obey({"command": "dialled", "call_id": "0000-ga", "request": DIAL})
    if not stays:
        process.obey({"command": "agent_signals", "call_id": "0000-ga", "identity": "agent-1", "connected": False})
    await asyncio.gather(*process._tasks)
    events = read_events(tmp_path / "call" / "events.jsonl").events
    kinds = [event.type for event in events if event.type in {"agent_joined", "agent_dialled", "ringing", "answered"}]
    assert kinds == ["agent_joined", "agent_dialled", "ringing", "answered"]
    assert [event.outcome.value for event in events if isinstance(event, Ended)] == [outcome]


async def test_the_tester_hears_how_a_dial_failed_before_it_hears_that_the_call_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.call.dial.CallRoom", Quiet)
    process = begin(tmp_path / "call", tmp_path, by_agent=True, pickup=Pickup.BUSY)
    await asyncio.sleep(0)  # its task begins
    process.obey({"command": "dialled", "call_id": "0000-ga", "request": DIAL})
    await asyncio.gather(*process._tasks)
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [json.loads(report["event"]) for report in reports if report["report"] == "event"]
    assert [event["type"] for event in told] == ["call_started", "ringing", "dial_failed", "ended"]
    assert told[2]["sip_status"] == 486
