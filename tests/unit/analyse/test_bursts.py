"""Closes that come together are told from closes that happen to."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl

from loadtest.analyse.bursts import bursts
from loadtest.record.tables import read_table
from tests.unit.made_up import MadeUp

Closes = list[tuple[float, dict[str, Any]]]


def closes_at(tmp_path: Path, *closes: tuple[float, dict[str, Any]]) -> pl.DataFrame:
    run = MadeUp()
    for at_s, columns in closes:
        run.close(run.call("ga", 0), at_s, **columns)
    return read_table(run.write(tmp_path).table("closes"), "closes")


def test_calls_that_lose_their_connections_within_a_second_are_one_burst(tmp_path: Path) -> None:
    steady: Closes = [(60.0 * i, {}) for i in range(20)]
    at_once: Closes = [(605.0 + 0.1 * i, {}) for i in range(4)]
    refused: Closes = [(606.0 + i, {"phase": "setup", "code": None, "http_status": 503}) for i in range(3)]
    (burst,) = bursts(closes_at(tmp_path, *steady, *at_once, *refused), 1200)
    assert (burst.calls, burst.refused, burst.arms) == (4, 3, ("ga",))
    assert (burst.start_s, round(burst.end_s, 1)) == (605.0, 605.3)


def test_closes_that_come_one_by_one_are_none(tmp_path: Path) -> None:
    draws = random.Random(3)
    closes = closes_at(tmp_path, *((draws.uniform(0, 1800), {}) for _ in range(150)))
    assert bursts(closes, 1800) == ()


def test_what_the_client_closes_is_none_of_the_servers_bursts(tmp_path: Path) -> None:
    steady: Closes = [(60.0 * i, {}) for i in range(20)]
    by_client: Closes = [(605.0 + 0.1 * i, {"side": "client"}) for i in range(6)]
    assert bursts(closes_at(tmp_path, *steady, *by_client), 1200) == ()


def test_one_call_that_is_closed_again_and_again_is_no_burst(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    for i in range(8):
        run.close(call, 100 + 0.1 * i)
    assert bursts(read_table(run.write(tmp_path).table("closes"), "closes"), 1200) == ()
