from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from loadtest_probe import wire
from loadtest_probe.guard import Guard
from loadtest_probe.ticker import Ticker


class Loop:
    """A loop whose time only moves when told, and whose callbacks run as late as told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        timer = (when, callback)
        self.timers.append(timer)
        return SimpleNamespace(cancel=lambda: self.timers.remove(timer))

    def run_next(self, late_s: float = 0.0) -> None:
        when, callback = self.timers.pop()
        self.now = when + late_s
        callback()


def test_a_blocked_loop_is_reported_with_how_late_it_was() -> None:
    loop, said = Loop(), list[wire.Message]()
    Ticker(loop, said.append, lambda: None, lambda: False, Guard())  # type: ignore[arg-type]
    for late_s in (0.0, 0.02, 0.32, 0.0):
        loop.run_next(late_s)
    assert said == [wire.AgentLag(320.0)]


def test_it_looks_on_although_a_look_fails_and_stops_when_told() -> None:
    loop, looks = Loop(), list[float]()

    def look() -> None:
        looks.append(loop.now)
        raise RuntimeError

    ticker = Ticker(loop, lambda _: None, look, lambda: False, Guard())  # type: ignore[arg-type]
    loop.run_next()
    loop.run_next()
    assert [round(now, 3) for now in looks] == [100.1, 100.2]
    ticker.stop()
    assert loop.timers == []


def test_it_looks_more_often_while_a_connection_may_begin() -> None:
    loop, starting = Loop(), [True]
    Ticker(loop, lambda _: None, lambda: None, lambda: starting[0], Guard())  # type: ignore[arg-type]
    loop.run_next()
    assert round(loop.timers[0][0] - loop.now, 3) == 0.025
    starting[0] = False
    loop.run_next()
    assert round(loop.timers[0][0] - loop.now, 3) == 0.1
