"""Appending events as they happen, and replacing whole files atomically. No secret gets through: errors of SDKs that
are recorded can hold addresses with tokens in them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loadtest.errors import NewerError, RecordError
from loadtest.record.codec import encode
from loadtest.record.events import Event
from loadtest.redact import own_redactor

__all__ = ["EventWriter", "JsonLines", "check_schema", "write_atomically", "write_json"]


class JsonLines:
    """An append-only file of JSON lines; every line reaches the operating system before `write` returns.

    A process that is killed loses at most the line that it was writing. Raises RecordError if the folder cannot be
    written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._redactor = own_redactor(os.environ)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as e:
            raise _unwritable(path, e) from e

    def write(self, line: str) -> None:
        try:
            self._file.write(self._redactor.json_line(line).encode() + b"\n")
        except OSError as e:
            raise _unwritable(self._path, e) from e

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class EventWriter(JsonLines):
    """A call's events.jsonl."""

    def add(self, event: Event) -> None:
        self.write(encode(event))


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Replace `path` by `data`; readers see the old file or the new one, never a part. Raises RecordError.

    durable: so, too, if the machine loses its power.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    except OSError as e:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(path, e) from e


def check_schema(path: Path, known: int) -> None:
    """Raise NewerError if there is a file of a schema that this version does not know: it is not to be replaced."""
    try:
        found = json.loads(path.read_text())["schema_version"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not isinstance(found, int) or found > known:
        raise NewerError(str(path), found, known)


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = False) -> None:
    """`write_atomically` of readable JSON, keys in the order given."""
    value = own_redactor(os.environ).value(value)
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text.encode(), durable=durable)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unwritable(path: Path, e: OSError) -> RecordError:
    return RecordError(
        f"{path}: cannot be written: {e.strerror or e}",
        remedy="Check that the results folder exists, is writable and that the disk is not full.",
    )
