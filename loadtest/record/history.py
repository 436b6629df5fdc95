"""results/history.parquet: the figures of every night, one row for each run, metric, arm, and control if there is one.

The public contract is described in docs/history.md.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl
from filelock import FileLock, Timeout

from loadtest.errors import InUseError, NewerError, RecordError
from loadtest.record.writer import write_atomically

__all__ = ["COLUMNS", "NAME", "VALID_SHARE", "append_rows", "read_history", "rebuild_rows"]

NAME: Final = "history.parquet"
"""Of the file, in the folder in which the runs are."""
VALID_SHARE: Final = "valid_share"
"""The metric that is no metric of a comparison: the share of an arm's script turns that are valid."""

SCHEMA_VERSION: Final = 1
SCHEMA_KEY: Final = "loadtest_history"
WAIT_S: Final = 60.0
"""Somebody else's append takes well under a second."""

_S: Final = pl.Float64
COLUMNS: Final[Mapping[str, type[pl.DataType]]] = {
    "night": pl.Date,
    "run_id": pl.String,
    "started_utc": pl.String,
    "scenario": pl.String,
    "kind": pl.String,  # rehearsal, live or other
    "valid": pl.Boolean,  # the tester was well: what the run's summary says
    "state": pl.String,  # complete: it counts; invalid: it is shown, and nothing is held against it
    "fingerprint": pl.String,  # 12 hex
    "made_of": pl.String,  # what the fingerprint is of, a JSON object; on one row of a run, null on the others
    "metric": pl.String,
    "arm": pl.String,
    "control": pl.String,  # null: the arm's own figure
    "estimate": _S,  # in the metric's unit; with a control a ratio or a difference; null: not estimable
    "low": _S,
    "high": _S,
    "watched": _S,  # with a control: what alarms and change points look at, a log ratio or a difference
    "n": pl.Int64,  # valid script turns of the arm
}


def read_history(path: Path) -> pl.DataFrame:
    """The rows (columns: `COLUMNS`) of all nights, by night, start and run; none if there is no such file.

    Raises RecordError for a file that cannot be read, NewerError for one of a newer loadtest.
    """
    if not path.exists():
        return pl.DataFrame(schema=dict(COLUMNS))
    try:
        _check_schema(path)
        there = pl.read_parquet_schema(path)
        frame = pl.read_parquet(path, columns=[name for name in COLUMNS if name in there])
        lacking = [pl.lit(None).alias(name) for name in COLUMNS if name not in there]
        return frame.with_columns(lacking).select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RecordError(
            f"{path}: cannot be read as a history: {' '.join(str(e).split())}",
            remedy="`loadtest history rebuild` puts it aside and makes it anew from the runs beside it.",
        ) from e


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add the rows of one run or several, in the place of those that these nights had; all of them or, whatever happens
    in the meantime, none.

    Raises RecordError, also for a history that cannot be read: it is left as it is; InUseError if somebody else has
    been writing it for a minute; ValueError for rows with other columns than `COLUMNS`.
    """
    new = _frame(rows)
    if new.height:
        with _alone(path):
            _write(path, _joined(read_history(path), new))


def rebuild_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path | None:
    """As `append_rows`, but a history that cannot be read is put aside first. Returns where, or None.

    Rows of runs that are not among the new ones stay: their folders may have been removed.
    """
    new = _frame(rows)
    with _alone(path):
        aside = None
        try:
            old = read_history(path)
        except NewerError:
            raise
        except RecordError:
            aside = _put_aside(path)
            old = read_history(path)
        if aside is not None or new.height:
            _write(path, _joined(old, new))
    return aside


def _frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    listed = [dict(row) for row in rows]
    for row in listed:
        if row.keys() != COLUMNS.keys():
            raise ValueError(f"a row of the history lacks, or must not have: {', '.join(row.keys() ^ COLUMNS.keys())}")
    return pl.DataFrame(listed, schema=dict(COLUMNS), orient="row")


def _joined(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """A night of a scenario has one run, and the last one that is told of is it."""
    night = ["scenario", "night"]
    last = new.group_by(night).agg(pl.col("run_id").last())
    mine = new.join(last, on=[*night, "run_id"], how="semi", maintain_order="left")
    kept = old.join(last, on=night, how="anti", maintain_order="left").join(
        last, on="run_id", how="anti", maintain_order="left"
    )
    return pl.concat([kept, mine]).sort("night", "started_utc", "run_id", maintain_order=True)


def _write(path: Path, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True, metadata={SCHEMA_KEY: str(SCHEMA_VERSION)})
    write_atomically(path, buffer.getvalue(), durable=True)


def _check_schema(path: Path) -> None:
    found = pl.read_parquet_metadata(path).get(SCHEMA_KEY, "")
    if not found.isdecimal():
        raise pl.exceptions.SchemaError("it is some other table")
    if int(found) > SCHEMA_VERSION:
        raise NewerError(str(path), found, SCHEMA_VERSION)


def _put_aside(path: Path) -> Path:
    n = 1
    while (aside := path.with_name(f"{path.name}.unreadable-{n}")).exists():
        n += 1
    try:
        return path.rename(aside)
    except OSError as e:
        raise RecordError(
            f"{path}: cannot be put aside: {e.strerror or e}", remedy="Make its folder writable, then rebuild again."
        ) from e


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer at a time. The lock goes when its holder dies, and what that one left half written with it."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=WAIT_S):
            for left in path.parent.glob(f".{path.name}.*"):
                if left != lock:
                    with contextlib.suppress(OSError):
                        left.unlink()
            yield
    except Timeout as e:
        raise InUseError(
            f"{path}: somebody else has been writing it for {WAIT_S:.0f} s", remedy="Wait until that has ended."
        ) from e
    except OSError as e:
        raise RecordError(
            f"{path}: cannot be written: {e.strerror or e}", remedy="Check that its folder exists and is writable."
        ) from e
