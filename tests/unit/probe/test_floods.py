"""An agent that fails without end is told of without end, but not with a line each time; and nothing is lost from the
count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loadtest_probe import wire
from loadtest_probe.budget import Budget
from loadtest_probe.connections import Connections
from loadtest_probe.guard import Guard
from loadtest_probe.reporter import Reporter
from tests.unit.probe.fakes import read


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


class Lines(list[str]):
    def write(self, line: str) -> None:
        self.append(line)


class CloseError(Exception):
    """A close frame of the server."""

    def __init__(self, code: int) -> None:
        self.rcvd = type("Frame", (), {"code": code, "reason": f"no. {code}"})
        self.sent = None


def followed() -> tuple[Connections, list[tuple[float, Any]], Clock]:
    clock = Clock()
    told: list[tuple[float, Any]] = []

    def report(message: wire.Message, t: float | None = None) -> None:
        told.append((clock.s if t is None else t, message))

    return Connections(report, now=clock), told, clock


def loop(
    connections: Connections,
    clock: Clock,
    times: int,
    every_s: float,
    end: Callable[[int], None],
) -> None:
    """Connect and lose the connection again and again, with the probe's regular looks in between."""
    for number in range(times):
        connections.connected(40.0, resumed=True, host=None)
        clock.s += every_s / 2
        end(number)
        clock.s += every_s / 2
        connections.look()


def counted(told: list[tuple[float, Any]]) -> dict[tuple[str, int | None], int]:
    """Ends of connections by kind and code, told one by one or together."""
    found: dict[tuple[str, int | None], int] = {}
    for _, message in told:
        ends: list[tuple[str, int | None, int]] = []
        match message:
            case wire.Closed(code=code):
                ends = [("closed", code, 1)]
            case wire.GoAway():
                ends = [("go_away", None, 1)]
            case wire.Refused(code=code):
                ends = [("refused", code, 1)]
            case wire.Repeated(ends=listed):
                ends = [(end["end"], end["code"], end["count"]) for end in listed]
        for kind, code, count in ends:
            found[kind, code] = found.get((kind, code), 0) + count
    return found


def test_a_hot_loop_of_reconnects_costs_three_lines_a_second_and_every_close_is_counted() -> None:
    connections, told, clock = followed()
    loop(connections, clock, 24 * 600, 1 / 24, lambda _: connections.failed(CloseError(1011)))  # ten minutes
    connections.flush()
    assert counted(told) == {("closed", 1011): 24 * 600}
    assert len(told) < 2 * 100 + 3 * 600
    assert [m.n for _, m in told if isinstance(m, wire.Connected)][:100] == list(range(1, 101))
    numbers = [n for _, m in told if isinstance(m, wire.Connected) for n in [m.n]]
    for _, message in told:
        if isinstance(message, wire.Repeated):
            numbers += range(message.first_n, message.last_n + 1)
            assert message.over_s <= 1.2
            assert sum(end["count"] for end in message.ends) == message.last_n - message.first_n + 1
    assert sorted(numbers) == list(range(1, 24 * 600 + 1))  # each attempt once
    assert [t for t, _ in told] == sorted(t for t, _ in told)


def test_different_ends_are_told_apart() -> None:
    connections, told, clock = followed()

    def end(number: int) -> None:
        match number % 3:
            case 0:
                connections.failed(CloseError(1011))
            case 1:
                connections.failed(CloseError(1008))
            case 2:
                connections.going_away(50.0)
                connections.failed(CloseError(1013))  # refused: there was none any more

    loop(connections, clock, 900, 0.05, end)
    connections.flush()
    ends = {("closed", 1011): 300, ("closed", 1008): 300, ("go_away", None): 300, ("refused", 1013): 300}
    assert counted(told) == ends
    reasons = {e["reason"] for _, m in told if isinstance(m, wire.Repeated) for e in m.ends if e["code"] == 1008}
    assert reasons == {"no. 1008"}


def test_the_connection_that_holds_at_last_is_told_with_its_time() -> None:
    connections, told, clock = followed()
    loop(connections, clock, 200, 0.05, lambda _: connections.failed(CloseError(1011)))
    connections.connected(40.0, resumed=False, host=None)
    at = clock.s
    for _ in range(20):
        clock.s += 0.1
        connections.look()
    assert told[-1] == (at, wire.Connected(201, 40.0, False, None))
    assert counted(told) == {("closed", 1011): 200}
    connections.failed(CloseError(1011))
    assert isinstance(told[-1][1], wire.Closed)


def test_hostile_ends_without_number_are_counted_under_few_names() -> None:
    connections, told, clock = followed()
    loop(connections, clock, 1000, 0.001, lambda number: connections.failed(CloseError(3000 + number)))
    connections.flush()
    repeated = [message for _, message in told if isinstance(message, wire.Repeated)]
    assert all(len(message.ends) <= 16 for message in repeated)
    assert sum(counted(told).values()) == 1000


@pytest.mark.parametrize("message", [wire.Error(True, "x"), wire.AgentState("a", "b"), wire.Clock(1, 2.0)])
def test_messages_that_come_without_end_are_left_out_and_counted(message: wire.Message) -> None:
    lines = Lines()
    report = Reporter([lines], Guard())
    for _ in range(5000):
        report(message)
    report.tell_left_out()
    report.tell_left_out()  # nothing new
    *told, last = read(lines)
    assert len(told) < 300
    assert isinstance(last, wire.LeftOut)
    assert last.counts == {wire.type_name(message): 5000 - len(told)}
    assert [wire.decode(line).seq for line in lines] == list(range(len(lines)))  # type: ignore[union-attr]


def test_a_budget_fills_again() -> None:
    clock = Clock()
    budget = Budget(burst=2, per_second=1.0, now=clock)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    clock.s += 1.0
    assert [budget.take() for _ in range(2)] == [True, False]
    clock.s += 3600.0
    assert [budget.take() for _ in range(3)] == [True, True, False]
