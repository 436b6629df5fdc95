from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from loadtest_probe import wire
from loadtest_probe.guard import Guard
from loadtest_probe.ticker import Spent, Ticker, spent


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
    assert [lag.lag_ms for lag in said if isinstance(lag, wire.AgentLag)] == [320.0]


@pytest.mark.parametrize(
    ("computed_s", "queued_s", "waited_ms"),
    [
        pytest.param(0.32, 0.0, 0.0, id="it collected garbage"),
        pytest.param(0.12, 0.2, 200.0, id="others had the cores for 0.2 s of it"),
        pytest.param(0.0, 0.0, 320.0, id="it was stopped"),
        pytest.param(0.0, 0.4, 320.0, id="it queued before it was due as well"),
        pytest.param(0.4, 0.0, 0.0, id="it computed before it was due as well"),
    ],
)
def test_of_a_lag_is_told_how_long_the_loop_did_not_compute(
    computed_s: float, queued_s: float, waited_ms: float
) -> None:
    loop, said = Loop(), list[wire.Message]()
    accounts = iter([Spent(1.0, 2.0), Spent(1.001, 2.001), Spent(1.001 + computed_s, 2.001 + queued_s)])
    Ticker(loop, said.append, lambda: None, lambda: False, Guard(), lambda: next(accounts))  # type: ignore[arg-type]
    loop.run_next()
    loop.run_next(0.32)
    assert said == [wire.AgentLag(320.0, pytest.approx(waited_ms, abs=0.1))]  # type: ignore[arg-type]


def test_a_kernel_that_does_not_tell_leaves_it_open() -> None:
    loop, said = Loop(), list[wire.Message]()
    Ticker(loop, said.append, lambda: None, lambda: False, Guard(), lambda: None)  # type: ignore[arg-type]
    loop.run_next(0.32)
    assert said == [wire.AgentLag(320.0, None)]


@pytest.mark.skipif(spent() is None, reason="this kernel keeps no account of threads")
def test_the_account_is_of_the_thread_that_asks_and_grows_as_it_computes() -> None:
    told: list[Spent | None] = []

    def compute() -> None:
        told.append(spent())
        while time.thread_time() < 0.2:
            pass
        told.append(spent())

    thread = threading.Thread(target=compute)
    told.append(spent())
    thread.start()
    thread.join()
    told.append(spent())
    before, first, last, after = (one.computing_s for one in told if one is not None)
    assert last - first > 0.15
    assert after - before < 0.1


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
