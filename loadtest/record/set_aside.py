"""What a run left that is taken up again, and would be taken for the next part's: moved to aside/<n>/, never removed.

aside/<n>/ is laid out as the run's folder is. Nothing in it is in a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.record.writer import write_atomically

__all__ = ["new_aside", "set_calls_aside", "set_services_aside"]


def new_aside(folder: RunFolder) -> RunFolder:
    """Make the next aside/<n>/. Raises RecordError."""
    for n in range(1, 10_000):
        aside = folder.aside(n)
        try:
            aside.path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as e:
            raise _error(aside.path, e) from e
        return aside
    raise RecordError(f"{folder.path / 'aside'}: full", remedy="Start another run.")


def set_services_aside(folder: RunFolder, aside: RunFolder) -> None:
    """Services' logs, and all that is of the warm-up. Raises RecordError.

    A service is known to be up by what its log says: it must not find another's there.
    """
    for path in (folder.logs, folder.warmup("any").path.parent, folder.truth / "warmup.jsonl"):
        _move(path, aside.path / path.relative_to(folder.path))
    for path in sorted(folder.probe.glob("warmup-*")):
        _move(path, aside.probe / path.name)


def set_calls_aside(folder: RunFolder, aside: RunFolder, call_ids: Collection[str]) -> None:
    """All that is of these calls, in files of their own or in those of the run. Raises RecordError."""
    for call_id in call_ids:
        _move(folder.call(call_id).path, aside.call(call_id).path)
        _move(folder.probe / f"{call_id}.jsonl", aside.probe / f"{call_id}.jsonl")
    _split(folder.truth / "gemini.jsonl", aside.truth / "gemini.jsonl", lambda line: line.get("call_id") in call_ids)
    _split(folder.agent_log, aside.agent_log, lambda fact: fact.get("call") in call_ids)


def _move(path: Path, to: Path) -> None:
    if not path.exists():
        return
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        path.rename(to)
    except OSError as e:
        raise _error(path, e) from e


def _split(path: Path, to: Path, goes: Callable[[dict[str, Any]], bool]) -> None:
    """Move lines of a file of JSON lines. Killed in between, they are in both."""
    if not path.exists():
        return
    stay: list[bytes] = []
    go: list[bytes] = []
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as e:
        raise _error(path, e) from e
    for line in lines:
        try:
            body = json.loads(line)
        except ValueError:
            continue  # torn off by a kill; what is appended next must not hang on to it
        (go if isinstance(body, dict) and goes(body) else stay).append(line)
    if go or len(stay) < len(lines):
        write_atomically(to, b"".join(go))
        write_atomically(path, b"".join(stay))


def _error(path: Path, e: OSError) -> RecordError:
    return RecordError(
        f"{path}: cannot be set aside: {e.strerror or e}", remedy="Make the run's folder writable, then try again."
    )
