"""The tables of a run: their columns, types and meaning. Public contract; docs/results.md is written from here.

Seconds are from the run's start; names that end in _ms are milliseconds. A null means: not known, or did not happen.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from loadtest.errors import NewerError, RecordError
from loadtest.record.writer import write_atomically

__all__ = ["ANALYSIS_VERSION", "TABLES", "check_table", "read_table", "table_analysis", "write_table"]

TABLES_VERSION = 1
SCHEMA_KEY = "loadtest_schema"

ANALYSIS_VERSION: Final = 2
"""Of everything between a recording and the tables. Raised by every change after which the same record can give other
numbers; figures of different versions are not to be compared."""
ANALYSIS_KEY = "loadtest_analysis"

REBUILD: Final = "Rebuild the tables from the raw record: `loadtest measure RUN`."

_S: Final = pl.Float64
_LEAD: Final = {"run_id": pl.String, "call_id": pl.String, "arm": pl.String, "block": pl.Int32, "slot": pl.Int32}

TABLES: Final[Mapping[str, Mapping[str, type[pl.DataType]]]] = {
    # Every planned call has one row, however the run ended.
    "calls": {
        **_LEAD,
        "due_s": _S,
        "dialled_s": _S,  # null: not dialled
        "room_s": _S,
        "dispatched_s": _S,
        "ringing_s": _S,
        "answered_s": _S,
        "agent_joined_s": _S,
        "track_s": _S,
        "greeting_s": _S,  # onset of the agent's first speech; null if it did not greet
        "greeting_latency_ms": _S,  # greeting_s - answered_s
        "ended_s": _S,
        "outcome": pl.String,
        "reason": pl.String,
        "end_cause": pl.String,
        "talk_s": _S,  # answered to ended
        "clock_uncertainty_ms": _S,  # of the agent's clock; null if no ping was answered
        "socket_s": _S,  # connected websocket time between dial and hang-up; null without probe or log
        "patience_s": _S,
        "packets_due": pl.Int64,  # of the agent's audio; null, like those that follow, without the SDK's statistics
        "packets_lost": pl.Int64,
        "concealed_ms": _S,
        "packets_sent": pl.Int64,
        "sent_lost": pl.Int64,
        "process": pl.String,
        "valid": pl.Boolean,
        "invalid_reason": pl.String,
    },
    # One row for each utterance of the callee but the goodbye.
    "turns": {
        **_LEAD,
        "turn": pl.Int32,
        "kind": pl.String,
        "line": pl.String,
        "speech_start_s": _S,
        "speech_end_s": _S,
        "reply_start_s": _S,
        "reply_end_s": _S,
        "latency_ms": _S,
        "outcome": pl.String,  # answered | no_reply | talked_over
        "lost": pl.Boolean,  # script turns: no reply before its re-prompt had ended, or within reply_limit
        "truncated": pl.Boolean,
        "disputed": pl.Boolean,  # the two detectors do not agree what was heard; null: there was only one
        "energy_outcome": pl.String,  # by the energy detector alone
        "energy_latency_ms": _S,
        "reprompts": pl.Int32,
        "stop_ms": _S,
        "talked_over_ms": _S,  # talked_over: for how much of the line the agent spoke as well
        "labels": pl.String,  # what was heard and is no ordinary reply, joined by "; "
        "connection_id": pl.String,
        "close_id": pl.String,
        "valid": pl.Boolean,
        "invalid_reason": pl.String,
    },
    "gaps": {
        **_LEAD,
        "turn": pl.Int32,
        "kind": pl.String,  # dead_air | mid_reply
        "start_s": _S,
        "end_s": _S,
        "gap_ms": _S,
        "excess_ms": _S,
        "patience_s": _S,
        "censored": pl.Boolean,
        "cause": pl.String,  # ws_close goaway refused stall empty_turn slow agent tester unknown
        "close_id": pl.String,
        "lost_turn": pl.Boolean,
        "resumed_over_callee": pl.Boolean,
        "evidence": pl.String,  # probe | agent_log | acoustic
    },
    "connections": {
        **_LEAD,
        "connection_id": pl.String,  # <call_id>/<n>
        "n": pl.Int32,
        "opened_s": _S,
        "setup_ms": _S,
        "closed_s": _S,
        "end": pl.String,  # hangup | close | goaway | refused | run_end
        "resumed": pl.Boolean,
        "host": pl.String,  # where the agent's client connected to; null: refused, or the probe does not know
        "evidence": pl.String,
    },
    "closes": {
        **_LEAD,
        "close_id": pl.String,  # <call_id>/close-<n>
        "connection_id": pl.String,
        "at_s": _S,
        "at_uncertainty_ms": _S,
        "code": pl.Int32,
        "reason": pl.String,
        "side": pl.String,  # server | client | none | unknown
        "phase": pl.String,  # setup | idle | callee_speaking | awaiting_reply | replying | tool
        "http_status": pl.Int32,
        "connection_age_s": _S,
        "session_age_s": _S,
        "reconnect_ms": _S,
        "resumed": pl.Boolean,
        "recovered": pl.Boolean,
        "audible": pl.Boolean,
        "evidence": pl.String,
    },
    "health": {
        "t_s": _S,
        "process": pl.String,
        "cpu": _S,
        "cpu_stall": _S,
        "loop_lag_ms": _S,
        "late_frames": pl.Int32,
        "suspended_s": _S,
        "wall_step_s": _S,
        "calls_active": pl.Int32,
        "calls_planned": pl.Int32,
    },
}


def write_table(path: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows of table `name`, in the order given; the same rows give the same bytes.

    Raises ValueError if a row has a column that the table has not; columns that a row lacks are null.
    """
    schema = TABLES[name]
    listed = list(rows)
    strange = {key for row in listed for key in row} - set(schema)
    if strange:
        raise ValueError(f"{name} has no column {', '.join(sorted(strange))}")
    frame = pl.DataFrame([{c: row.get(c) for c in schema} for row in listed], schema=dict(schema), orient="row")
    buffer = io.BytesIO()
    made_by = {SCHEMA_KEY: str(TABLES_VERSION), ANALYSIS_KEY: str(ANALYSIS_VERSION)}
    frame.write_parquet(buffer, compression="zstd", statistics=True, metadata=made_by)
    write_atomically(path, buffer.getvalue())


