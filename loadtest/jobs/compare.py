"""`loadtest compare`: from results folders to a comparison, and where it is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from loadtest.analyse.compare.compare import compare
from loadtest.analyse.compare.read import Material, read_runs
from loadtest.analyse.compare.result import SCHEMA_VERSION, Comparison
from loadtest.errors import ExitCode
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.writer import check_schema, write_json
from loadtest.report.comparison_object import comparison_object

__all__ = ["compare_read", "compare_runs", "hold_all", "keep_comparison"]


@contextmanager
def hold_all(folders: Sequence[RunFolder]) -> Iterator[None]:
    """Keep others from measuring these runs anew meanwhile. Raises InUseError, RecordError."""
    with ExitStack() as held:
        for folder in {folder.path.resolve(): folder for folder in folders}.values():
            held.enter_context(hold(folder))
        yield


def compare_runs(
    folders: Sequence[RunFolder],
    *,
    control: str | None = None,
    candidates: Sequence[str] = (),
    allowed: Collection[str] = (),
) -> Comparison:
    """Compare the arms of measured runs; see `read_runs` for what the arguments are, and what it raises."""
    return compare_read(read_runs(folders, control=control, candidates=candidates, allowed=allowed))


def compare_read(read: Material) -> Comparison:
    """Compare the arms of runs that have been read."""
    return compare(
        read.experiment,
        read.spec,
        candidates=read.candidates,
        control=read.control,
        gates=read.gates,
        runs=read.runs,
        kind=read.kind.value,
        scenario=read.scenario,
        planned_blocks=read.planned_blocks,
        exploratory=read.exploratory,
        confounded=read.confounded,
        warnings=read.warnings,
        seed=read.seed,
    )


def keep_comparison(path: Path, comparison: Comparison, code: ExitCode) -> None:
    """Write comparison.json. Raises RecordError; NewerError if there is one of a schema that this version does not
    know."""
    check_schema(path, SCHEMA_VERSION)
    write_json(path, comparison_object(comparison, code))
