"""Which call a fact of a log is of: by job, room, field call_id or process; or the only one that is up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from loadtest.analyse.incident.call import LoggedCall
from loadtest.record.agent_log.facts import Fact, Ids, Job, JobOver
from loadtest.record.agent_log.stamps import Stamp, not_before

__all__ = ["Calls"]

MOST_WAITING: Final = 10_000
"""Facts before the first that names a call."""
MOST_OPEN: Final = 5_000
"""Calls whose end is not told: beyond that, the one that was silent for longest is over."""
MOST_DONE: Final = 50_000
"""Jobs that are over, of which a last word may still come."""
MOST_ENDS: Final = 1_000
"""Ends of connections that one call holds."""
_Key = tuple[str, str]


@dataclass(slots=True)
class Calls:
    """Takes facts in the order of the logs.

    some: is given each call that holds many ends, to take them away, and once more when it is over. over: is given each
    call when nothing more is to come of it. nobody: each fact that is of no call for certain.
    """

    some: Callable[[LoggedCall], None]
    over: Callable[[LoggedCall], None]
    nobody: Callable[[Fact], None]
    _known: dict[_Key, LoggedCall] = field(default_factory=dict)
    _open: dict[int, LoggedCall] = field(default_factory=dict)
    """By number, the one that was silent for longest first."""
    _up: dict[str, dict[int, LoggedCall]] = field(default_factory=lambda: defaultdict(dict))
    """By file and number: those that the callee has not left."""
    _done: dict[str, None] = field(default_factory=dict)
    _waiting: list[Fact] = field(default_factory=list)
    """Facts of the file that is read, from before it named a call."""
    _file: str | None = None
    _named: bool = False
    """The file that is read has named a call."""
    _last: Stamp | None = None
    _count: int = 0

    def take(self, fact: Fact) -> None:
        """Put the next fact to its call."""
        if fact.file != self._file:
            self._settle(None)
            self._file, self._named, self._last = fact.file, False, None
        if fact.at is not None:
            at, self._last = not_before(fact.at, self._last), fact.at
            if at is not fact.at:
                fact = replace(fact, at=at)
        if fact.ids.job in self._done:
            return  # late words
        call = self._of(fact)
        if call is None:
            if self._named or len(self._waiting) >= MOST_WAITING:
                self.nobody(fact)
            else:
                self._waiting.append(fact)
            return
        if not self._named:
            self._named = True
            self._settle(None if isinstance(fact.said, Job) else call)
        call.take(fact)
        if len(call.ended) >= MOST_ENDS:
            self.some(call)
        if call.told_over:
            self._up[call.file].pop(call.number, None)
        if isinstance(fact.said, JobOver):
            self._close(call)

    def finish(self) -> None:
        """The logs are over."""
        self._settle(None)
        for call in list(self._open.values()):
            self._close(call)

    def _settle(self, call: LoggedCall | None) -> None:
        """What came before the first name is of the call that is named first, unless that began only then."""
        waiting, self._waiting = self._waiting, []
        for fact in waiting:
            if call is None:
                self.nobody(fact)
            else:
                call.take(fact)

    def _of(self, fact: Fact) -> LoggedCall | None:
        known = None if fact.ids.job is None else self._known.get(("job", fact.ids.job))
        if known is not None and known.ids == fact.ids and known.file == fact.file:
            self._open[known.number] = self._open.pop(known.number)
            return known
        keys = _keys(fact.ids)
        # Who is asked to take a job is the worker's own process, which serves all calls.
        of_process = fact.ids.pid is not None and not isinstance(fact.said, Job)
        process = ("process", f"{fact.file}\0{fact.ids.pid}") if of_process else None
        if not keys:
            up = self._up[fact.file]
            by_process = None if process is None else self._known.get(process)
            return by_process or (next(iter(up.values())) if len(up) == 1 else None)
        # A room can have several jobs, one after the other.
        found = (call for key in keys if (call := self._known.get(key)) is not None)
        call = next((call for call in found if fact.ids.job is None or call.job in (None, fact.ids.job)), None)
        call = self._new(fact.file) if call is None else call
        self._open[call.number] = self._open.pop(call.number)
        call.job = call.job or fact.ids.job
        call.ids = None if isinstance(fact.said, Job) else fact.ids
        for key in keys if process is None else (*keys, process):
            if self._known.get(key) is not call:
                self._known[key] = call
                call.keys.append(key)
        return call

    def _new(self, file: str) -> LoggedCall:
        if len(self._open) >= MOST_OPEN:
            self._close(next(iter(self._open.values())))
        self._count += 1
        call = LoggedCall(file, self._count)
        self._open[call.number] = self._up[file][call.number] = call
        return call

    def _close(self, call: LoggedCall) -> None:
        del self._open[call.number]
        self._up[call.file].pop(call.number, None)
        for key in call.keys:
            if self._known.get(key) is call:
                del self._known[key]
        if call.job is not None:
            self._done[call.job] = None
            if len(self._done) > MOST_DONE:
                del self._done[next(iter(self._done))]
        if not call.told_over:
            call.finish()
        self.some(call)
        self.over(call)


def _keys(ids: Ids) -> list[_Key]:
    named = (("job", ids.job), ("room", ids.room), ("call", ids.call))
    return [(kind, value) for kind, value in named if value is not None]
