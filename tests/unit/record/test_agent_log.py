"""Logs of agents as they were written: livekit-agents 1.6.0 and 1.8.9, the incident's, and what befalls log files."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.errors import RecordError
from loadtest.record.agent_log import Reading, facts_of_files, facts_of_stream
from loadtest.record.agent_log.facts import (
    CalleeGone,
    CalleeThere,
    Fact,
    Ids,
    Job,
    JobOver,
    LoopWatch,
    Spoken,
    TurnOver,
)
from loadtest.record.agent_log.lines import MOST_BYTES, rotated, with_rotated
from loadtest.record.agent_log.stamps import Stamp, read_stamp, stamp_of
from loadtest.record.agent_log.store import fact_line, read_fact
from loadtest_probe import wire

LOGS = Path(__file__).parent / "logs"
ONCE = "18:29:49 ERROR error in receive task: 1011 None. Internal error encountered."


def facts(text: str | bytes, reading: Reading | None = None) -> list[Fact]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(facts_of_stream([data], "agent.log", reading or Reading()))


def said(text: str) -> list[object]:
    return [fact.said for fact in facts(text)]


def of_call(name: str, call: str) -> list[object]:
    found = facts_of_files([LOGS / name], Reading())
    kept = (Job, JobOver, CalleeThere, CalleeGone, LoopWatch, TurnOver, wire.AgentLag)
    return [f.said for f in found if f.ids.call == call and not isinstance(f.said, kept)]


@pytest.mark.parametrize(
    ("name", "call", "closed"),
    [
        ("json-1.6.0.jsonl", "0002-plugin-1-6-0", wire.Closed(0, 1011, "Internal error encountered.", "server", "")),
        ("json-1.8.9.jsonl", "0003-plugin-1-8-9", wire.Closed(0, 1011, "Internal error encountered.", "server", "")),
        ("plain-1.6.0.txt", "0000-old", wire.Closed(0, 1011, "Internal error encountered.", "server", "")),
        ("plain-1.8.9.txt", "0001-new", wire.Closed(0, 1011, "Internal error encountered.", "server", "")),
        ("plain-1.6.0.txt", "0003-old", wire.Closed(0, 1006, "", "none", "")),
        ("plain-1.8.9.txt", "0002-new", wire.Closed(0, 1006, "", "none", "")),
        ("json-1.6.0.jsonl", "0006-plugin-1-6-0", wire.Closed(0, 1006, "", "none", "")),
        ("json-1.8.9.jsonl", "0007-plugin-1-8-9", wire.Closed(0, 1006, "", "none", "")),
        ("json-1.6.0.jsonl", "0005-plugin-1-6-0", wire.GoAway(0, 3.0)),
        ("json-1.8.9.jsonl", "0004-plugin-1-8-9", wire.GoAway(0, 3.0)),
    ],
)
def test_a_close_is_told_once_with_code_side_and_both_connects(name: str, call: str, closed: object) -> None:
    first, lost, second = (one for one in of_call(name, call) if not isinstance(one, Spoken))

    assert lost == closed
    for connect in (first, second):
        assert isinstance(connect, wire.Connected)
        assert connect.resumed is None, "a log does not tell that"
        assert connect.setup_ms is not None
        assert 0 < connect.setup_ms < 1000


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("json-1.6.0.jsonl", "0014-plugin-1-6-0"),
        ("json-1.8.9.jsonl", "0015-plugin-1-8-9"),
        ("plain-1.6.0.txt", "0004-old"),
        ("plain-1.8.9.txt", "0005-new"),
    ],
)
def test_a_refused_upgrade_has_its_status_and_ends_the_session(name: str, call: str) -> None:
    refused, over = (one for one in of_call(name, call) if not isinstance(one, Spoken))

    assert isinstance(refused, wire.Refused)
    assert (refused.http_status, refused.code) == (503, None)
    assert isinstance(over, wire.SessionClosed)
    assert over.reason == "error"


def test_entries_name_room_job_call_and_process() -> None:
    fact = next(f for f in facts_of_files([LOGS / "json-1.8.9.jsonl"], Reading()) if isinstance(f.said, wire.Closed))

    assert fact.ids.job is not None
    assert fact.ids.job.startswith("AJ_")
    assert fact.ids.room is not None
    assert fact.ids.room.startswith("outbound-")
    assert fact.ids.call == "0003-plugin-1-8-9"
    assert fact.ids.pid is not None
    assert fact.at is not None
    assert (fact.at.kind, fact.at.resolution_s) == ("utc", 1e-6)


def test_who_tells_that_a_loop_was_blocked_is_known_by_version_or_word() -> None:
    old = [f for f in facts_of_files([LOGS / "json-1.6.0.jsonl"], Reading()) if isinstance(f.said, LoopWatch)]
    new = [f for f in facts_of_files([LOGS / "json-1.8.9.jsonl"], Reading()) if isinstance(f.said, LoopWatch)]

    assert all(f.ids.job is not None for f in old), "1.6.0 does not watch; only the job that says so does"
    assert [f.ids.job for f in new] == [None]


def test_the_incident() -> None:
    spoken, closed, connected = facts((LOGS / "incident.txt").read_text())

    assert isinstance(spoken.said, Spoken)
    assert closed.said == wire.Closed(0, 1011, "Internal error encountered.", "server", "")
    assert closed.at == Stamp("day", 18 * 3600 + 29 * 60 + 49, 1.0)
    assert connected.said == wire.Connected(0, None, None)
    assert connected.at == Stamp("day", 18 * 3600 + 29 * 60, 60.0), "18:29:?? is known to the minute"
    assert connected.ids == Ids(room="outbound-0ce7e1f6-12005550142", job="AJ_UZg8iaZc2WMJ")


TRACE = """\
Traceback (most recent call last):
  File "site-packages/google/genai/live.py", line 611, in _receive
    raw_response = await self._ws.recv(decode=False)
