"""One writer of a results folder at a time: the run, one `loadtest measure` or `loadtest prune`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.errors import InUseError, RecordError
from loadtest.record.layout import RunFolder

__all__ = ["hold"]


@contextmanager
def hold(folder: RunFolder) -> Iterator[int]:
    """Keep other loadtests from writing into the folder. Raises InUseError if one holds it already.

    Gives the file descriptor of the lock: it is held until this process, and every one that inherits the descriptor,
    has let it go or has died. A file system without locks grants it to everybody.
    """
    try:
        lock = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as e:
        raise RecordError(
            f"{folder.path}: cannot be read: {e.strerror}", remedy="Name a results folder that you can read."
        ) from e
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise InUseError(
                f"{folder.path}: in use: its run is in progress, or it is being measured",
                remedy="Wait until that has ended, then try again.",
            ) from e
        except OSError:
            pass
        yield lock
    finally:
        os.close(lock)
