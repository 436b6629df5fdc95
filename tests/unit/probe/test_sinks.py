from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loadtest_probe.guard import Guard
from loadtest_probe.sinks import ChannelSink, FileSink
from tests.unit.probe.fakes import Room


async def test_lines_of_the_file_are_written_in_order_and_by_another_thread(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "new" / "folder"), "a call", Guard())
    for number in range(100):
        sink.write(str(number))
    await sink.close(10.0)
    (file,) = (tmp_path / "new" / "folder").iterdir()
    assert file.name == "a_call.jsonl"
    assert file.read_text().split() == [str(number) for number in range(100)]


@pytest.mark.parametrize("name", ["../../etc/passwd", "x" * 1000, "\ud800", "", ".", "a/b\0c"])
async def test_a_file_has_a_harmless_name_whatever_the_call_is_called(tmp_path: Path, name: str) -> None:
    sink = FileSink(str(tmp_path), name, Guard())
    sink.write("line")
    await sink.close(10.0)
    (file,) = tmp_path.iterdir()
    assert file.read_text() == "line\n"


async def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "call.jsonl"
    file.symlink_to("/dev/full")
    sink = FileSink(str(tmp_path), "call", Guard())
    sink.write("lost")
    for _ in range(1000):
        if sink._torn:
            break
        await asyncio.sleep(0.01)
    assert sink._torn
    file.unlink()
    sink.write("kept")
    sink.write("also kept")
    await sink.close(10.0)
    assert file.read_text().split("\n") == ["", "kept", "also kept", ""]  # a torn line would end before them


async def test_a_channel_that_hangs_costs_the_agent_nothing_but_a_bounded_queue() -> None:
    opened, started = asyncio.Event(), asyncio.Event()

    async def stuck() -> None:
        started.set()
        await opened.wait()

    room = Room(publish=stuck)
    room.sent.append("")
    sink = ChannelSink(room, Guard())
    sink.write("0")
    await started.wait()
    for number in range(1, 1500):
        sink.write(str(number))
    opened.set()
    await sink.flush(10.0)
    sink.close()
    assert room.sent[1:] == [str(number) for number in range(1000)]
