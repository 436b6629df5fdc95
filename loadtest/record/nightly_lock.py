"""One nightly job in a results folder at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from loadtest.errors import InUseError, RecordError

__all__ = ["hold_nights"]

NAME: Final = ".nightly.lock"


@contextmanager
def hold_nights(results: Path) -> Iterator[None]:
    """Keep other nightly jobs out of the folder, until this process ends, however it does. Raises InUseError if one is
    in it; RecordError if the folder can't be written."""
    path = results / NAME
    try:
        results.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as e:
        raise RecordError(
            f"{path}: cannot be written: {e.strerror or e}",
            remedy="Name a folder that you can write to with --results.",
        ) from e
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise InUseError(
                f"{results}: another `loadtest nightly` is at work there",
                remedy="Wait until it has ended: it tells of its night itself. Two nights need two results folders.",
            ) from e
        except OSError as e:
            raise RecordError(
                f"{path}: cannot be locked: {e.strerror or e}",
                remedy="Put the results on a file system with locks: two jobs at once would spoil each other's nights.",
            ) from e
        yield
    finally:
        os.close(lock)