websockets.exceptions.ConnectionClosedError: {frames}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "site-packages/livekit/plugins/google/realtime/realtime_api.py", line 1196, in {where}
google.genai.errors.APIError: {api}
"""


@pytest.mark.parametrize(
    ("api", "frames", "closed"),
    [
        (
            "1006 None. abnormal closure [internal]",
            "sent 1011 (internal error) keepalive ping timeout; no close frame received",
            (1011, "keepalive ping timeout", "client"),
        ),
        (
            "1011 None. keepalive ping timeout",
            "sent 1011 (internal error) keepalive ping timeout; then received 1011 (internal error) "
            "keepalive ping timeout",
            (1011, "keepalive ping timeout", "client"),
        ),
        (
            "1011 None. Internal error occurred.",
            "received 1011 (internal error) Internal error occurred.; then sent 1011 (internal error) "
            "Internal error occurred.",
            (1011, "Internal error occurred.", "server"),
        ),
        ("1006 None. abnormal closure [internal]", "no close frame received or sent", (1006, "", "none")),
        ("1000 None. ", "received 1000 (OK); then sent 1000 (OK)", (1000, "", "server")),
    ],
)
def test_a_traceback_tells_who_closed(api: str, frames: str, closed: tuple[int, str, str]) -> None:
    trace = TRACE.format(frames=frames, where="_recv_task", api=api)
    (found,) = said(f"2026-11-22 18:29:49,123 - ERROR livekit.plugins.google - error in receive task: {api}\n{trace}")

    assert isinstance(found, wire.Closed)
    assert (found.code, found.reason, found.side) == closed


def test_without_a_traceback_the_clients_own_time_out_is_never_the_servers() -> None:
    (timed_out,) = said("18:29:49 ERROR error in receive task: 1011 None. keepalive ping timeout")
    (none,) = said("18:29:49 ERROR error in receive task: 1006 None. abnormal closure [internal]")

    assert isinstance(timed_out, wire.Closed)
    assert timed_out.side == "client"
    assert isinstance(none, wire.Closed)
    assert (none.code, none.side) == (1006, "unknown")


def test_a_close_that_the_session_logs_again_is_one_close() -> None:
    again = ONCE.replace("error in receive task", "Gemini Realtime API error")
    trace = TRACE.format(
        frames="received 1011 (internal error) x; then sent 1011", where="_recv_task", api="1011 None. x"
    )

    assert len(facts(f"{ONCE}\n{again}\n{trace}")) == 1
    bare = facts(f"{ONCE}\n{again}\n")
    assert [(type(f.said), f.repeats) for f in bare] == [(wire.Closed, False), (wire.Refused, True)]


def test_a_close_before_setup_complete_is_a_refusal() -> None:
    api = "1008 None. models/x is not found for API version v1alpha, or is not supported for bidiGenerateContent"
    trace = TRACE.format(frames="received 1008 (policy violation) models/x", where="_main_task", api=api)
    trace = trace.replace("in _receive", "in connect")
    (found,) = said(f"18:29:49 ERROR Gemini Realtime API error: {api}\n{trace}")

    assert isinstance(found, wire.Refused)
    assert (found.http_status, found.code) == (None, 1008)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RealtimeModel metrics", wire.Connected(0, None, None)),
        ("REALTIME", wire.Connected(0, 87.0, None)),
    ],
)
def test_the_metric_of_a_connect_is_a_connect(text: str, expected: wire.Connected) -> None:
    fields: dict[str, float] = {"ttft": -1, "input_tokens": 0, "output_tokens": 0}
    if expected.setup_ms is not None:
        fields |= {"acquire_time": 0.087}
    line = json.dumps({"message": text, "timestamp": "2026-11-22T18:24:39.887724+00:00", **fields})

    assert said(line) == [expected]


def test_the_metric_of_a_turn_is_its_end() -> None:
    (over,) = said('18:29:49.100 INFO REALTIME ttft=-1000ms duration=1500ms in_tok=90 out_tok=0 {"request_id": "r-1"}')

    assert over == TurnOver(1.5, silent=True)


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("2026-11-22T18:24:39.887724+00:00", Stamp("utc", 1795371879.887724, 1e-6)),
        ("2026-11-22T20:24:39+02:00", Stamp("utc", 1795371879.0, 1.0)),
        ("2026-11-22T18:24:39Z", Stamp("utc", 1795371879.0, 1.0)),
        ("2026-11-22 18:24:39,887", Stamp("local", 1795371879.887, 1e-3)),
        ("2026/11/22 18:24:39", Stamp("local", 1795371879.0, 1.0)),
        ("18:29:49", Stamp("day", 66589.0, 1.0)),
        ("18:29:49.25", Stamp("day", 66589.25, 1e-2)),
        ("Nov 22 18:29:49", Stamp("day", 66589.0, 1.0)),
    ],
)
def test_times(text: str, stamp: Stamp) -> None:
    found = read_stamp(f"{text} ERROR something")
    assert found is not None
    assert found[0].kind == stamp.kind
    assert found[0].s == pytest.approx(stamp.s, abs=1e-6)
    assert found[0].resolution_s == pytest.approx(stamp.resolution_s)
    assert stamp_of(text) == found[0]


@pytest.mark.parametrize("text", ["10 calls", "realtime_api.py:1066-1069", "2026-13-45 18:24:39", "25:00:00", ""])
def test_no_times(text: str) -> None:
    assert read_stamp(text) is None


def test_json_times_may_be_numbers() -> None:
    assert stamp_of(1795371879.5) == Stamp("utc", 1795371879.5, 1e-6)
    assert stamp_of(1795371879) == Stamp("utc", 1795371879.0, 1.0)
    assert stamp_of(1795371879500) == Stamp("utc", 1795371879.5, 1e-3)
    assert stamp_of(value=True) is None


def test_a_log_without_dates_goes_on_after_midnight() -> None:
    late, early = facts(f"{ONCE.replace('18:29:49', '23:59:59')}\n{ONCE.replace('18:29:49', '00:00:01')}")

    assert late.at is not None
    assert early.at is not None
    assert early.at.s - late.at.s == 2.0


@pytest.mark.parametrize(
    "prefix",
    ["", "agent-1  | ", "2026-11-22T18:29:49.123456789Z stderr F ", "\x1b[90m", "\r"],
    ids=["none", "compose", "containerd", "colours", "console"],
)
def test_what_containers_and_terminals_put_before_a_line_is_left_out(prefix: str) -> None:
    assert [fact.at for fact in facts(prefix + ONCE)] == [Stamp("day", 66589.0, 1.0)]
    assert len(facts(prefix + json.dumps({"message": ONCE[15:], "time": "2026-11-22T18:29:49Z"}))) == 1


def test_extra_fields_behind_a_plain_message_are_read() -> None:
    extra = '{"pid": 4, "job_id": "AJ_1", "room": "outbound-1-2"}'
    trace = TRACE.format(frames="no close frame received or sent", where="_recv_task", api="1006 None. x").rstrip()
    behind_message, behind_trace = facts(f"{ONCE} {extra}\n{ONCE}\n{trace} {extra}")

    assert behind_message.ids == behind_trace.ids == Ids(room="outbound-1-2", job="AJ_1", pid=4)


def test_lines_that_cannot_be_read_are_counted_and_the_first_is_named() -> None:
    reading = Reading()
    text = f'nothing yet\n{ONCE}\n{{"message": "torn\n{ONCE}\n{{"message": "error in receive task: 1011 No'

    assert len(facts(text, reading)) == 2
    assert (reading.lines, reading.unreadable, reading.first_unreadable) == (5, 3, "agent.log:1")


def test_entries_without_a_time_are_counted() -> None:
    reading = Reading()
    (found,) = facts(
        "ERROR:livekit.plugins.google:error in receive task: 1011 None. Internal error encountered.", reading
    )

    assert found.at is None
    assert reading.untimed == 1


@pytest.mark.parametrize("data", [b"\x7fELF\0\0", ONCE.encode("utf-16")])
def test_what_is_no_text_is_refused_with_file_and_line(data: bytes) -> None:
    with pytest.raises(RecordError, match=r"agent\.log:1: no text"):
        facts(data)


def test_a_packed_file_is_unpacked_also_if_its_end_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "agent.log.gz"
    packed = gzip.compress(f"{ONCE}\n".encode() + os.urandom(200_000).hex().encode())
    path.write_bytes(gzip.compress(f"{ONCE}\n".encode()))
    assert len(list(facts_of_files([path], Reading()))) == 1
    path.write_bytes(packed[:-1000])
    assert len(list(facts_of_files([path], Reading()))) == 1


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read"):
        list(facts_of_files([tmp_path], Reading()))


def test_what_rotation_made_since_the_run_began_is_read_first(tmp_path: Path) -> None:
    for number, name in enumerate(
        ["agent.log.2.gz", "agent.log-20261121", "agent.log.1", "agent.log", "agent.log.bak"]
    ):
        (tmp_path / name).write_text(ONCE)
        os.utime(tmp_path / name, (1000.0 + number, 1000.0 + number))
    log = tmp_path / "agent.log"

    assert [path.name for path in rotated(log, 1001.0)] == ["agent.log-20261121", "agent.log.1"]
    assert with_rotated(log, 0.0)[-1] == log


def test_memory_does_not_grow_with_the_log() -> None:
    endless = b"x" * 100_000  # a line of 6 MB
    other = json.dumps({"message": "hello", "timestamp": "2026-11-22T18:24:39Z", "text": "y" * 500}).encode() + b"\n"

    def chunks() -> Iterator[bytes]:
        yield ONCE.encode() + b"\n"
        for _ in range(60):
            yield endless
        yield b"\n"
        for _ in range(2_000):
            yield other
        for _ in range(8_000):
            yield b"  File " + b"z" * 600 + b"\n"

    reading = Reading()
    tracemalloc.start()
    found = list(facts_of_stream(chunks(), "agent.log", reading))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(found) == 1
    assert reading.lines == 10_002
    assert peak < 4 * MOST_BYTES


def test_what_is_kept_of_a_fact_is_the_fact() -> None:
    for path in LOGS.iterdir():
        for fact in facts_of_files([path], Reading()):
            assert read_fact(fact_line(fact)) == fact
