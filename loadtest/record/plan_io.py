"""plan.parquet: every planned call, one row each."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from loadtest.errors import RecordError
from loadtest.plan.calls import PlannedCall
from loadtest.record.writer import write_atomically
from loadtest.scenario.callee import Pickup

__all__ = ["PLAN", "read_plan", "write_plan"]

PLAN: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "run_id": pl.String,
    "call_id": pl.String,
    "arm": pl.String,
    "block": pl.Int32,  # null in an incomplete last block
    "slot": pl.Int32,
    "pair": pl.Int32,
    "due_s": pl.Float64,
    "number": pl.String,
    "script": pl.String,
    "line_hashes": pl.List(pl.String),
    "ring_s": pl.Float64,
    "pickup": pl.String,  # answer | no_answer | busy | rejected
    "patience_s": pl.Float64,
    "seed": pl.Int64,
    "waits_s": pl.List(pl.Float64),
    "variables": pl.List(pl.Struct({"name": pl.String, "value": pl.String})),
}
"""Columns, in order."""
_ADDED: Final = {"waits_s", "variables"}
"""Columns that plans of earlier versions don't have."""


def write_plan(path: Path, calls: Sequence[PlannedCall]) -> None:
    """Write the calls in the order given; run_id is the name of the folder that `path` is in. Raises RecordError."""
    rows = [
        {
            **dataclasses.asdict(call),
            "run_id": path.parent.name,
            "pickup": call.pickup.value,
            "variables": [{"name": name, "value": value} for name, value in call.variables.items()],
        }
        for call in calls
    ]
    frame = pl.DataFrame([{column: row[column] for column in PLAN} for row in rows], schema=dict(PLAN), orient="row")
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())


def read_plan(path: Path) -> tuple[PlannedCall, ...]:
    """The calls of a plan, in its order. Raises RecordError."""
    try:
        frame = pl.read_parquet(path)
        columns = {column: kind for column, kind in PLAN.items() if column in frame.columns or column not in _ADDED}
        frame = frame.select([pl.col(column).cast(kind) for column, kind in columns.items()])
        return tuple(_call(row) for row in frame.drop("run_id").iter_rows(named=True))
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise RecordError(
            f"{path}: cannot be read as a plan: {error}",
            remedy="The plan is written before the first dial and never again: restore it from a copy of the run.",
        ) from error


def _call(row: dict[str, Any]) -> PlannedCall:
    return PlannedCall(
        **{
            **row,
            "line_hashes": tuple(row["line_hashes"]),
            "pickup": Pickup(row["pickup"]),
            "waits_s": tuple(row.get("waits_s") or ()),
            "variables": {each["name"]: each["value"] for each in row.get("variables") or ()},
        }
    )
