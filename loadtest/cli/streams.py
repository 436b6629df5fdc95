"""Standard output and error that outlast their reader: a terminal that closed, a pager or `head` that went."""

from __future__ import annotations

import errno
import io
import sys
from typing import Any, TextIO

__all__ = ["keep_writable"]

GONE = {errno.EPIPE, errno.EIO}


class _Lasting(io.FileIO):
    """Takes what nobody reads any more. A run has hours of results to keep; a message is no reason to lose them."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in GONE:
                raise  # a full disk, say: what was asked for isn't there
            return memoryview(data).nbytes


def keep_writable() -> None:
    """Replace sys.stdout and sys.stderr, where they are the process's own."""
    sys.stdout = _lasting(sys.stdout, sys.__stdout__)
    sys.stderr = _lasting(sys.stderr, sys.__stderr__)


def _lasting(stream: TextIO, original: TextIO | None) -> TextIO:
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return stream  # somebody captures it
    stream.flush()
    raw = _Lasting(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream is sys.__stderr__,
    )
