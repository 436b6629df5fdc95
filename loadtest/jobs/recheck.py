"""`loadtest measure --check`: do the tables of a run match what was recorded?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from loadtest.errors import RecordError
from loadtest.measure.run import measure_run
from loadtest.record.layout import RunFolder
from loadtest.record.tables import TABLES, table_analysis

__all__ = ["Checked", "Difference", "check_tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place where a table is not what measuring again makes of the record."""

    table: str
    row: int | None
    """From 0; None: the tables have other columns, or other numbers of rows."""
    call_id: str | None
    column: str | None
    on_disk: Any
    measured: Any

    def __str__(self) -> str:
        if self.row is None:
            return f"{self.table}: {self.on_disk} on disk, {self.measured} measured"
        call = "" if self.call_id is None else f" (call {self.call_id})"
        return f"{self.table}: row {self.row}{call}, {self.column}: {self.on_disk} on disk, {self.measured} measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of it."""

    analysis_on_disk: int | None
    same_bytes: tuple[str, ...]
    """Tables that are equal to the last byte."""
    same_values: tuple[str, ...]
    """Tables that hold the same and were written otherwise, as by another version of polars."""
    differences: tuple[Difference, ...]


def check_tables(
    folder: RunFolder, progress: Callable[[int, int], None] | None = None, *, second_opinion: bool = True
) -> Checked:
    """Measure a run again, beside its folder, and compare. Nothing in the folder changes. Raises RecordError."""
    missing = [name for name in TABLES if not folder.table(name).is_file()]
    if missing:
        raise RecordError(
            f"{folder.tables}: no table {', '.join(missing)}", remedy="Measure the run first: `loadtest measure RUN`."
        )
    same_bytes, same_values = [], []
    differences: list[Difference] = []
    with tempfile.TemporaryDirectory() as aside:
        measure_run(folder, progress, second_opinion=second_opinion, tables=Path(aside))
        for name in TABLES:
            path, again = folder.table(name), Path(aside) / folder.table(name).name
            if path.read_bytes() == again.read_bytes():
                same_bytes.append(name)
            elif found := list(_differences(name, _read(path), _read(again))):
                differences += found
            else:
                same_values.append(name)
    return Checked(
        analysis_on_disk=table_analysis(folder.table("turns")),
        same_bytes=tuple(same_bytes),
        same_values=tuple(same_values),
        differences=tuple(differences),
    )


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RecordError(f"{path}: cannot be read: {e}", remedy="Rebuild it: `loadtest measure RUN`.") from e


def _differences(table: str, on_disk: pl.DataFrame, measured: pl.DataFrame) -> Iterator[Difference]:
    def whole(left: str, right: str) -> Difference:
        return Difference(table=table, row=None, call_id=None, column=None, on_disk=left, measured=right)

    if on_disk.schema != measured.schema:
        yield whole(_only(on_disk.schema, measured.schema), _only(measured.schema, on_disk.schema))
        return
    if on_disk.height != measured.height:
        yield whole(f"{on_disk.height} rows", f"{measured.height} rows")
    for column in on_disk.columns:
        shared = min(on_disk.height, measured.height)
        left, right = on_disk[column].head(shared), measured[column].head(shared)
        for row in left.ne_missing(right).arg_true():
            yield Difference(
                table=table,
                row=row,
                call_id=on_disk["call_id"][row] if "call_id" in on_disk.columns else None,
                column=column,
                on_disk=left[row],
                measured=right[row],
            )


def _only(these: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    own = [f"{name} {kind}" for name, kind in these.items() if others.get(name) != kind]
    return f"columns {', '.join(own)}" if own else "none of them"
