from __future__ import annotations

from collections import Counter

from loadtest.stack.gemini.arm import HANDLES_A_CALL, Arm
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.bounds import Loops, Ration
from loadtest.stack.gemini.state import CallState, Snapshot
from tests.unit.stack.gemini.conftest import profile

START = 5000.0


def connects(loops: Loops, client: str | None, seconds: float, *, lived_s: float, pause_s: float = 0.0) -> int:
    """How often a client gets through that comes again as soon as its connection has ended."""
    now, count = START, 0
    while now < START + seconds:
        now += loops.wait_s(client, now) + lived_s
        count += 1
        loops.ended(client, now, lived_s)
        now += pause_s
    return count


def test_a_client_that_reconnects_without_end_is_slowed_down() -> None:
    # 190 connects in 8 s were seen: an hour of that would be 85,000.
    assert connects(Loops(), "c1", 8, lived_s=0.04) < 70
    assert connects(Loops(), "c1", 3600, lived_s=0.04) < 1000


def test_those_who_retry_in_reason_are_not() -> None:
    for lived_s, pause_s in ((0.04, 30.0), (10.0, 0.1), (3.0, 0.0)):
        loops = Loops()
        free = round(600 / (lived_s + pause_s))
        assert abs(connects(loops, "c1", 600, lived_s=lived_s, pause_s=pause_s) - free) <= 1


def test_one_who_loops_takes_nothing_from_others_who_name_their_call() -> None:
    loops = Loops()
    connects(loops, "c1", 60, lived_s=0.04)
    assert loops.wait_s("c1", START + 60) > 0
    assert loops.wait_s("c2", START + 60) == 0
    assert loops.wait_s(None, START + 60) == 0


def test_a_wait_is_shorter_than_clients_wait_for_a_connection() -> None:
    assert Loops.WAIT_S < 10


def test_truth_is_rationed_and_what_is_left_out_is_counted() -> None:
    ration, written, offered = Ration(), [], Counter[str]()
    for number in range(100_000):
        kind = ("fault", "closed")[number % 2]
        offered[kind] += 1
        about = {"fault": ("F1", "F4")[number % 4 // 2]} if kind == "fault" else {}
        written += ration.admit(START + number / 1000, kind, about)
    written += ration.rest()
    # A hundred seconds of it.
    assert len(written) <= 2 * (Ration.LINES + 100 * Ration.PER_S) + 1
    told: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for kind, fields in written:
        if kind == "left_out":
            told.update(fields["lines"])
            faults.update(fields["faults"])
        else:
            told[kind] += 1
            faults.update([fields["fault"]] if kind == "fault" else [])
    assert told == offered
    assert faults == {"F1": 25_000, "F4": 25_000}
    assert ration.rest() == []


def test_the_lines_of_ordinary_calls_are_never_left_out() -> None:
    ration = Ration()
    # An hour with twenty turns a minute, ten lines each.
    written = [line for n in range(12_000) for line in ration.admit(START + n * 0.3, "closed", {})]
    assert len(written) == 12_000


def test_a_call_keeps_its_latest_handles_and_no_endless_number_of_them() -> None:
    arm = Arm("quick", profile(), {}, Asking())
    looping, other = CallState("c1", "c1"), CallState("c2", "c2")
    spared = arm.issue(Snapshot(other, 3))
    issued = [arm.issue(Snapshot(looping, number)) for number in range(5000)]
    known = [handle for handle in issued if arm.resumed(handle) is not None]
    assert known == issued[-HANDLES_A_CALL:]
    assert arm.resumed(spared) == Snapshot(other, 3)
    assert arm.resumed(None) is None
