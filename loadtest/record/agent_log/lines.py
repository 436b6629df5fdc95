"""An agent's log as lines: plain or gzip files, what rotation left of them, or a pipe, in constant memory."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.errors import RecordError

__all__ = ["MOST_BYTES", "Line", "file_chunks", "lines", "rotated", "with_rotated"]

MOST_BYTES: Final = 1 << 20
"""What is longer than that is cut: no fact is so far behind in a line."""
_CHUNK: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_ROTATED = re.compile(r"[.-](?:\d[\d_.-]*)?(?:\.?gz)?$")


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end. number: from 1."""

    file: str
    number: int
    text: str


def file_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked if gzip packed them. Raises RecordError if it cannot be read."""
    try:
        with path.open("rb") as raw, gzip.open(raw) if raw.peek(2)[:2] == _GZIP else raw as file:
            read = raw.read1 if file is raw else file.read  # of a pipe, what is there
            while chunk := read(_CHUNK):
                yield chunk
    except EOFError:
        return  # a packed file that is cut short, as while it is being written
    except (OSError, zlib.error) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise RecordError(
            f"{path}: the agent's log cannot be read: {why}",
            remedy="Name a file that you can read: the log of the agent's worker, plain or gzip.",
        ) from e


def lines(chunks: Iterable[bytes], file: str) -> Iterator[Line]:
    """Cut bytes into lines. Raises RecordError at the first that is no text."""
    number, rest = 0, b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            number += 1
            yield _line(file, number, line[:MOST_BYTES])
        rest = rest[:MOST_BYTES]
    if rest:
        yield _line(file, number + 1, rest)


def _line(file: str, number: int, data: bytes) -> Line:
    if b"\0" in data:
        raise RecordError(
            f"{file}:{number}: no text: a log has no zero bytes",
            remedy="Name the agent's log as UTF-8 text, plain or gzip; convert one that is UTF-16.",
        )
    return Line(file, number, data.rstrip(b"\r").decode(errors="replace"))


def rotated(path: Path, since: float) -> tuple[Path, ...]:
    """What rotation has made of a log since a UNIX time (`log.1`, `log-20261122.gz`, ...), the oldest first."""
    found = [
        (other.stat().st_mtime, other)
        for other in path.parent.glob(f"{_escaped(path.name)}[.-]*")
        if _ROTATED.fullmatch(other.name.removeprefix(path.name)) and other.is_file()
    ]
    return tuple(other for written, other in sorted(found) if written >= since)


def with_rotated(path: Path, since: float) -> tuple[Path, ...]:
    """A log with what rotation has made of it since then, in the order in which it was written."""
    return (*rotated(path, since), path)


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]*?])", r"[\1]", name)
