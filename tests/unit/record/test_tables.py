"""Tables that another tool wrote, by the contract alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from loadtest.record.tables import read_table, write_table


def without(path: Path, *columns: str) -> None:
    pl.read_parquet(path).drop(columns).write_parquet(path)


@pytest.mark.parametrize("there", [True, False])
def test_what_follows_from_other_columns_is_known_without_its_own(tmp_path: Path, there: bool) -> None:
    turns = tmp_path / "turns.parquet"
    rows = [
        {"call_id": "a", "kind": "script", "outcome": "answered"},
        {"call_id": "a", "kind": "script", "outcome": "no_reply"},
        {"call_id": "a", "kind": "reprompt", "outcome": "no_reply"},
    ]
    write_table(turns, "turns", rows)
    calls = tmp_path / "calls.parquet"
    write_table(calls, "calls", [{"call_id": "a", "answered_s": 2.0, "greeting_s": 2.5}, {"call_id": "b"}])
    if not there:
        without(turns, "lost")
        without(calls, "greeting_latency_ms")
    assert read_table(turns, "turns", ("call_id", "lost"))["lost"].to_list() == [False, True, None]
    assert read_table(calls, "calls")["greeting_latency_ms"].to_list() == [500.0, None]


def test_what_is_known_is_never_made_up_anew(tmp_path: Path) -> None:
    path = tmp_path / "turns.parquet"
    write_table(path, "turns", [{"kind": "script", "outcome": "no_reply", "lost": lost} for lost in (False, None)])
    assert read_table(path, "turns")["lost"].to_list() == [False, None]
