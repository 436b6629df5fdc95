"""Faults at an age of the connection or a time of the run, on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loadtest.stack.gemini.faults import reasons
from loadtest.stack.gemini.state import HalfOpen, LatePongs
from tests.unit.stack.gemini.conftest import Drive, profile, silence, speech

Make = Callable[..., Drive]


def struck(drive: Make, *faults: dict[str, Any], **changes: Any) -> Drive:
    """Asked for a greeting at once, which ends before 10 s."""
    return drive(profile(faults=faults, **changes)).ask().wait(10)


def closed(one: Drive) -> tuple[Any, ...]:
    (line,) = one.lines("closed")
    return tuple(line[name] for name in ("code", "reason", "side", "phase"))


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ({"fault": "F4", "variant": "unavailable"}, 1011, "The service is currently unavailable."),
        ({"fault": "F4", "variant": "deadline"}, 1011, "Deadline expired before operation could complete."),
        ({"fault": "F12", "variant": "deadline"}, 1011, "Deadline expired before operation could complete."),
        ({"fault": "F12", "variant": "cancelled"}, 1000, "The operation was cancelled."),
        ({"fault": "F12", "variant": "aborted"}, 1008, "The operation was aborted"),
        ({"fault": "F19"}, 1007, "Request contains an invalid argument."),
    ],
)
def test_a_close_at_an_age_has_its_code_and_reason(drive: Make, fault: dict[str, Any], code: int, reason: str) -> None:
    one = struck(drive, fault | {"at_age_s": 12.5}).wait(10)
    assert closed(one) == (code, reason, "server", "idle")
    assert one.closes[0][0] == pytest.approx(12.5)
    assert one.lines("fault") == [{"fault": fault["fault"], "phase": "idle", "turn": 0}]
    assert one.session.next_due is None


def test_an_age_strikes_every_connection_and_the_first_connections_age_only_that(drive: Make) -> None:
    every = profile(faults=[{"fault": "F19", "at_age_s": 3}])
    first = profile(faults=[{"fault": "F19", "at_connected_s": 3}])
    assert [len(drive(every, connection=n).wait(5).closes) for n in (1, 2)] == [1, 1]
    assert [len(drive(first, connection=n).wait(5).closes) for n in (1, 2)] == [1, 0]


def test_at_the_age_of_zero_no_message_comes_after_setup_complete(drive: Make) -> None:
    at_once = struck(drive, {"fault": "F4", "at_age_s": 0})
    assert at_once.kinds() == ["setupComplete"]
    assert closed(at_once)[0] == 1011
    soon = struck(drive, {"fault": "F12", "at_age_s": 0.01})
    assert soon.kinds()[:2] == ["setupComplete", "handle"]
    assert closed(soon)[0] in (1000, 1008, 1011)


def test_a_lifetime_stands_in_place_of_the_profiles_limit(drive: Make) -> None:
    limits = {"connection_limit_s": 100, "go_away_time_left_s": 30}
    longer = struck(drive, {"fault": "F12", "at_age_s": 3480, "variant": "deadline"}, **limits).wait(4000)
    assert longer.closes[0][0] == pytest.approx(3480)
    assert "goAway" not in longer.kinds()
    # Somebody else's lifetime changes nothing.
    other = struck(drive, {"fault": "F12", "at_age_s": 3480, "calls": ["c2"]}, **limits).wait(4000)
    assert other.closes[0][0] == pytest.approx(100)


def test_a_burst_strikes_at_its_moment_whatever_goes_on(drive: Make) -> None:
    one = struck(drive, {"fault": "F6", "at_run_s": 0.5})
    assert closed(one) == (1011, reasons.UNAVAILABLE, "server", "replying")
    assert one.closes[0][0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("variant", "code", "reason"),
    [
        ("deadline", 1011, "Deadline expired before operation could complete."),
        ("cancelled", 1000, "The operation was cancelled."),
    ],
)
def test_f11_announces_the_end(drive: Make, variant: str, code: int, reason: str) -> None:
    one = struck(drive, {"fault": "F11", "at_age_s": 12, "variant": variant, "time_left_s": 8}).wait(20)
    ((at, message),) = [(at, message) for at, message in one.sent if "goAway" in message]
    assert at == pytest.approx(12)
    assert message == {"goAway": {"timeLeft": "8s"}}
    assert closed(one)[:3] == (code, reason, "server")
    assert one.closes[0][0] == pytest.approx(20)
    assert one.lines("fault") == [{"fault": "F11", "phase": "idle", "turn": 0}]


def test_f11_can_end_in_silence(drive: Make) -> None:
    settings = {"fault": "F11", "at_age_s": 0.4, "variant": "silence", "time_left_s": 0.2}
    one = struck(drive, settings, connection_limit_s=100).hear(silence(0.3), speech(0.5), silence(5.0)).ask().wait(10)
    # The greeting is broken off; nothing is answered, and nothing is closed.
    assert max(at for at, _ in one.sent) <= 0.6
    assert "turnComplete" not in one.kinds()
    assert not one.closes
    assert [line["turn"] for line in one.lines("caller_speech_end")] == [1]
    assert one.session.phase == "awaiting_reply"
    assert [line["phase"] for line in one.lines("silence")] == ["replying"]
    # The connection itself lives on, until its limit.
    assert one.wait(100).closes[0][0] == pytest.approx(100)


@pytest.mark.parametrize(("age_s", "phase"), [(0.2, "awaiting_reply"), (0.6, "replying"), (11, "idle")])
def test_f21_neither_hears_nor_says_anything_any_more(drive: Make, age_s: float, phase: str) -> None:
    one = struck(drive, {"fault": "F21", "at_age_s": age_s}, connection_limit_s=60).wait(2)
    assert [(at, type(what)) for at, what in one.ordered] == [(pytest.approx(age_s), HalfOpen)]
    one.hear(speech(0.5), silence(1.0)).ask().wait(100)
    assert max(at for at, _ in one.sent) <= age_s
    assert not one.closes
    assert not one.lines("caller_speech_end")
    one.take(one.session.closed_by_client(1011, "keepalive ping timeout"))
    assert closed(one) == (1011, "keepalive ping timeout", "client", phase)


def test_f22_delays_pongs_and_nothing_else(drive: Make) -> None:
    one = struck(drive, {"fault": "F22", "at_age_s": 0.1}).hear(silence(0.3), speech(0.5), silence(1.0)).wait(10)
    ((at, late),) = one.ordered
    assert at == pytest.approx(0.1)
    assert isinstance(late, LatePongs)
    waits = [late.delay_s() for _ in range(200)]
    assert 8 <= min(waits) < 10
    assert 28 < max(waits) <= 30
    assert [line["turn"] for line in one.lines("turn_complete")] == [0, 1]
    assert not one.closes


def test_strikes_compose(drive: Make) -> None:
    one = struck(
        drive, {"fault": "F22", "at_age_s": 1}, {"fault": "F4", "at_age_s": 11}, {"fault": "F20", "at_age_s": 30}
    )
    one.wait(20)
    assert [line["fault"] for line in one.lines("fault")] == ["F22", "F4"]
    assert closed(one)[0] == 1011
