"""The log of an agent's worker, read line by line: `log_facts` of files, or of whatever bytes come.

Reading knows nothing of runs and calls: what it finds is put to calls, and into run time, by `measure`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from loadtest.record.agent_log.entries import Reading, entries
from loadtest.record.agent_log.facts import Fact, facts
from loadtest.record.agent_log.lines import file_chunks, lines

__all__ = ["Reading", "facts_of_files", "facts_of_stream"]


def facts_of_stream(chunks: Iterable[bytes], name: str, reading: Reading) -> Iterator[Fact]:
    """What a log tells, as its bytes come. name: what to call it. Raises RecordError if it is no text."""
    return facts(entries(lines(chunks, name), reading))


def facts_of_files(paths: Iterable[Path], reading: Reading) -> Iterator[Fact]:
    """What logs tell, one after the other. Raises RecordError at one that cannot be read or is no text."""
    for path in paths:
        yield from facts_of_stream(file_chunks(path), str(path), reading)
