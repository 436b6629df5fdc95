"""A run that is stopped and taken up again: the same plan as unbroken, every call once."""

from __future__ import annotations

import json
import signal
from itertools import pairwise
from pathlib import Path

from loadtest.plan.build import build_plan, plan_hash
from loadtest.record.events import CallStarted, Ended
from loadtest.record.health import MACHINE, read_health
from loadtest.record.reader import read_events
from loadtest.scenario.load import load_scenario
from tests.e2e.harness import LiveRun, Results, happened, loadtest, profile, scenario

REFERENCE = {"model": "gemini-3.8-live", "endpoint": profile()}


def test_a_run_that_is_stopped_after_a_block_and_taken_up_again_has_every_call_of_its_plan_once(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        {"one": REFERENCE, "other": REFERENCE},
        blocks=2,
        arrivals=[{"rate_per_minute": 20}],
        compare={"control": "one"},
    )
    unbroken = build_plan(load_scenario(file))
    first, second = ([call.call_id for call in unbroken if call.block == block] for block in (0, 1))

    with LiveRun(file) as live:

        def first_block() -> bool | None:
            paths = [live.folder.call(call).events for call in first] if live.folder is not None else []
            done = [path.exists() and happened(Ended)(read_events(path).events) for path in paths]
            return True if done and all(done) else None

        live.wait_for(first_block, "the end of the first block")
        live.signal(signal.SIGINT)
        stopped = live.finish()
    assert stopped.exit_code == 130, stopped.stderr
    assert f"loadtest run --resume {stopped.folder.path}" in stopped.stderr
    begun = [call for call in second if stopped.folder.call(call).events.exists()]
    kept = {call: stopped.folder.call(call).events.read_bytes() for call in first}
    last_s = max(sample.t_s for sample in read_health(stopped.folder.health))

    taken_up = loadtest("run", "--resume", str(stopped.folder.path))
    assert taken_up.returncode in {0, 3}, taken_up.stderr  # whether the machine was at ease is no subject here
    run = Results(stopped.folder, taken_up.returncode, taken_up.stdout, taken_up.stderr, ())
    told = run.run_json()
    assert (told["state"], [part["state"] for part in told["parts"]]) == ("complete", ["interrupted", "complete"])
    # The same plan, and the same calls in the tables as if nothing had happened.
    assert told["hashes"]["plan"] == plan_hash(unbroken)
    assert run.plan() == [call.call_id for call in unbroken]
    assert [row["call_id"] for row in run.table("calls")] == run.plan()
    assert run.outcomes() == dict.fromkeys(run.plan(), "completed")
    assert {call: run.folder.call(call).events.read_bytes() for call in first} == kept
    # Run time went on, and the second block came as close together as was planned.
    begins_s, shift_s = (told["parts"][1][key] for key in ("begins_s", "shift_s"))
    assert begins_s > last_s
    planned = {call.call_id: call.due_s for call in unbroken}
    for call in second:
        (started,) = (event for event in run.events(call) if isinstance(event, CallStarted))
        assert started.due_s == round(planned[call] + shift_s, 3)
        assert started.t >= started.due_s >= begins_s
    machine = [sample.t_s for sample in read_health(run.folder.health) if sample.process == MACHINE]
    assert all(before < after for before, after in pairwise(machine))
    # What the incomplete block left is on disk, and of no call that counts.
    assert sorted(path.name for path in run.folder.path.glob("aside/1/calls/*")) == sorted(begun)
    lines = map(json.loads, (run.folder.truth / "gemini.jsonl").read_text().splitlines())
    assert {line["t"] > begins_s for line in lines if line["call_id"] in second} == {True}
    assert loadtest("measure", "--check", str(run.folder.path)).returncode == 0

    again = loadtest("run", "--resume", str(run.folder.path))
    assert again.returncode == 2
    assert "all 2 blocks are complete" in again.stderr

    # Two blocks of the same endpoint twice decide nothing, whatever they look like.
    compared = loadtest("compare", "--json", str(run.folder.path))
    assert compared.returncode in {0, 3}, compared.stderr
    comparison = json.loads(compared.stdout)
    assert (comparison["kind"], comparison["control"], comparison["blocks"]) == ("rehearsal", "one", 2)
    assert [left["run_id"] for left in comparison["runs"]] == [run.folder.run_id]
    assert comparison["candidates"]["other"]["choice"] in {"inconclusive", "invalid"}
    assert "ehearsal" in comparison["candidates"]["other"]["sentence"]
    assert loadtest("compare", "--require-verdict", str(run.folder.path)).returncode in {3, 5}
