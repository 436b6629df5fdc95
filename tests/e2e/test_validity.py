"""What goes wrong at the tester or on the way is said of exactly the turns that it touched, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from loadtest.analyse.limits import reason_code
from loadtest.record.events import Event, Heard, LineEnded, LineStarted
from tests.e2e.harness import INDULGENT, LiveRun, Results, profile, scenario
from tests.e2e.lossy import lossy_livekit
from tests.e2e.tampered import BE_BUSY, BUSY_S, SET_THE_CLOCK, STEP_S, WALL_STEP_S, tampered

REFERENCE = {"model": "gemini-3.8-live", "endpoint": profile()}
LINES = ("yes-please", "how-much", "yes", "not-interested", "who-is-calling")
BURNERS = 200
LATE_MS = 200
"""More than other work on the machine makes a callee late."""
A_REPORT_S = 2.0
"""What the SDK counts is read once a second, and the server's reports of what it lacks come as often."""
Row = dict[str, Any]


def mid_reply_to(turn: int) -> Callable[[Iterable[Event]], bool]:
    """That line has been said, and the agent is answering it."""

    def look(events: Iterable[Event]) -> bool:
        events = tuple(events)
        ended = next((e.t for e in events if isinstance(e, LineEnded) and e.turn == turn), None)
        return ended is not None and any(isinstance(e, Heard) and e.speaking and e.t > ended for e in events)

    return look


def spans(run: Results) -> Iterable[tuple[Row, float, float]]:
    """Each turn with its beginning and its end, that of the next or of the call."""
    for row in run.table("turns"):
        started = [e for e in run.events(row["call_id"]) if isinstance(e, LineStarted) and e.turn is not None]
        later = [e.t for e in started if e.turn is not None and e.turn > row["turn"]]
        (begins,) = (e.t for e in started if e.turn == row["turn"])
        yield row, begins, min(later, default=run.calls()[row["call_id"]]["ended_s"])


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """A process has to share one core with many that never rest.

    Each of them has a session of its own: where Linux groups tasks by session, all of one session together would get no
    more of the core than the process alone.
    """
    cores = os.sched_getaffinity(0)
    core = {min(cores)}
    with TemporaryDirectory() as folder:
        fuel = Path(folder, "fuel")
        fuel.touch()
        burner = 'setsid sh -c \'while [ -e "$1" ]; do :; done\' burner "$1"'
        with subprocess.Popen(
            ["/bin/sh", "-c", f"for i in $(seq {BURNERS}); do {burner} & done; wait", "burners", fuel],
            preexec_fn=lambda: os.sched_setaffinity(0, core),  # noqa: PLW1509  # nobody else forks meanwhile
        ):
            try:
                for thread in threads(pid):
                    os.sched_setaffinity(thread, core)
                yield
            finally:
                fuel.unlink()
                for thread in threads(pid):
                    os.sched_setaffinity(thread, cores)


def threads(pid: int) -> list[int]:
    return [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]


@dataclass(frozen=True)
class Struck:
    """A run, and from when to when (run seconds) which disturbance lasted."""

    run: Results
    lossy: tuple[float, float]
    busy: tuple[float, float]
    stepped: tuple[float, float]
    hungry: tuple[float, float]

    def touches(self, what: str, begins_s: float, ends_s: float, margin_s: float = 0.0) -> bool:
        from_s, to_s = getattr(self, what)
        return bool(begins_s <= to_s + margin_s and ends_s >= from_s - margin_s)


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Struck:
    """A call in the replies of which packets are lost, the callee is busy, nothing happens but that the tester's wall
    clock is set, the callee's monotonic clock steps, and the callee starves.
    """
    folder = tmp_path_factory.mktemp("struck")
    file = scenario(
        folder,
        {"only": REFERENCE},
        lines=LINES,
        stack="external",
        validity={
            **INDULGENT,
            "packet_loss": 0.05,
            **dict.fromkeys(("loop_lag_ms", "frame_gap_ms", "anchor_ms"), LATE_MS),
        },
        callee={"patience_s": 6.0, "greeting_limit_s": 30.0},
    )
    with lossy_livekit() as (environ, relay), LiveRun(file, env={**environ, **tampered(folder)}) as live:
        live.wait_for_call(mid_reply_to(0), "a reply")
        callee = live.process_of("loadtest.run.callee_process")
        with clocked() as lossy:
            relay.loss = 0.2
            time.sleep(3.0)  # the disturbance
            relay.loss = 0.0
        live.wait_for_call(mid_reply_to(1), "the second reply")
        with clocked() as busy:
            callee.send_signal(BE_BUSY)
            time.sleep(BUSY_S)  # the disturbance
        live.wait_for_call(mid_reply_to(2), "the third reply")
        live.signal(SET_THE_CLOCK)
        live.wait_for_call(mid_reply_to(3), "the fourth reply")
        with clocked() as stepped:
            callee.send_signal(SET_THE_CLOCK)
        live.wait_for_call(mid_reply_to(4), "the last reply")
        with clocked() as hungry, starved(callee.pid):
            time.sleep(3.0)  # the disturbance
        run = live.finish()
    assert relay.lost > 20  # the media went through it
    origin: float = run.run_json()["origin_monotonic_s"]
    # What the callee tells after the step is told by its new clock.
    hungry = [at + STEP_S for at in hungry]
    return Struck(run, *((from_s - origin, to_s - origin) for from_s, to_s in (lossy, busy, stepped, hungry)))


@contextmanager
def clocked() -> Iterator[list[float]]:
    """Monotonic seconds at the beginning and, once it is over, at the end."""
    times = [time.monotonic()]
    yield times
    times.append(time.monotonic())


