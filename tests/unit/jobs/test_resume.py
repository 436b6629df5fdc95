"""Taking a run up again: what is placed, what is set aside, and when it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest.errors import ExitCode, InUseError, NothingLeftError, ResumeError, ScenarioError
from loadtest.jobs import resume, run
from loadtest.jobs.opening import open_run
from loadtest.numbers import NUMBER_KEY, keep_numbers
from loadtest.plan.build import build_plan
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import CallStarted, Dropped, EndCause, Ended, Outcome
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.plan_io import write_plan
from loadtest.record.run_json import RunInfo, RunState, host, versions
from loadtest.record.writer import EventWriter
from loadtest.run.parts import TakenUp
from loadtest.scenario.load import load_scenario

SMOKE = (Path(__file__).parents[3] / "scenarios" / "smoke.yaml").read_text()


@dataclass
class Begun:
    """A run of three blocks of two calls, of which some have come to an end."""

    file: Path
    folder: RunFolder
    plan: tuple[PlannedCall, ...]

    def ended(self, slot: int, outcome: Outcome = Outcome.COMPLETED) -> None:
        call = self.plan[slot]
        with EventWriter(self.folder.call(call.call_id).events) as events:
            events.add(_started(call))
            events.add(Ended(t=call.due_s + 9.0, outcome=outcome, cause=EndCause.TESTER, reason=""))

    def killed(self, slot: int) -> None:
        with EventWriter(self.folder.call(self.plan[slot].call_id).events) as events:
            events.add(_started(self.plan[slot]))

    def dropped(self, slot: int) -> None:
        call = self.plan[slot]
        with EventWriter(self.folder.call(call.call_id).events) as events:
            events.add(
                Dropped(
                    t=call.due_s,
                    call_id=call.call_id,
                    arm=call.arm,
                    block=call.block,
                    slot=call.slot,
                    due_s=call.due_s,
                    active=4,
                )
            )

    def change(self, **fields: Any) -> None:
        replace(RunInfo.read(self.folder), **fields).write(self.folder)

    def ids(self, *blocks: int) -> list[str]:
        return [call.call_id for call in self.plan if call.block in blocks]


def _started(call: PlannedCall) -> CallStarted:
    return CallStarted(
        t=call.due_s,
        call_id=call.call_id,
        arm=call.arm,
        block=call.block,
        slot=call.slot,
        due_s=call.due_s,
        process="callee-0",
        number=call.number,
        room="outbound-0",
        ring_s=call.ring_s,
        pickup=call.pickup.value,
        patience_s=call.patience_s,
    )


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Begun]]:
    monkeypatch.setattr(run, "find_server", lambda: None)

    def of(*overrides: str, text: str = SMOKE) -> Begun:
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        loaded = load_scenario(file, ["blocks=3", *overrides])
        plan = build_plan(loaded)
        folder, info = open_run(loaded, plan, tmp_path / "results")
        replace(info, state=RunState.INTERRUPTED, origin_monotonic_s=1e12, origin_unix_s=1.0).write(folder)
        return Begun(file, folder, plan)

    yield of
    keep_numbers()


@dataclass
class Asked:
    """What the job asked the run for."""

    info: RunInfo
    plan: tuple[PlannedCall, ...]
    taken_up: TakenUp
    partial: bool

    @property
    def ids(self) -> list[str]:
        return [call.call_id for call in self.plan]


@pytest.fixture
def take_up(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    asked: list[Asked] = []

    def run_in(
        _folder: object, info: Any, _loaded: object, plan: Any, *_: object, taken_up: Any, partial: Any, **__: object
    ) -> None:
        asked.append(Asked(info, plan, taken_up, partial))

    monkeypatch.setattr(resume, "run_in", run_in)

    def of(begun: Begun, *overrides: str, blocks_now: int | None = None, scenario: Path | None = None) -> Asked:
        resume.resume_and_measure(
            begun.folder, scenario=scenario, overrides=overrides, blocks_now=blocks_now, console=Console(quiet=True)
        )
        return asked[-1]

    return of


Begin = Callable[..., Begun]
TakeUp = Callable[..., Asked]


def test_each_block_that_is_not_complete_is_placed_again_from_its_first_slot(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    begun.ended(0)
    begun.ended(1)
    begun.ended(2)
    begun.ended(3, Outcome.ABORTED)
    asked = take_up(begun)
    assert asked.ids == begun.ids(1, 2)
    assert not asked.partial
    assert asked.taken_up.last_s == begun.plan[3].due_s + 9.0


@pytest.mark.parametrize("how", ["killed", "not dialled"])
def test_a_call_that_nobody_hung_up_or_dialled_has_no_outcome(begin: Begin, take_up: TakeUp, how: str) -> None:
    begun = begin()
    for slot in (0, 1, 2, 4, 5):
        begun.ended(slot)
    if how == "killed":
        begun.killed(3)
        begun.change(state=RunState.RUNNING)
    assert take_up(begun).ids == begun.ids(1)


def test_what_was_dropped_or_failed_is_not_made_up_for(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    begun.dropped(0)
    begun.ended(1, Outcome.TESTER_ERROR)
    begun.ended(2, Outcome.AGENT_NO_SHOW)
    begun.ended(3, Outcome.DIAL_ERROR)
    assert take_up(begun).ids == begun.ids(2)


def test_blocks_can_be_spread_over_any_number_of_parts(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    first = take_up(begun, blocks_now=1)
    assert (first.ids, first.partial) == (begun.ids(0), True)
    begun.ended(0)
    begun.ended(1)
    second = take_up(begun, blocks_now=2)
    assert (second.ids, second.partial) == (begun.ids(1, 2), False)
    assert (first.taken_up.times, second.taken_up.times) == (1, 2)


def test_all_that_is_of_the_calls_placed_again_is_set_aside_before_they_are(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    for slot in (0, 1, 2):
        begun.ended(slot)
    begun.killed(3)
    folder, (kept, again, killed) = begun.folder, (begun.plan[slot].call_id for slot in (0, 2, 3))
    for call_id in (kept, again, "warmup-ga"):
        folder.probe.mkdir(exist_ok=True)
        (folder.probe / f"{call_id}.jsonl").write_text(call_id)
    folder.truth.mkdir()
    truth = [json.dumps({"t": 1.0, "call_id": call_id}) for call_id in (kept, again, None)]
    (folder.truth / "gemini.jsonl").write_text("".join(f"{line}\n" for line in truth) + '{"t": 2.0, "ca')
    (folder.truth / "warmup.jsonl").write_text("{}\n")
    folder.agent_log.write_text(json.dumps({"version": 1}) + "\n" + json.dumps({"type": "job", "call": again}) + "\n")
    folder.logs.mkdir()
    (folder.logs / "gemini-simulator.log").write_text('{"port": 1}\n')
    folder.warmup("warmup-ga").path.mkdir(parents=True)

    asked = take_up(begun)
    # Services and the warm-up begin anew at once; calls stay until others are dialled in their place.
    aside = folder.aside(1)
    assert (aside.logs / "gemini-simulator.log").exists()
    assert not folder.logs.exists()
    assert aside.warmup("warmup-ga").path.is_dir()
    assert (aside.probe / "warmup-ga.jsonl").exists()
    assert (aside.truth / "warmup.jsonl").exists()
    assert folder.call(again).events.exists()
    asked.taken_up.before_dialling()
    assert sorted(path.name for path in (folder.path / "calls").iterdir()) == begun.ids(0)
    assert sorted(path.name for path in (aside.path / "calls").iterdir()) == sorted([again, killed])
    assert [path.name for path in folder.probe.iterdir()] == [f"{kept}.jsonl"]
    assert (aside.probe / f"{again}.jsonl").read_text() == again
    assert (folder.truth / "gemini.jsonl").read_text() == f"{truth[0]}\n{truth[2]}\n"
    assert (aside.truth / "gemini.jsonl").read_text() == f"{truth[1]}\n"
    assert folder.agent_log.read_text() == json.dumps({"version": 1}) + "\n"
    # Nothing goes twice to the same place.
    assert take_up(begun).taken_up.times == 2


def test_run_json_tells_of_the_parts_before_also_where_an_earlier_version_kept_none(
    begin: Begin, take_up: TakeUp
) -> None:
    begun = begin()
    begun.change(state=RunState.RUNNING, warnings=("kept",))
    info = take_up(begun).info
    assert [(part.state, part.ended_utc, part.begins_s, part.blocks) for part in info.parts] == [
        (RunState.ABORTED, None, 0.0, 3)
    ]
    assert (info.state, info.warnings) == (RunState.RUNNING, ("kept",))
    assert RunInfo.read(begun.folder) == info


def test_a_run_that_never_began_to_dial_has_no_part_yet(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    begun.change(origin_monotonic_s=None, origin_unix_s=None)
    asked = take_up(begun)
    assert (asked.info.parts, asked.ids) == ((), begun.ids(0, 1, 2))


def test_what_was_used_of_google_counts_towards_the_limits(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    begun.change(usage={"ga": {"call_minutes": 3.0, "estimated_usd": None, "prices_as_of": None}})
    assert take_up(begun).taken_up.used["ga"].call_minutes == 3.0


CHANGES: dict[str, tuple[Callable[[Begun, pytest.MonkeyPatch], None], str]] = {
    "a value": (
        lambda begun, _: _write(begun.file, SMOKE.replace("ring_s: 0.5", "ring_s: 0.6")),
        "callee.ring_s.constant: 0.5 then, 0.6 now",
    ),
    "an endpoint": (
        lambda begun, _: _write(
            begun.file, SMOKE.replace("endpoints/gemini-3.8-live", "endpoints/compare/gemini-3.8-live")
        ),
        "arms.ga.endpoint.profile: endpoints/gemini-3.8-live.yaml then, endpoints/compare/gemini-3.8-live.yaml now",
    ),
    "what is declared": (
        lambda begun, _: _write(begun.file, SMOKE + "compare: {control: ga}\n"),
        "compare: nothing then, {'control': 'ga'",
    ),
    "a version": (
        lambda _, patch: patch.setattr(resume, "versions", lambda: {**versions(), "livekit": "0.9"}),
        "versions.livekit: ",
    ),
    "the machine": (
        lambda _, patch: patch.setattr(resume, "host", lambda: {**host(), "cores": 64}),
        " then, 64 now",
    ),
    "the plan's file": (
        lambda begun, _: write_plan(begun.folder.plan, begun.plan[::-1]),
        "plan.parquet: not the plan that was hashed",
    ),
    "the plan": (
        lambda begun, _: begun.change(hashes={**RunInfo.read(begun.folder).hashes, "plan": "0"}),
        "plan: another order, or other draws",
    ),
    "a recording": (
        lambda begun, _: begun.change(hashes={**RunInfo.read(begun.folder).hashes, "audio": "0"}),
        "audio: recordings have other contents",
    ),
    "a profile": (
        lambda begun, _: begun.change(hashes={**RunInfo.read(begun.folder).hashes, "profiles": "0"}),
        "profiles: endpoint profiles have other contents",
    ),
    "the script": (
        lambda begun, _: begun.change(hashes={**RunInfo.read(begun.folder).hashes, "scenario": "0", "script": "0"}),
        "script: other lines",
    ),
    "the script of a run that has no hash of it": (
        lambda begun, _: begun.change(
            hashes={**{k: v for k, v in RunInfo.read(begun.folder).hashes.items() if k != "script"}, "scenario": "0"}
        ),
        "script: other lines",
    ),
    "a secret": (
        lambda begun, _: begun.change(hashes={**RunInfo.read(begun.folder).hashes, "scenario": "0"}),
        "scenario: something of which no plain text is kept",
    ),
    "the plugin": (
        lambda begun, _: begun.change(
            arms={
                name: {**arm, "versions": {"google-genai": "1"}}
                for name, arm in RunInfo.read(begun.folder).arms.items()
            }
        ),
        "arms.ga.versions.google-genai: 1 then, nothing now",
    ),
}


def _write(file: Path, text: str) -> None:
    file.write_text(text)


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_not_as_it_was_is_named_and_nothing_is_changed(
    begin: Begin, take_up: TakeUp, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    change, said = CHANGES[what]
    begun = begin()
    begun.killed(0)
    change(begun, monkeypatch)
    before = {path: path.read_bytes() for path in begun.folder.path.rglob("*") if path.is_file()}
    with pytest.raises(ResumeError) as raised:
        take_up(begun)
    assert said in raised.value.message
    assert len(raised.value.message.splitlines()) == 1 + (2 if what in {"an endpoint", "the plugin"} else 1)
    assert raised.value.exit_code == ExitCode.USAGE
    assert {path: path.read_bytes() for path in begun.folder.path.rglob("*") if path.is_file()} == before


def test_another_kernel_is_no_other_machine(begin: Begin, take_up: TakeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin()
    monkeypatch.setattr(resume, "host", lambda: {**host(), "release": "7.0"})
    assert take_up(begun).ids == begun.ids(0, 1, 2)


def test_limits_may_be_raised_once_they_are_reached(begin: Begin, take_up: TakeUp) -> None:
    begun = begin("limits={cost_usd: 2}")
    assert take_up(begun, "limits.cost_usd=5").ids == begun.ids(0, 1, 2)
    with pytest.raises(ResumeError, match=r"blocks: 3 then, 4 now"):
        take_up(begun, "blocks=4")


def test_what_the_command_line_changed_is_changed_again(begin: Begin, take_up: TakeUp) -> None:
    begun = begin(
        "callee.patience_s={uniform: [4, 7]}", "arms.ga.voice=Puck", "thresholds=['reply_latency.p50 < 3000']"
    )
    assert take_up(begun).ids == begun.ids(0, 1, 2)


def test_numbers_that_were_hashed_by_a_key_that_is_gone_are_said_to_be(
    begin: Begin, take_up: TakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(NUMBER_KEY, raising=False)
    begun = begin("phone_numbers=hashed")
    with pytest.raises(ResumeError, match="hashed with a key that is not LOADTEST_NUMBER_KEY"):
        take_up(begun)
    monkeypatch.setenv(NUMBER_KEY, "the user's own key")
    begun = begin("phone_numbers=hashed")
    assert take_up(begun).ids == begun.ids(0, 1, 2)


def test_a_scenario_that_has_moved_can_be_named(begin: Begin, take_up: TakeUp, tmp_path: Path) -> None:
    begun = begin()
    moved = begun.file.rename(tmp_path / "moved.yaml")
    with pytest.raises(ScenarioError, match=r"the scenario that it ran is not here, no file .*mine\.yaml") as raised:
        take_up(begun)
    assert f"loadtest run SCENARIO --resume {begun.folder.path}" in raised.value.remedy
    begun.change(scenario_file=None)  # an earlier version did not say
    with pytest.raises(ScenarioError, match="that it ran is not here\n"):
        take_up(begun)
    assert take_up(begun, scenario=moved).ids == begun.ids(0, 1, 2)


def test_a_run_of_which_all_is_done_is_left_alone(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    for slot in range(6):
        begun.ended(slot)
    with pytest.raises(NothingLeftError, match="all 3 blocks are complete"):
        take_up(begun)
    assert not (begun.folder.path / "aside").exists()


def test_a_run_in_progress_is_left_alone(begin: Begin, take_up: TakeUp) -> None:
    begun = begin()
    with hold(begun.folder), pytest.raises(InUseError):
        take_up(begun)