def check_table(path: Path) -> None:
    """Raise NewerError if the file is a table of a schema that this version does not know."""
    try:
        found = pl.read_parquet_metadata(path).get(SCHEMA_KEY, "1")
    except (OSError, pl.exceptions.PolarsError):
        return  # no such table, or none that anybody could read
    if not found.isdecimal() or int(found) > TABLES_VERSION:
        raise NewerError(str(path), found, TABLES_VERSION)


def table_analysis(path: Path) -> int | None:
    """The version of the analysis that made a table; None: one before versions were counted. Raises RecordError."""
    try:
        found = pl.read_parquet_metadata(path).get(ANALYSIS_KEY, "")
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RecordError(f"{path}: cannot be read as a table: {e}", remedy=REBUILD) from e
    return int(found) if found.isdecimal() else None


_DERIVED: Final[Mapping[str, Mapping[str, tuple[tuple[str, ...], pl.Expr]]]] = {
    "turns": {
        "lost": (("kind", "outcome"), pl.when(pl.col("kind") == "script").then(pl.col("outcome") == "no_reply")),
    },
    "calls": {
        "greeting_latency_ms": (("greeting_s", "answered_s"), (pl.col("greeting_s") - pl.col("answered_s")) * 1000),
    },
}
"""What follows from other columns, in tables that another tool wrote without it. By column: from which, and how."""


def read_table(path: Path, name: str, columns: Collection[str] | None = None) -> pl.DataFrame:
    """Read table `name`, or only those of its columns. Columns that a later version added are left out; those that an
    earlier one had not are null, unless they follow from others.

    Raises RecordError; NewerError if the table is of a schema that this version does not know.
    """
    try:
        check_table(path)
        there = set(pl.read_parquet_schema(path))
        if not there & set(TABLES[name]):
            raise pl.exceptions.ColumnNotFoundError(f"none of its columns: {', '.join(sorted(there))}")
        wanted = {c: t for c, t in TABLES[name].items() if columns is None or c in columns}
        frame = pl.read_parquet(path, columns=[c for c in wanted if c in there] or [next(iter(there))])
        whole = frame.select(
            [(pl.col(c) if c in there else pl.repeat(None, pl.len()).alias(c)).cast(t) for c, t in wanted.items()]
        )
        for column, (sources, value) in _DERIVED.get(name, {}).items():
            if column in wanted and there.issuperset(sources) and whole[column].null_count() == whole.height:
                known = pl.read_parquet(path, columns=list(sources)).select(value.cast(wanted[column]).alias(column))
                whole = whole.with_columns(known[column])
        return whole
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RecordError(
            f"{path}: cannot be read as table {name}: {e}",
            remedy=REBUILD,
        ) from e