def codes(row: Row) -> set[str]:
    return {reason_code(reason) for reason in (row["invalid_reason"] or "").split("; ") if reason}


LOST = {"agent_loss", "callee_loss"}
STARVED = {"loop_lag", "callee_step", "callee_frame_gap", "agent_frame_gap"}
SAID = {"lossy": LOST, "busy": {"loop_lag"}, "stepped": {"agent_step"}, "hungry": STARVED}


@pytest.mark.parametrize("what", SAID)
def test_a_disturbance_invalidates_the_turn_that_it_touched(struck: Struck, what: str) -> None:
    """A fifth of the packets lost on the way; a callee process whose event loop computes, whose clock is set, or that
    shares its core with many others.
    """
    (touched,) = (row for row, begins_s, ends_s in spans(struck.run) if struck.touches(what, begins_s, ends_s))
    assert not touched["valid"]
    assert codes(touched) & SAID[what], touched


def test_nothing_is_said_of_turns_that_it_did_not_touch(struck: Struck) -> None:
    """Lateness looks alike whatever made it, so turns beside which the callee was late are judged for losses alone."""
    judged = Counter[str]()
    for row, begins_s, ends_s in spans(struck.run):
        near = {what for what in SAID if struck.touches(what, begins_s, ends_s, A_REPORT_S)}
        others = (SAID.keys() if near <= {"lossy"} else {"lossy"}) - near
        judged.update(others)
        assert not codes(row) & {code for what in others for code in SAID[what]}, row
    assert all(judged[what] for what in SAID), judged


def test_a_wall_clock_that_is_set_is_told_and_touches_no_turn(struck: Struck) -> None:
    assert any(f"the wall clock was set by {WALL_STEP_S:+.1f} s" in said for said in struck.run.summary()["warnings"])
    (meanwhile,) = (row for row in struck.run.table("turns") if row["turn"] == 2)
    assert meanwhile["valid"], meanwhile


def test_what_was_lost_and_late_is_in_the_tables_and_on_the_strip(struck: Struck) -> None:
    (call,) = struck.run.table("calls")
    assert 0 < call["packets_lost"] < call["packets_due"]
    assert call["packets_sent"] > 0
    strip = {use["limit"]: use["touched"]["only"] for use in struck.run.summary()["limits"]}
    assert strip["packet_loss"] == 1
    assert strip["loop_lag_ms"] >= 1
    assert strip["anchor_ms"] >= 1
    assert struck.run.exit_code == 3


# One arm's reconnect storm on a machine that both arms share

PATH_MS = 400.0
"""What a valid turn may be longer than the truth, on loopback: docs/measurement.md, "What a latency contains"."""
STORM_PER_MINUTE = 300


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two calls of each arm; in its second one arm's connection is reset five times a second, as soon as it is back.

    Judged by the limits that a scenario has when it says nothing.
    """
    struck = [f"{slot:04d}-stormy" for slot in (2, 3)]  # which arm is first in a block is drawn
    stormy = profile("gemini-3.8-live", {"fault": "F20", "per_minute": STORM_PER_MINUTE, "calls": struck})
    file = scenario(
        tmp_path_factory.mktemp("storm"),
        {"stormy": {**REFERENCE, "endpoint": stormy}, "calm": REFERENCE},
        lines=LINES[:2],
        blocks=2,
        arrivals=[{"rate_per_minute": 40}],
        callee={"reprompts": 0},
        validity={},
    )
    with LiveRun(file) as live:
        return live.finish()


def excess_ms(run: Results, row: Row) -> float | None:
    """By how much a reply came later to the callee than the endpoint gave it; None if the truth has no such reply."""
    truth = [line for line in run.truth("caller_speech_end", "reply_started") if line["call_id"] == row["call_id"]]
    ends = [line for line in truth if line["type"] == "caller_speech_end"]
    end = min(ends, key=lambda line: abs(line["at_s"] - row["speech_end_s"]), default=None)
    if end is None or abs(end["at_s"] - row["speech_end_s"]) > 1.0 or row["latency_ms"] is None:
        return None
    started = [line["at_s"] for line in truth if line["type"] == "reply_started" and line["turn"] == end["turn"]]
    return None if not started else row["latency_ms"] - (started[0] - end["at_s"]) * 1000


def test_one_arms_storm_slowing_the_other_on_a_shared_machine(storm: Results) -> None:
    """Every turn of the calm arm is measured right or is invalid; none is valid and slow."""
    connected = Counter(line["call_id"] for line in storm.truth("connection_opened"))
    by_call = {call_id: connected[call_id] for call_id in storm.plan()}
    assert sorted(by_call.values())[:3] == [1, 1, 1], by_call
    assert max(by_call.values()) >= 10, by_call  # the storm

    turns = [row for row in storm.table("turns") if row["kind"] == "script"]
    calm = [row for row in turns if row["call_id"].endswith("calm")]
    assert len(calm) == 4
    for row in calm:
        if row["valid"]:
            assert row["outcome"] == "answered", row  # the endpoint answered every line
            excess = excess_ms(storm, row)
            assert excess is not None
            assert 0 < excess < PATH_MS, (row, excess)

    def median_ms(block: int) -> float | None:
        of = [excess_ms(storm, row) for row in calm if row["valid"] and row["block"] == block]
        return median(ms for ms in of if ms is not None) if of else None

    before, during = median_ms(0), median_ms(1)
    if before is not None and during is not None:
        assert abs(during - before) < PATH_MS / 2, (before, during)
    if any(not row["valid"] for row in turns):  # one of an arm's four is too many
        assert storm.exit_code == 3
        assert any(sum(use["touched"].values()) for use in storm.summary()["limits"])
