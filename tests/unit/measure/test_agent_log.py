"""A log's facts in run time, and put to calls: by what must have come before what, and never by a guess."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from loadtest.measure.agent_log import LoggedCall, LoggedRun, agent_logs
from loadtest.record.agent_log import Reading, facts_of_stream
from loadtest.record.agent_log.of_run import RunCalls, facts_of_run
from loadtest.record.events import (
    AgentJoined,
    CallStarted,
    Dispatched,
    EndCause,
    Ended,
    Event,
    HangUp,
    Outcome,
    RoomCreated,
)
from loadtest_probe import wire

ORIGIN = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC).timestamp()
CLOSE = "error in receive task: 1011 None. Internal error encountered."


def call(number: int, start: float, end: float, *, arm: str = "ga", own_machine: bool = False) -> LoggedCall:
    """Dialled at `start`, hung up at `end`; its job is AJ_<number>."""
    events: tuple[Event, ...] = (
        CallStarted(
            t=start, call_id=f"000{number}-{arm}", arm=arm, block=0, slot=number, due_s=start, process="callee-0",
            number="12005550100", room=room(number), ring_s=1.0, pickup="answer", patience_s=5.0,
        ),
        RoomCreated(t=start + 0.01, room=room(number)),
        Dispatched(t=start + 0.02, agent_name="theirs"),
        AgentJoined(t=start + 0.3, identity=f"agent-AJ_{number}"),
        HangUp(t=end, cause=EndCause.CALLEE_HANGUP),
        Ended(t=end + 0.1, outcome=Outcome.COMPLETED, cause=EndCause.CALLEE_HANGUP),
    )  # fmt: skip
    return LoggedCall(call_id=f"000{number}-{arm}", arm=arm, events=events, own_machine=own_machine, last_s=end + 0.1)


def room(number: int) -> str:
    return f"outbound-0000000{number}-12005550100"


def line(at: float, text: str, number: int | None = None, *, style: str = "utc", ahead: float = 0.0) -> str:
    """An entry at run time `at`, by a clock that is `ahead`, written in one of the styles."""
    when = datetime.fromtimestamp(ORIGIN + at + ahead, tz=UTC)
    extra = "" if number is None else f' {{"job_id": "AJ_{number}", "room": "{room(number)}"}}'
    form = {"utc": "%Y-%m-%dT%H:%M:%S.%fZ", "local": "%Y-%m-%d %H:%M:%S,%f", "day": "%H:%M:%S"}[style]
    return f"{when.strftime(form)} ERROR {text}{extra}\n"


def told_of(number: int, start: float, end: float, *, close: float | None = None, **how: object) -> list[str]:
    """A call as a worker logs it: asked 50 ms after the dispatch, callee missed 30 ms after the hang-up."""
    lines = [line(start + 0.07, "received job request", number, **how)]  # type: ignore[arg-type]
    if close is not None:
        lines.append(line(close, CLOSE, number, **how))  # type: ignore[arg-type]
    return [*lines, line(end + 0.03, "closing agent session due to participant disconnect", number, **how)]  # type: ignore[arg-type]


def logged(
    lines: Iterable[str], calls: Sequence[LoggedCall], *, origin: float | None = ORIGIN, zone_s: float = 0.0
) -> LoggedRun:
    known = RunCalls(window=(ORIGIN - 900, ORIGIN + 3600))
    for one in calls:
        known.add(one.call_id, one.events)
    read = facts_of_stream(["".join(lines).encode()], "agent.log", Reading())
    facts = facts_of_run(read, known, frozenset(one.call_id for one in calls))
    return agent_logs(facts, calls, origin_unix_s=origin, zone_s=zone_s)


def closes(run: LoggedRun, call_id: str) -> list[float]:
    told = run.calls.get(call_id)
    return [] if told is None else [n.t_s for n in told.notes if isinstance(n.message, wire.Closed)]


@pytest.mark.parametrize("origin", [ORIGIN, None], ids=["wall clock known", "not recorded"])
@pytest.mark.parametrize("ahead", [0.0, -7 * 3600.0, 12.345, 3 * 86400.0])
def test_a_clock_that_is_wrong_is_found_out_by_causes(ahead: float, origin: float | None) -> None:
    calls = [call(1, 10.0, 40.0), call(2, 50.0, 80.0)]
    lines = [*told_of(1, 10.0, 40.0, close=20.0, ahead=ahead), *told_of(2, 50.0, 80.0, ahead=ahead)]
    run = logged(lines, calls, origin=origin)

    (at_s,) = closes(run, "0001-ga")
    u_ms = run.calls["0001-ga"].uncertainty_ms
    assert u_ms is not None
    assert u_ms < 200
    assert abs(at_s - 20.0) <= u_ms / 1000
    assert not run.clocks_apart


@pytest.mark.parametrize("style", ["local", "day"])
@pytest.mark.parametrize("zone_h", [0, 2, -5, 5.75])
def test_a_time_zone_need_not_be_known(style: str, zone_h: float) -> None:
    calls = [call(1, 10.0, 40.0)]
    run = logged(told_of(1, 10.0, 40.0, close=20.0, style=style, ahead=zone_h * 3600), calls)

    (at_s,) = closes(run, "0001-ga")
    u_ms = run.calls["0001-ga"].uncertainty_ms
    assert u_ms is not None
    assert abs(at_s - 20.0) <= u_ms / 1000


def test_seconds_without_a_fraction_are_uncertain_by_as_much() -> None:
    run = logged(told_of(1, 10.0, 40.0, close=20.9, style="day"), [call(1, 10.0, 40.0)])

    (at_s,) = closes(run, "0001-ga")
    u_ms = run.calls["0001-ga"].uncertainty_ms
    assert u_ms is not None
    assert 500 <= u_ms < 1500
    assert abs(at_s - 20.9) <= u_ms / 1000


def test_the_testers_own_machine_has_one_clock() -> None:
    calls = [call(1, 10.0, 40.0, own_machine=True)]
    own = logged(told_of(1, 10.0, 40.0, close=20.0), calls)
    # One that was set apart is not believed.
    wrong = logged(told_of(1, 10.0, 40.0, close=20.0, ahead=30.0), calls)

    assert own.calls["0001-ga"].uncertainty_ms == pytest.approx(5.0, abs=0.1)
    assert wrong.calls["0001-ga"].uncertainty_ms == pytest.approx(130.0, abs=1)
    assert closes(wrong, "0001-ga")[0] == pytest.approx(20.0, abs=0.16)


def test_calls_of_one_worker_are_told_apart_by_their_ids() -> None:
    calls = [call(1, 10.0, 40.0), call(2, 12.0, 42.0)]
    lines = told_of(1, 10.0, 40.0, close=20.0) + told_of(2, 12.0, 42.0, close=21.0)
    run = logged(sorted(lines), calls)

    assert closes(run, "0001-ga") == [pytest.approx(20.0, abs=0.2)]
    assert closes(run, "0002-ga") == [pytest.approx(21.0, abs=0.2)]


def test_entries_of_a_process_are_of_the_call_that_it_has() -> None:
    process = '{"pid": 7, "job_id": "AJ_1"}'
    there = line(10.2, f"RoomIO linked to participant {process}")
    inside = line(20.0, CLOSE + ' {"pid": 7}')
    over = line(40.5, f"process exiting {process}")
    after = line(41.0, CLOSE + ' {"pid": 7}')
    calls = [call(1, 10.0, 40.0), call(2, 12.0, 42.0)]
    lines = [*told_of(1, 10.0, 40.0), there, inside, over, after, *told_of(2, 12.0, 42.0)]
    run = logged(sorted(lines), calls)

    assert closes(run, "0001-ga") == [pytest.approx(20.0, abs=0.2)]
    assert run.unplaced == 1, "by then the process had given the call up, and two calls were up"


def test_an_entry_without_ids_is_of_the_only_call_that_was_up() -> None:
    calls = [call(1, 10.0, 40.0), call(2, 35.0, 60.0)]
    lines = [*told_of(1, 10.0, 40.0), *told_of(2, 35.0, 60.0), line(20.0, CLOSE), line(37.0, CLOSE)]
    run = logged(sorted(lines), calls)

    assert closes(run, "0001-ga") == [pytest.approx(20.0, abs=0.2)]
    assert closes(run, "0002-ga") == []
    assert run.unplaced == 1


def test_a_close_that_is_logged_again_without_its_traceback_is_one() -> None:
    again = CLOSE.replace("error in receive task", "Gemini Realtime API error")
    other = "Gemini Realtime API error: 1008 None. models/x is not found"
    lines = [line(20.0, CLOSE, 1), line(20.01, again, 1), line(20.2, other, 1), line(30.0, again, 1)]
    run = logged([*told_of(1, 10.0, 40.0), *lines], [call(1, 10.0, 40.0)])

    told = [(type(n.message), getattr(n.message, "code", None)) for n in run.calls["0001-ga"].notes]
    assert told == [(wire.Closed, 1011), (wire.Refused, 1008), (wire.Refused, 1011)]


def test_that_the_worker_itself_was_blocked_is_of_no_call() -> None:
    blocked = line(20.0, 'event loop blocked for 3000ms {"pid": 1}')
    inside = line(21.0, "event loop blocked for 200ms", 1)
    run = logged([*told_of(1, 10.0, 40.0), blocked, inside], [call(1, 10.0, 40.0)])

    assert [lag.ms for lag in run.calls["0001-ga"].lags] == [200.0]
    assert run.unplaced == 0


def test_where_somebody_elses_call_was_up_nothing_goes_by_time() -> None:
    theirs = [line(15.0, 'received job request {"job_id": "AJ_9", "room": "sales"}')]
    over = [line(30.0, 'process exiting {"job_id": "AJ_9", "room": "sales"}')]
    calls = [call(1, 10.0, 60.0)]
    lines = [*told_of(1, 10.0, 60.0), *theirs, *over, line(20.0, CLOSE), line(50.0, CLOSE)]
    run = logged(sorted(lines), calls)

    assert closes(run, "0001-ga") == [pytest.approx(50.0, abs=0.2)]


def test_a_worker_that_serves_one_arm_tells_nothing_of_another() -> None:
    calls = [call(1, 10.0, 40.0), call(2, 50.0, 80.0, arm="preview")]
    run = logged([*told_of(1, 10.0, 40.0), line(60.0, CLOSE)], calls)

    assert "0002-preview" not in run.calls


def test_the_incidents_lines_are_put_to_the_only_call_by_the_clock() -> None:
    text = (line(20.0, "EOU speech=s", style="day") + line(21.0, CLOSE, style="day")).replace(" ERROR EOU", " EOU")
    late = "18:00:?? REALTIME ttft=-1000ms duration=0ms in_tok=0 out_tok=0\n"
    run = logged([text, late], [call(1, 10.0, 40.0)])

    told = run.calls["0001-ga"]
    closed, connected = told.notes
    assert isinstance(closed.message, wire.Closed)
    assert isinstance(connected.message, wire.Connected)
    assert closed.t_s == pytest.approx(21.5, abs=0.1)
    assert told.uncertainty_ms is not None
    assert told.uncertainty_ms > 1000, "clocks may be a second apart, and 18:00:?? is some time of that minute"


def test_without_a_date_or_an_id_one_of_several_days_is_not_chosen() -> None:
    yesterday = line(20.0, CLOSE, style="day")
    run = logged(
        [yesterday, "23:59:59 INFO something else\n", "REALTIME\n", line(20.0, CLOSE, style="day")],
        [call(1, 10.0, 40.0)],
    )

    assert closes(run, "0001-ga") == []
    assert run.unplaced == 2


def test_a_log_of_another_run_is_of_no_call() -> None:
    calls = [call(1, 10.0, 40.0)]
    other = [text.replace(room(1), "outbound-99999999-12005550100").replace("AJ_1", "AJ_77") for text in told_of(
        1, 10.0, 40.0, close=20.0
    )]  # fmt: skip
    same_name = line(3000.0, CLOSE + ' {"call_id": "0001-ga"}')

    assert logged([*other, same_name], calls).calls == {}


def test_a_clock_that_was_set_is_noticed_and_each_call_placed_by_its_own() -> None:
    calls = [call(1, 10.0, 40.0), call(2, 50.0, 80.0)]
    lines = [*told_of(1, 10.0, 40.0, close=20.0), *told_of(2, 50.0, 80.0, close=60.0, ahead=100.0)]
    run = logged(lines, calls)

    assert run.clocks_apart == ("agent.log",)
    assert closes(run, "0001-ga") == [pytest.approx(20.0, abs=0.2)]
    assert closes(run, "0002-ga") == [pytest.approx(60.0, abs=0.2)]
