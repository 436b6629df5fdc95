"""What this machine has, and what is set on it."""

from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.jobs.checks import machine
from loadtest.jobs.checks.capacity import check_capacity
from loadtest.jobs.checks.finding import State
from loadtest.plan.outlook import Outlook
from loadtest.record.capacity import Held


def test_a_single_core_is_too_few() -> None:
    assert machine.check_cores(2).state is State.OK
    assert machine.check_cores(1).state is State.WARNING


@pytest.mark.parametrize(("needed", "state"), [(True, State.FAILED), (False, State.WARNING)])
def test_a_missing_server_matters_where_one_is_to_be_started(
    monkeypatch: pytest.MonkeyPatch, needed: bool, state: State
) -> None:
    monkeypatch.setenv("LOADTEST_LIVEKIT_SERVER", "/nowhere")
    found = machine.check_livekit_server(needed=needed)
    assert found.state is state
    assert found.remedy


def test_room_for_the_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2e9))
    results = tmp_path / "not" / "yet" / "there"
    assert machine.check_disk(results).state is State.OK
    found = machine.check_disk(results, call_seconds=36_000)
    assert found.state is State.WARNING
    assert "2.0 GB free" in found.found
    assert "2.8 GB may be needed" in found.found


@pytest.mark.parametrize(
    ("calls", "soft", "state"),
    [(1, 1024, State.OK), (50, 1024, State.WARNING), (50, resource.RLIM_INFINITY, State.OK)],
)
def test_open_files(monkeypatch: pytest.MonkeyPatch, calls: int, soft: int, state: State) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (soft, 4096))
    found = machine.check_open_files(calls=calls)
    assert found.state is state
    assert ("ulimit -n 3200" in found.remedy) == (state is State.WARNING)


def test_keys_are_named_and_never_shown() -> None:
    found = machine.check_keys({"LIVEKIT_URL": "wss://secret.example.org", "GOOGLE_API_KEY": "AIzaSecret"})
    assert "LIVEKIT_URL set, LIVEKIT_API_KEY not set" in found.found
    assert "GOOGLE_API_KEY set" in found.found
    assert "ecret" not in f"{found}".replace("LIVEKIT_API_SECRET", "")
    assert found.state is State.WARNING
    assert "LIVEKIT_API_KEY, LIVEKIT_API_SECRET" in found.remedy
    assert machine.check_keys({}).state is State.OK


def expected(peak: int, dropped_share: float = 0.0) -> Outlook:
    return Outlook(
        calls={},
        turns={},
        cap=20,
        peak=peak,
        mean=1.0,
        minutes=1.0,
        dropped_share=dropped_share,
        call_s=30.0,
        talk_by_call_s=(),
        assumptions=(),
    )


@pytest.mark.parametrize(
    ("peak", "all_here", "state"),
    [(4, True, State.OK), (5, True, State.WARNING), (10, False, State.OK), (11, False, State.WARNING)],
)
def test_what_two_cores_hold(peak: int, all_here: bool, state: State) -> None:
    assert check_capacity(expected(peak), 2, all_here=all_here).state is state


def test_what_a_calibration_has_seen_counts_more_than_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"with_agents": Held(calls=6, touched=7, measured_utc="2026-11-22T00:00:00+00:00")}
    monkeypatch.setattr("loadtest.jobs.checks.capacity.known_held", held.get)
    assert check_capacity(expected(6), 2, all_here=True).state is State.OK
    found = check_capacity(expected(7), 2, all_here=True)
    assert found.state is State.WARNING
    assert "was seen to hold 6" in found.found
    assert "holds about 10" in check_capacity(expected(7), 2, all_here=False).found


def test_calls_that_will_be_dropped_are_said_beforehand() -> None:
    found = check_capacity(expected(2, dropped_share=0.2), 2, all_here=True)
    assert found.state is State.WARNING
    assert "20 % of the calls are dropped" in found.found
