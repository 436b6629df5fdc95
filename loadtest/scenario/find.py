"""Where a path in a scenario or script leads: beside the file that names it, or else among what comes with loadtest."""

from __future__ import annotations

import os.path
from pathlib import Path

from loadtest.scenario.problems import nearest
from loadtest.scenario.shipped import shipped

__all__ = ["find", "is_shipped", "missing"]


def find(file: Path, named: str) -> Path:
    """What `file` means by `named`; if there is no such file anywhere, where it would be beside it."""
    beside = Path(os.path.normpath(file.parent / named))
    if not beside.exists():
        ours = shipped(named)
        if ours is not None and ours.is_file():
            return ours
    return beside


def is_shipped(file: Path, named: str) -> bool:
    """Whether `find` leads past what is beside the file."""
    return find(file, named) != Path(os.path.normpath(file.parent / named))


def missing(what: str, file: Path, named: str) -> tuple[str, str]:
    """What was expected and found, and the remedy, when `find` leads to no file."""
    beside = Path(os.path.normpath(file.parent / named))
    ours = shipped(named)
    found = "the folder" if beside.is_dir() else "no file"
    among = "" if ours is None or ours == beside else f", nor among the shipped scenarios ({ours})"
    text = f'expected {what}; found {found} "{named}" ({beside}){among}'
    for place in (beside, *([ours] if ours else [])):
        close = _nearest_in(place)
        if close:
            return text, f'Did you mean "{named[: len(named) - len(Path(named).name)]}{close}"?'
    if not beside.parent.is_dir():
        return text, f"There is no folder {beside.parent}. Paths are relative to the file that names them."
    return text, "Correct the path, which is relative to the file that names it, or put the file there."


def _nearest_in(path: Path) -> str | None:
    try:
        names = {p.stem: p.name for p in sorted(path.parent.iterdir()) if p.is_file()}
    except OSError:
        return None
    close = nearest(path.stem, tuple(names))
    return names[close] if close else None
