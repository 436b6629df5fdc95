"""Reading what was recorded, also after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import NewerError, RecordError
from loadtest.record.codec import decode
from loadtest.record.events import EVENTS_VERSION, CallStarted, Dropped, Event

__all__ = ["CallEvents", "read_events"]


@dataclass(frozen=True, slots=True)
class CallEvents:
    """A call's events in file order.

    unreadable counts complete lines that are no event; torn says that the last line was cut off (the writer was
    killed); unknown counts events of types from a later version.
    """

    events: tuple[Event, ...]
    unreadable: int
    unknown: int
    torn: bool


def read_events(path: Path) -> CallEvents:
    """Read an events.jsonl, skipping what cannot be read.

    Raises RecordError if the file itself cannot be read, NewerError if a newer loadtest wrote it.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise RecordError(
            f"{path}: cannot be read: {e.strerror or e}", remedy="Check that this is a complete results folder."
        ) from e
    *lines, rest = data.split(b"\n")
    events: list[Event] = []
    unreadable = unknown = 0
    for line in lines:
        if not line:
            continue  # written in another's stead, to end a line that may have been torn
        try:
            event = decode(line.decode())
        except ValueError:
            unreadable += 1
            continue
        if isinstance(event, CallStarted | Dropped) and event.version > EVENTS_VERSION:
            raise NewerError(str(path), event.version, EVENTS_VERSION)
        if event is None:
            unknown += 1
        else:
            events.append(event)
    return CallEvents(tuple(events), unreadable, unknown, torn=bool(rest))
