"""Most of a log is passed over unread; what the rest tells must be what reading all of it would tell."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from loadtest.record.agent_log import Reading, facts_of_stream
from loadtest.record.agent_log.entries import entries
from loadtest.record.agent_log.facts import _TELLS, Fact, LoopWatch, facts
from loadtest.record.agent_log.mentions import Mentions
from loadtest.record.agent_log.sift import WORDS, sifted
from loadtest_probe import wire

LOGS = Path(__file__).parent / "logs"
NOTE = Path(__file__).parents[2] / "data" / "incident.txt"
OF_NO_USE = ("event loop blocked for", "starting worker", "watching the event loop")
CLOSE = b"18:29:49 ERROR error in receive task: 1011 None. Internal error encountered."


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def sifted_facts(data: bytes, size: int, reading: Reading | None = None) -> list[Fact]:
    reading = reading or Reading()
    return of_use(facts(entries(sifted(cut(data, size), "agent.log", reading), reading)))


def all_facts(data: bytes, reading: Reading | None = None) -> list[Fact]:
    return of_use(facts_of_stream([data], "agent.log", reading or Reading()))


def of_use(found: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in found if not isinstance(fact.said, LoopWatch | wire.AgentLag)]


def among_others(data: bytes, seed: int) -> bytes:
    """Entries of a log, each with its lines, between others that tell nothing."""
    draws = random.Random(seed)
    json_lines = data.startswith(b"{") or b"\n{" in data
    out: list[bytes] = []
    for line in data.splitlines():
        starts_entry = line.startswith(b"{") or line[:2] in {b"18", b"20"}
        if starts_entry and draws.random() < 0.7:
            for _ in range(draws.randrange(5)):
                filler = {"message": "heartbeat " + "x" * draws.randrange(200), "timestamp": "2026-11-23T02:37:00Z"}
                out.append(json.dumps(filler).encode() if json_lines else line[:8] + b" INFO tick")
        out.append(line)
    return b"\n".join(out) + b"\n"


def test_every_word_by_which_facts_are_known_is_looked_for() -> None:
    begins = ["error in receive task", "error in send task", "Gemini Realtime API error", *(b for b, _ in _TELLS)]
    assert {begin.encode() for begin in begins if begin not in OF_NO_USE} == set(WORDS)


@pytest.mark.parametrize("size", [97, 4096, 1 << 16])
@pytest.mark.parametrize("path", [*sorted(LOGS.iterdir()), NOTE], ids=lambda path: path.name)
def test_no_fact_is_lost_and_none_is_added(path: Path, size: int) -> None:
    for data in (path.read_bytes(), among_others(path.read_bytes(), seed=size)):
        read_all, read = Reading(), Reading()
        assert sifted_facts(data, size, read) == all_facts(data, read_all)
        assert (read.lines, read.unreadable, read.first_unreadable) == (
            read_all.lines, read_all.unreadable, read_all.first_unreadable,
        )  # fmt: skip


def test_torn_lines_and_zero_bytes_are_counted_wherever_they_are() -> None:
    whole = json.dumps({"message": "tick", "timestamp": "2026-11-23T02:37:00Z"}).encode()
    torn_told = b'{"message": "error in receive task: 1011 No'
    reading = Reading()
    data = b"\n".join([whole, whole[:20], torn_told, b"\0\0\0" + whole, whole, CLOSE]) + b"\n"

    assert len(sifted_facts(data, 1 << 16, reading)) == 1
    assert (reading.lines, reading.unreadable, reading.first_unreadable) == (6, 3, "agent.log:2")


def test_what_is_no_log_at_all_is_counted_and_no_error() -> None:
    reading = Reading()
    assert sifted_facts(CLOSE.decode().encode("utf-16") * 10, 50, reading) == []
    assert reading.unreadable > 0


def test_midnights_are_counted_where_nothing_is_told_for_a_day() -> None:
    ticks = b"".join(
        b"%02d:%02d:00 INFO tick %s\n" % (hour, minute, b"x" * 200)
        for _ in range(2)
        for hour in range(24)
        for minute in range(60)
    )
    data = b"00:00:00 EOU speech=1\n" + ticks + b"00:00:01 EOU speech=2\n"
    first, last = sifted_facts(data, 1 << 16)

    assert first.at is not None
    assert last.at is not None
    assert last.at.s - first.at.s == 2 * 86400 + 1


def test_memory_does_not_grow_with_what_tells_nothing() -> None:
    line = json.dumps({"message": "y" * 500, "timestamp": "2026-11-22T18:24:39Z"}).encode() + b"\n"

    def chunks() -> Iterator[bytes]:
        yield CLOSE + b"\n"
        for _ in range(40):
            yield b"x" * 100_000  # a line of 4 MB
        yield b"\n"
        for _ in range(300):
            yield line * 100

    reading = Reading()
    tracemalloc.start()
    found = list(facts(entries(sifted(chunks(), "agent.log", reading), reading)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(found) == 1
    assert reading.lines == 30_002
    assert peak < 8 << 20


def test_models_and_versions_are_found_wherever_they_are_mentioned() -> None:
    mentions = Mentions()
    mentions.look(NOTE.read_bytes())
    assert mentions.model == "gemini-3.1-flash-live-preview"
    assert mentions.versions == {"1.6.0": 1}

    mentions = Mentions()
    mentions.look((LOGS / "json-1.8.9.jsonl").read_bytes())
    mentions.look(
        b'{"model": "models/gemini-a-live", "job_id": "AJ_1"}\n{"text": "gemini-2.5-flash"}\nuses gemini-b-live.\n'
    )
    assert mentions.versions == {"1.8.9": 1}
    assert mentions.of_job == {"AJ_1": "gemini-a-live"}
    assert set(mentions.models) == {"gemini-a-live", "gemini-b-live"}
    assert mentions.model is None
