"""What of an agent's log is of a run, kept in the run's folder; or read from there, or from the log itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from loadtest.errors import RecordError
from loadtest.record.agent_log.facts import Fact
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

    facts: int
    named: int
    """Of them, those that name a call of the run."""
    calls: int
    """Calls of the run that are named."""


def of_run(folder: RunFolder, read: Iterable[Fact]) -> Iterator[Fact]:
    """Those of a log's facts that can be of the run. Raises RecordError."""
    known, call_ids = _calls(folder)
    yield from facts_of_run(read, known, call_ids)


def keep_log(folder: RunFolder, read: Iterable[Fact]) -> Kept:
    """Write agent-log.jsonl of a run anew. Raises RecordError.

    If the log cannot be read to its end, what there was before stays.
    """
    facts = 0
    named: dict[str, int] = {}
    draft = folder.agent_log.with_name(f".{folder.agent_log.name}")
    draft.unlink(missing_ok=True)
    try:
        with JsonLines(draft) as out:
            out.write(json.dumps({"version": VERSION}))
            for fact in of_run(folder, read):
                out.write(fact_line(fact))
                facts += 1
                if fact.ids.call is not None:
                    named[fact.ids.call] = named.get(fact.ids.call, 0) + 1
        draft.replace(folder.agent_log)
    except OSError as e:
        raise RecordError(f"{folder.agent_log}: cannot be written: {e.strerror or e}", remedy="Make room.") from e
    finally:
        draft.unlink(missing_ok=True)
    return Kept(facts=facts, named=sum(named.values()), calls=len(named))


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
