"""Which of a log's facts can be of a run, and of which of its calls: by job, room, process, or a field call_id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from loadtest.record.agent_log.facts import CalleeThere, Fact, Ids, Job, JobOver, LoopWatch
from loadtest.record.agent_log.stamps import Stamp
from loadtest.record.events import AgentJoined, CallStarted, Event, RoomCreated

__all__ = ["RunCalls", "calls_by_ids", "facts_of_run"]

_AGENT: Final = "agent-"
_A_DAY_S: Final = 86400.0


@dataclass(slots=True)
class RunCalls:
    """How a run's calls are known to the log of its agents."""

    rooms: dict[str, str] = field(default_factory=dict)
    """Call id by the room's name, and by its part before the number."""
    jobs: dict[str, str] = field(default_factory=dict)
    """Call id by the job's id."""
    window: tuple[float, float] = (float("-inf"), float("inf"))
    """UNIX time in which the run can lie."""

    def add(self, call_id: str, events: Iterable[Event]) -> None:
        """Learn how a call is known. What names a warm-up call names none of the run: nothing of it need be known."""
        for event in events:
            if isinstance(event, CallStarted | RoomCreated):
                # Where numbers are hashed the log has the number itself: what stands before it is the call's own.
                self.rooms[event.room] = self.rooms[_unnumbered(event.room)] = call_id
            elif isinstance(event, AgentJoined) and event.identity.startswith(_AGENT):
                self.jobs[event.identity.removeprefix(_AGENT)] = call_id


def calls_by_ids(known: RunCalls, ids: Ids) -> tuple[str | None, bool]:
    """The call that the ids name, None if they name none; and whether they name one that is not of the run."""
    job, room = ids.job, ids.room
    if job in known.jobs:
        return known.jobs[job], False
    if room is not None:
        call = known.rooms.get(room) or known.rooms.get(_unnumbered(room))
        return call, call is None
    if job is not None:
        return None, True
    return ids.call, False


def facts_of_run(read: Iterable[Fact], known: RunCalls, call_ids: frozenset[str]) -> Iterator[Fact]:
    """The facts that can be of the run, each with the id of its call if it names it, and without names of rooms.

    call_ids: of the run's calls. Facts of other jobs stay, marked as `elsewhere`: where one was up nothing can be put
    to a call by time alone.
    """
    known = replace(known, jobs=dict(known.jobs))
    processes: dict[tuple[str, int], tuple[str | None, bool]] = {}
    for fact in read:
        if isinstance(fact.said, LoopWatch) and fact.ids.job is None:
            yield replace(fact, ids=Ids())  # of a worker that may have been up long before the run
            continue
        ids = fact.ids
        call, elsewhere = calls_by_ids(known, ids)
        call = call if call in call_ids else None
        by_name = call is not None and (ids.job is not None or ids.room is not None)
        if not by_name and not _in_window(fact.at, known.window):
            continue
        process = None if ids.pid is None else (fact.file, ids.pid)
        if call is not None and ids.job is not None:
            known.jobs.setdefault(ids.job, call)
        if isinstance(fact.said, Job):
            process = None  # the worker's own, which serves all calls
        if call is None and not elsewhere and process in processes:
            call, elsewhere = processes[process]
        if process is not None and (call is not None or elsewhere):
            processes[process] = (call, elsewhere)
        if isinstance(fact.said, JobOver) and process is not None:
            processes.pop(process, None)
        if elsewhere and not isinstance(fact.said, Job | CalleeThere | JobOver):
            continue
        yield replace(fact, ids=Ids(job=ids.job, call=call, pid=ids.pid), elsewhere=elsewhere)


def _in_window(at: Stamp | None, window: tuple[float, float]) -> bool:
    if at is None or at.kind == "day":
        return at is not None
    # The zone of a local clock is not known: it can be half a day away.
    apart_s = 0.6 * _A_DAY_S if at.kind == "local" else 0.0
    return window[0] - apart_s <= at.s <= window[1] + apart_s


def _unnumbered(room: str) -> str:
    """`outbound-<8 hex>` of `outbound-<8 hex>-<number>`."""
    head, dash, _ = room.rpartition("-")
    return head if dash and head.startswith("outbound-") else room
