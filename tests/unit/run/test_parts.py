"""When a part of a run begins, whatever became of the clocks, and whom it may call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import StackError
from loadtest.record.events import ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import Part, RunInfo, RunKind, RunState
from loadtest.record.writer import EventWriter
from loadtest.run.parts import Beginning, beginning, check_agents, check_endpoints

PART = Part(started_utc="", blocks=1, versions={}, host={})
INFO = RunInfo(
    run_id="r",
    scenario="s",
    state=RunState.RUNNING,
    kind=RunKind.OTHER,
    stack="embedded",
    seed=1,
    started_utc="",
    origin_monotonic_s=9e9,  # of another machine, or of this one before it was started again
    origin_unix_s=1000.0,
    cap=2,
    planned_calls=2,
    hashes={},
    versions={},
    host={},
    arms={"ga": {"endpoint_label": "Google"}},
    parts=(PART,),
)


def test_run_time_goes_on_as_the_wall_clock_does_whatever_the_monotonic_one_says() -> None:
    assert beginning(INFO, 40.0, wall_s=8200.0, last_s=90.0) == Beginning(begins_s=7200.0, shift_s=7160.0)


def test_a_wall_clock_that_was_set_back_does_not_turn_run_time_back() -> None:
    assert beginning(INFO, 40.0, wall_s=1050.0, last_s=90.0) == Beginning(begins_s=91.0, shift_s=51.0, unsure=True)


def test_a_run_whose_wall_clock_was_not_kept_goes_on_at_once() -> None:
    info = replace(INFO, origin_unix_s=None)
    assert beginning(info, 40.0, wall_s=5e9, last_s=90.0).begins_s == 91.0


def test_the_first_part_begins_at_0() -> None:
    info = replace(INFO, origin_monotonic_s=None, origin_unix_s=None, parts=())
    assert beginning(info, 0.0, wall_s=5e9, last_s=0.0) == Beginning(begins_s=0.0, shift_s=0.0)


def test_an_endpoint_that_has_become_another_is_refused() -> None:
    elsewhere = replace(INFO, arms={"ga": {"endpoint_label": "not Google's"}})
    with pytest.raises(StackError, match="its endpoint is not Google's now, and was Google in the part"):
        check_endpoints(INFO, elsewhere)
    check_endpoints(INFO, INFO)
    check_endpoints(replace(INFO, parts=()), elsewhere)  # what a scenario says is not yet known to be so


def hello(folder: RunFolder, **versions: Any) -> None:
    message = {"type": "hello", "pid": 1, **versions}
    with EventWriter(folder.warmup("warmup-ga").events) as events:
        events.add(ProbeMessage(t=0.0, via="data", received_s=None, message=message))


def test_an_agent_that_has_other_versions_than_before_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    hello(folder, agents_version="1.8.9", plugin_version="1.8.9", client_version=None)
    check_agents(folder, ["warmup-ga"])
    hello(folder.aside(1), agents_version="1.8.9", plugin_version="1.6.0", client_version="3.4.0")
    with pytest.raises(StackError, match=r"arm ga: its agent has the plugin 1\.8\.9 now, and had 1\.6\.0"):
        check_agents(folder, ["warmup-ga"])


def test_an_agent_whose_probe_does_not_tell_is_taken_for_the_same(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    hello(folder, agents_version="1.8.9")
    hello(folder.aside(1), plugin_version="1.6.0")
    check_agents(folder, ["warmup-ga"])
