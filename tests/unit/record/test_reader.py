"""What a kill left behind is read as far as it goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.errors import NewerError
from loadtest.record.reader import read_events


def test_a_line_that_was_ended_in_anothers_stead_damages_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"ringing","t":1.0}\n\n{"type":"answered","t":2.0}\n')
    read = read_events(path)
    assert [event.type for event in read.events] == ["ringing", "answered"]
    assert (read.unreadable, read.torn) == (0, False)


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"ringing","t":1.0}\nno event\n{"type":"answ')
    read = read_events(path)
    assert [event.type for event in read.events] == ["ringing"]
    assert (read.unreadable, read.torn) == (1, True)


@pytest.mark.parametrize("kind", ["call_started", "dropped"])
def test_events_of_a_newer_loadtest_are_refused(tmp_path: Path, kind: str) -> None:
    common = {"t": 0.0, "call_id": "0000-ga", "arm": "ga", "block": 0, "slot": 0, "due_s": 0.0, "version": 2}
    started = {"process": "callee-0", "number": "1", "room": "r", "ring_s": 0.0, "pickup": "answer", "patience_s": 4.0}
    more = started if kind == "call_started" else {"active": 3}
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({"type": kind, **common, **more}) + "\n")
    with pytest.raises(NewerError, match="written by a newer loadtest") as raised:
        read_events(path)
    assert "Update loadtest" in raised.value.remedy
