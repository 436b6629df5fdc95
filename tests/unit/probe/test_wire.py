from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args

import pytest

from loadtest_probe import wire

MESSAGES = [
    wire.Hello(12, "1.8.9", "1.8.9", "gemini-3.1-flash-live-preview", "room"),
    wire.Hello(12, None, None, None, None),
    wire.Connected(1, 68.2, False),
    wire.Connected(1, 68.2, False, "generativelanguage.googleapis.com"),
    wire.Closed(1, 1011, "Internal error encountered.", "server", "APIError"),
    wire.Closed(2, None, "", "unknown", "ValueError"),
    wire.GoAway(1, 50.0),
    wire.Refused(3, 503, None, "server rejected WebSocket connection: HTTP 503"),
    wire.Repeated(101, 102, 1.0, [{"end": "closed", "code": 1011, "count": 2, "open_s": 0.1}]),
    wire.LeftOut({"error": 7}),
    wire.Error(True, "APIError: 1011 Internal error encountered."),
    wire.SessionClosed("participant_disconnected", None),
    wire.AgentState("listening", "speaking"),
    wire.Generation("GR_1", "done", True),
    wire.Tool("look_up", "called"),
    wire.Transcript("callee", "Yes, please."),
    wire.Clock(7, 12.5),
    wire.AgentLag(320.5),
    wire.AgentLag(320.5, 12.5),
    wire.Bye(),
    wire.Unknown("later_invention", {"x": [1, 2]}),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_wire(message: wire.Message) -> None:
    line = wire.Line(4, 1234.5, message)
    assert wire.decode(wire.encode(line)) == line
    assert wire.decode(wire.encode(line).encode()) == line


def test_every_message_type_is_exercised() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(wire.Message))


def test_the_names_on_the_wire_are_the_agreed_ones() -> None:
    closed = json.loads(wire.encode(wire.Line(0, 1.0, wire.Closed(1, 1011, "r", "server", "APIError"))))
    expected = {"v", "seq", "t", "type", "n", "code", "reason", "side", "message", "phase"}
    assert (closed["v"], closed["type"], set(closed)) == (1, "closed", expected)
    assert (wire.VERSION, wire.TOPIC, wire.CLOCK_TOPIC) == (1, "loadtest.probe", "loadtest.clock")
    assert [field.name for field in fields(wire.Generation)] == ["id", "phase", "empty"]


def test_fields_of_a_later_version_are_skipped() -> None:
    line = wire.decode('{"v":2,"seq":1,"t":2.0,"type":"agent_lag","lag_ms":150,"colour":"red"}')
    assert line == wire.Line(1, 2.0, wire.AgentLag(150), v=2)


def test_lines_are_known_by_their_session_if_they_have_one() -> None:
    line = wire.Line(4, 1234.5, wire.Bye(), session="0a1b2c3d")
    assert wire.decode(wire.encode(line)) == line
    old = wire.decode('{"v":1,"seq":4,"t":1234.5,"type":"bye"}')
    assert old is not None
    assert (line.key, old.key) == (("0a1b2c3d", 4, 1234.5), (None, 4, 1234.5))


def test_what_cannot_be_written_as_utf_8_does_not_stop_a_line() -> None:
    text = wire.encode(wire.Line(0, 1.0, wire.Tool("half a \ud83d", "called")))
    assert text.encode()
    line = wire.decode(text)
    assert line is not None
    assert line.message == wire.Tool("half a ?", "called")


def test_a_connection_told_by_an_earlier_probe_has_no_host() -> None:
    line = wire.decode('{"v":1,"seq":1,"t":2.0,"type":"connected","n":1,"setup_ms":50.0,"resumed":false}')
    assert line is not None
    assert line.message == wire.Connected(1, 50.0, False, None)


def test_a_message_that_lacks_a_field_is_unknown_not_a_guess() -> None:
    line = wire.decode('{"v":1,"seq":1,"t":2.0,"type":"closed","n":1}')
    assert line is not None
    assert line.message == wire.Unknown("closed", {"n": 1})


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", "null", b"\xff\xfe", '{"v":1}', '{"v":1,"seq":0,"t":"now","type":"bye"}', '{"v":1,"seq":0,"t":1}'],
)
def test_what_is_no_message_is_none(data: Any) -> None:
    assert wire.decode(data) is None
    assert wire.decode_ping(data) is None


def test_a_ping_survives_the_wire() -> None:
    ping = wire.ClockPing(3, 99.25)
    assert wire.decode_ping(wire.encode_ping(ping)) == ping


def test_a_line_has_no_line_break() -> None:
    assert "\n" not in wire.encode(wire.Line(0, 0.0, wire.Error(None, "two\nlines")))
