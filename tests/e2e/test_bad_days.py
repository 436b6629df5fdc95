"""Runs that do not get to their end: interrupted, killed, or left by a service that they need."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtest.record.events import Ended, Event, HangUp, Heard, LineEnded, LineStarted
from loadtest.stack.install import find_server
from tests.e2e.harness import INDULGENT, LIMIT_S, LiveRun, Results, happened, loadtest, moody, profile, scenario

# Runs that are ended by what befalls them never come to their last call, however slow the machine is.
CALLS = {"callee process": 7}
NEVER_OVER = 30
# Long enough for a call to be still in progress when the disaster strikes, on a machine that is busy with six others.
LINES = ("yes-please", "how-much", "who-is-calling")
REFERENCE = {"model": "gemini-3.8-live", "endpoint": profile()}


def in_conversation(events: Iterable[Event]) -> bool:
    events = tuple(events)
    return happened(LineEnded, turn=0)(events) and not happened(HangUp)(events)


def ctrl_c(live: LiveRun) -> None:
    live.signal(signal.SIGINT)


def ctrl_c_twice(live: LiveRun) -> None:
    live.signal(signal.SIGINT)
    live.wait_for(lambda: "Hanging up" in live.said() or None, "the hang-up begin")
    live.signal(signal.SIGINT)


def kill(*words: str) -> Callable[[LiveRun], None]:
    return lambda live: live.process_of(*words).kill()


def kill_the_tester(live: LiveRun) -> None:
    for words in ("loadtest.stack.gemini", "agent.py", "loadtest.run.callee_process", str(find_server().path)):
        live.process_of(words)  # it is there, and would be found if it stayed
    live.process.kill()


DISASTERS: dict[str, Callable[[LiveRun], None]] = {
    "ctrl-c": ctrl_c,
    "ctrl-c twice": ctrl_c_twice,
    "kill -9": kill_the_tester,
    "server": lambda live: live.process_of(str(find_server().path)).kill(),
    "simulator": kill("loadtest.stack.gemini"),
    "agent": kill("moody_agent.py"),
    "callee process": kill("loadtest.run.callee_process"),
}
Ends = dict[str, tuple[Results, str]]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Ends:
    """How each disaster ended, and the call that was in progress when it struck.

    Nothing here depends on how quick the machine is, so the runs share it.
    """
    with ExitStack() as stack:
        running: dict[str, LiveRun] = {}
        for what in DISASTERS:
            # The one that must clean up after itself without a chance to do so has processes of every kind.
            arm = REFERENCE if what == "kill -9" else moody("talks")
            folder = tmp_path_factory.mktemp(what.replace(" ", "-"))
            file = scenario(
                folder,
                {"only": arm},
                lines=LINES,
                blocks=CALLS.get(what, NEVER_OVER),
                arrivals=[{"rate_per_minute": 10}],
                callee={"greeting_limit_s": 30.0},
            )
            running[what] = stack.enter_context(LiveRun(file))
        struck: dict[str, str] = {}
        deadline = time.monotonic() + LIMIT_S
        while len(struck) < len(running):
            for what, live in running.items():
                if what in struck or (call_id := live.call_with(in_conversation)) is None:
                    assert what in struck or live.process.poll() is None, f"{what}: ended too soon\n{live.said()}"
                    assert time.monotonic() < deadline, f"{what}: no line was said\n{live.said()}"
                    continue
                struck[what] = call_id
                DISASTERS[what](live)
            time.sleep(0.05)
        linger_s = {"kill -9": 30.0}
        return {what: (live.finish(linger_s=linger_s.get(what, 0.0)), struck[what]) for what, live in running.items()}


@pytest.mark.parametrize("what", DISASTERS)
def test_nothing_is_left_running(ends: Ends, what: str) -> None:
    assert ends[what][0].leftovers == ()


def check_accounts(run: Results) -> None:
    """Every planned call has one row, whatever happened, and the rest was never dialled."""
    assert [row["call_id"] for row in run.table("calls")] == run.plan()
    assert len(run.plan()) == NEVER_OVER
    assert run.table("calls")[-1]["outcome"] == "not_dialled"
    begun = {path.name for path in (run.folder.path / "calls").iterdir()}
    assert {call_id for call_id, outcome in run.outcomes().items() if outcome != "not_dialled"} == begun


def test_ctrl_c_hangs_up_and_measures_what_there_is(ends: Ends) -> None:
    run, call_id = ends["ctrl-c"]
    assert run.exit_code == 130, run.stderr
    check_accounts(run)
    call = run.calls()[call_id]
    assert (call["outcome"], call["end_cause"]) == ("aborted", "tester")
    assert call["greeting_s"] is not None
    assert happened(Ended)(run.events(call_id))
    assert run.folder.call(call_id).flac.exists()
    assert (run.run_json()["state"], run.summary()["state"]) == ("interrupted", "interrupted")


def test_ctrl_c_twice_ends_at_once(ends: Ends) -> None:
    run, call_id = ends["ctrl-c twice"]
    assert run.exit_code == 130, run.stderr
    assert run.run_json()["state"] == "interrupted"
    measured = loadtest("measure", str(run.folder.path))
    assert measured.returncode == 0, measured.stderr
    check_accounts(run)
    assert run.outcomes()[call_id] == "aborted"


def test_a_killed_run_can_be_measured(ends: Ends) -> None:
    run, call_id = ends["kill -9"]
    assert run.run_json()["state"] == "running"
    assert not run.folder.tables.exists()
    measured = loadtest("measure", str(run.folder.path))
    assert measured.returncode == 0, measured.stderr
    check_accounts(run)
    assert run.outcomes()[call_id] == "aborted"
    assert run.calls()[call_id]["greeting_s"] is not None
    assert next(row["line"] for row in run.table("turns") if row["call_id"] == call_id) == LINES[0]


@pytest.mark.parametrize(
    ("what", "named"),
    [("server", "livekit-server"), ("simulator", "gemini-simulator"), ("agent", "agent-moody")],
)
def test_a_service_that_dies_ends_the_run_in_order(ends: Ends, what: str, named: str) -> None:
    run, call_id = ends[what]
    assert run.exit_code == 1, run.stderr
    assert f"{named} ended with code 137 during the run" in run.stderr
    check_accounts(run)
    assert run.calls()[call_id]["answered_s"] is not None
    assert run.outcomes()[call_id] in {"aborted", "agent_left"}
    assert (run.run_json()["state"], run.summary()["state"]) == ("aborted", "aborted")


def test_calls_of_a_callee_process_that_dies_are_errors_of_the_tester(ends: Ends) -> None:
    run, call_id = ends["callee process"]
    died = f"{run.process(call_id)[1:]} died (exit code 137)"
    assert any(died in warning for warning in run.run_json()["warnings"])
    # Another one takes its place.
    assert [*run.outcomes().values()][-1] == "completed", run.outcomes()
    assert run.exit_code in {1, 3}, run.stderr
    assert [row["call_id"] for row in run.table("calls")] == run.plan()
    process = run.process(call_id)
    failed = {id_ for id_, outcome in run.outcomes().items() if outcome == "tester_error"}
    assert call_id in failed
    assert {run.process(id_) for id_ in failed} == {process}
    assert not any(row["valid"] for row in run.table("turns") if row["call_id"] in failed)


# A tester that stands still


def callee_process_of(live: LiveRun, name: str) -> int:
    """The process whose standard error goes to the log of that name."""
    guards = [p for p in live.processes() if Path(f"/proc/{p.pid}/fd/2").readlink().name == f"{name}.log"]
    (found,) = {
        child.pid
        for guard in guards
        for child in guard.children(recursive=True)
        if "loadtest.run.callee_process" in child.cmdline() and "loadtest.stack.guard" not in child.cmdline()
    }
    return int(found)


def mid_reply(events: Iterable[Event]) -> bool:
    events = tuple(events)
    ended = next((e.t for e in events if isinstance(e, LineEnded) and e.turn == 0), None)
    return ended is not None and any(isinstance(e, Heard) and e.speaking and e.t > ended for e in events)


def spans(events: tuple[Event, ...], ended_s: float) -> dict[int, tuple[float, float]]:
    """From the start of each line to that of the next, or to the end of the call."""
    started = [(e.turn, e.t) for e in events if isinstance(e, LineStarted) and e.turn is not None]
    ends = [t for _, t in started[1:]] + [ended_s]
    return {turn: (start, end) for (turn, start), end in zip(started, ends, strict=True)}


def test_a_stopped_callee_process_invalidates_the_turns_in_progress_and_no_other(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        {"only": REFERENCE},
        lines=("yes-please", "how-much"),
        blocks=2,
        arrivals=[{"rate_per_minute": 20}],
        # A busy machine holds nothing up for so long.
        validity={**INDULGENT, "loop_lag_ms": 2000, "frame_gap_ms": 2000},
        callee={"greeting_limit_s": 30.0},
    )
    with LiveRun(file) as live:
        call_id = live.wait_for_call(mid_reply, "a reply")
        assert live.folder is not None
        pid = callee_process_of(live, Results(live.folder, 0, "", "", ()).process(call_id))
        os.kill(pid, signal.SIGSTOP)
        stopped = time.monotonic()
        time.sleep(3.0)  # the disturbance
        continued = time.monotonic()
        os.kill(pid, signal.SIGCONT)
        run = live.finish()
    origin = run.run_json()["origin_monotonic_s"]
    from_s, to_s = stopped - origin, continued - origin
    valid, invalid = set(), set()
    for row in run.table("turns"):
        start_s, end_s = spans(run.events(row["call_id"]), run.calls()[row["call_id"]]["ended_s"])[row["turn"]]
        elsewhere = run.process(row["call_id"]) != run.process(call_id)
        if elsewhere or start_s > to_s + 0.2 or end_s < from_s - 0.2:
            assert row["valid"], (row["call_id"], row["turn"], row["invalid_reason"])
            valid.add((row["call_id"], row["turn"]))
        elif start_s < to_s - 0.2 and end_s > from_s + 0.2:
            assert not row["valid"], (row["call_id"], row["turn"])
            assert "loop_lag" in row["invalid_reason"]
            invalid.add((row["call_id"], row["turn"]))
    # Which turn was in progress by then is the machine's affair; that it was one, and others were not, is not.
    assert {stopped_call for stopped_call, _ in invalid} >= {call_id}
    assert valid
    # Not 95 % of the turns are valid, so this is no measurement.
    assert run.exit_code == 3, run.stderr
    assert run.summary()["valid"] is False
