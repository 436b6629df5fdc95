"""What a kill left behind is read as far as it goes."""

from __future__ import annotations

from pathlib import Path

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
