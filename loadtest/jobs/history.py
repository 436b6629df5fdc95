"""`loadtest history`: the figures of all nights as text, page and JSON; making them anew; letting old runs go."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadtest.errors import InUseError, LoadtestError, RecordError
from loadtest.record.history import NAME, read_history, rebuild_rows
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.night import Night, NightState
from loadtest.record.run_json import RunInfo
from loadtest.record.writer import write_atomically

if TYPE_CHECKING:
    from loadtest.report.history_view import History

__all__ = ["PAGE", "Let", "Rebuilt", "let_go", "read_views", "rebuild", "write_page"]

PAGE: Final = "history.html"
REMOVING: Final = ".removing"
"""A run's folder goes in here before anything in it is removed: nobody ever meets half a run."""


def read_views(
    results: Path, *, metrics: Collection[str] = (), arms: Collection[str] = (), last: int | None = None
) -> tuple[History, ...]:
    """What the history in this folder says; see `history_views`. Raises RecordError, also if there is none."""
    from loadtest.report.history_view import history_views

    path = results / NAME
    frame = read_history(path)
    if not frame.height:
        raise RecordError(
            f"{path}: no night is in it" if path.exists() else f"{path}: there is no history",
            remedy="`loadtest nightly SCENARIO` begins one; from runs of nights that are here, "
            f"`loadtest history rebuild {results}` makes it.",
        )
    known = set(frame["arm"].unique())
    if strange := sorted(set(arms) - known):
        raise RecordError(
            f"{path}: no night has an arm {', '.join(strange)}", remedy=f"Its arms are {', '.join(sorted(known))}."
        )
    return history_views(frame, metrics=metrics, arms=arms, last=last)


def write_page(results: Path, histories: Sequence[History], path: Path | None = None) -> Path:
    """Write history.html, beside the runs unless `path` says where. Raises RecordError.

    Elsewhere it has no links to the runs' reports: a page names no place of a machine.
    """
    from loadtest.report.html.history import render_history

    page = path or results / PAGE
    beside = page.resolve().parent == results.resolve()
    ids = [run.run_id for history in histories for run in history.runs] if beside else []
    reports = {run_id for run_id in ids if Path(run_id).name == run_id and (results / run_id / "report.html").is_file()}
    write_atomically(page, render_history(histories, reports).encode())
    return page


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of the history."""

    nights: int
    """Runs whose rows were made."""
    unfinished: tuple[str, ...]
    """Ids of runs whose night is not over."""
    failed: tuple[tuple[str, str], ...]
    """Id and what is wrong: of these the history keeps the rows that it had."""
    aside: Path | None
    """Where a history is that could not be read."""


def rebuild(results: Path) -> Rebuilt:
    """Make the rows of every night whose run is here anew. Those of runs that are gone stay. Raises RecordError."""
    from loadtest.jobs.night_rows import night_rows

    rows, made, unfinished, failed = [], 0, [], []
    for folder in _night_folders(results):
        try:
            if Night.read(folder).state is not NightState.COMPLETE:
                unfinished.append(folder.run_id)
                continue
            with hold(folder):
                rows += night_rows(folder)
            made += 1
        except LoadtestError as e:
            failed.append((folder.run_id, e.message))
    aside = rebuild_rows(results / NAME, rows)
    return Rebuilt(made, tuple(unfinished), tuple(failed), aside)


@dataclass(frozen=True, slots=True)
class Let:
    """What became of one run."""

    run_id: str
    freed_bytes: int
    """0: it stays."""
    stays: str | None
    """Why, though it was old enough."""


def let_go(results: Path, *, keep: int, ended_before: datetime | None, dry_run: bool) -> Iterator[Let]:
    """Remove the folders of old nights' runs, one after the other; their rows in the history stay.

    keep: the last so many nights of each scenario stay. ended_before: only runs that ended before it. A run whose
    night is not over, or that the history does not have, stays. Raises RecordError; what was told until then is gone.
    """
    if not dry_run:
        _remove(results / REMOVING)
    known = set(read_history(results / NAME)["run_id"].unique())
    for folder in _beyond(results, keep):
        try:
            with hold(folder):
                if ended_before is not None and _ended(folder) >= ended_before:
                    continue
                size = sum(path.lstat().st_size for path in folder.path.rglob("*") if not path.is_dir())
                if folder.run_id not in known:
                    yield Let(folder.run_id, 0, f"the history does not have it: `loadtest history rebuild {results}`")
                    continue
                if not dry_run:
                    _move_and_remove(folder.path, results / REMOVING)
                yield Let(folder.run_id, size, None)
        except InUseError:
            yield Let(folder.run_id, 0, "in use")


def _night_folders(results: Path) -> list[RunFolder]:
    """A link may lead to somebody else's folder: it is no run of these results."""
    found = sorted(path.parent for path in results.glob("*/night.json"))
    return [RunFolder(path) for path in found if not path.is_symlink()]


def _beyond(results: Path, keep: int) -> list[RunFolder]:
    """The runs of all nights that are over but the last `keep` of each scenario, the oldest first."""
    nights: dict[str, list[tuple[Night, RunFolder]]] = {}
    for folder in _night_folders(results):
        night = Night.read(folder)
        if night.state is NightState.COMPLETE:
            nights.setdefault(night.scenario, []).append((night, folder))
    found = []
    for of_scenario in nights.values():
        of_scenario.sort(key=lambda one: (one[0].night, one[0].run_id))
        found += of_scenario[: max(0, len(of_scenario) - keep)]
    return [folder for _, folder in sorted(found, key=lambda one: (one[0].night, one[0].run_id))]


def _ended(folder: RunFolder) -> datetime:
    info = RunInfo.read(folder)
    return datetime.fromisoformat(info.ended_utc or info.started_utc)


def _move_and_remove(path: Path, removing: Path) -> None:
    try:
        removing.mkdir(exist_ok=True)
        path.rename(removing / path.name)
    except OSError as e:
        raise RecordError(f"{path}: cannot be removed: {e.strerror or e}", remedy="Make its folder writable.") from e
    _remove(removing)


def _remove(path: Path) -> None:
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as e:
        raise RecordError(f"{path}: cannot be removed: {e.strerror or e}", remedy="Make it writable.") from e
