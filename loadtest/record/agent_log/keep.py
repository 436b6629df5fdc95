"""What of an agent's log is of a run, kept in the run's folder; or read from there, or from the log itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from loadtest.errors import RecordError
from loadtest.record.agent_log.facts import Fact, Job, LoopWatch
from loadtest.record.agent_log.of_run import RunCalls, facts_of_run
from loadtest.record.agent_log.store import VERSION, fact_line
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.reader import read_events
from loadtest.record.run_json import RunInfo
from loadtest.record.writer import JsonLines

__all__ = ["Kept", "keep_log", "of_run"]

SLACK_S = 900.0
"""What names no call is of the run if it was logged while that lasted, and a wrong clock may be off by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What came of reading a log for a run."""

    of_use: int
    """Facts that are, or by their time can be, of a call of the run."""
    calls: int
    """Calls of the run that are named."""


def of_run(folder: RunFolder, read: Iterable[Fact]) -> Iterator[Fact]:
    """Those of a log's facts that can be of the run. Raises RecordError."""
    known, call_ids = _calls(folder)
    yield from facts_of_run(read, known, call_ids)


def keep_log(folder: RunFolder, read: Iterable[Fact]) -> Kept:
    """Write agent-log.jsonl of a run anew. Raises RecordError.

    If the log cannot be read to its end, or nothing in it is of the run, what there was before stays.
    """
    of_use = 0
    calls: set[str] = set()
    names: dict[str, str] = {}
    draft = folder.agent_log.with_name(f".{folder.agent_log.name}")
    draft.unlink(missing_ok=True)
    try:
        with JsonLines(draft) as out:
            out.write(json.dumps({"version": VERSION}))
            for fact in of_run(folder, read):
                name = names.setdefault(fact.file, _short(fact.file, names))
                out.write(fact_line(replace(fact, file=name)))
                if fact.ids.call is not None:
                    calls.add(fact.ids.call)
                of_use += not (fact.elsewhere or isinstance(fact.said, LoopWatch | Job))
        if of_use:
            draft.replace(folder.agent_log)
    except OSError as e:
        raise RecordError(f"{folder.agent_log}: cannot be written: {e.strerror or e}", remedy="Make room.") from e
    finally:
        draft.unlink(missing_ok=True)
    return Kept(of_use=of_use, calls=len(calls))


def _short(file: str, names: Mapping[str, str]) -> str:
    """The file's name without its folder; with a number, if another one has it."""
    name = Path(file).name
    same = sum(one.partition("#")[0] == name for one in names.values())
    return f"{name}#{same + 1}" if same else name


def _calls(folder: RunFolder) -> tuple[RunCalls, frozenset[str]]:
    info = RunInfo.read(folder)
    known = RunCalls(window=(_unix(info.started_utc) - SLACK_S, _unix(info.ended_utc) + SLACK_S))
    call_ids = []
    for planned in read_plan(folder.plan):
        events = folder.call(planned.call_id).events
        if events.exists():
            known.add(planned.call_id, read_events(events).events)
            call_ids.append(planned.call_id)
    return known, frozenset(call_ids)


def _unix(utc: str | None) -> float:
    return float("inf") if utc is None else datetime.fromisoformat(utc).timestamp()
