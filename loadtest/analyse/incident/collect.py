"""Facts of logs, as they come, into what the logs tell of an incident."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import polars as pl

from loadtest.analyse.bursts import bursts
from loadtest.analyse.incident.call import Ended, LoggedCall, ended_of
from loadtest.analyse.incident.result import Incident, LoggedBurst
from loadtest.analyse.incident.tally import Tally
from loadtest.analyse.incident.unknown import unknown
from loadtest.analyse.incident.whose import Calls
from loadtest.record.agent_log.entries import Entry, Reading
from loadtest.record.agent_log.facts import Fact
from loadtest.record.agent_log.mentions import Mentions
from loadtest.record.agent_log.stamps import Stamp

__all__ = ["Collected"]

MOST_CLOSES: Final = 200_000
"""So many are looked through for bursts; where there are more, the whole log is one."""
_Group = tuple[str | None, str]
"""Model, if it is told of the call itself; else the file, which may name one."""
_A_DAY_S: Final = 86400.0
A_MINUTE_S: Final = 60.0
"""`18:29:??` is neither the first nor the last time of a log that has others."""


@dataclass(slots=True)
class _Clock:
    """One clock of the logs: the times that it told, and what ended by it."""

    first: Stamp
    last: Stamp
    at_s: array[float] = field(default_factory=lambda: array("d"))
    call: array[int] = field(default_factory=lambda: array("q"))
    refused: array[int] = field(default_factory=lambda: array("b"))
    client: array[int] = field(default_factory=lambda: array("b"))
    group: list[_Group] = field(default_factory=list)


@dataclass(slots=True)
class Collected:
    """Is given entries, then facts, then asked. mentions: by file, of what has been read of it so far.

    model: of calls whose log does not tell theirs.
    """

    mentions: Mapping[str, Mentions]
    model: str | None = None
    _tallies: dict[_Group, Tally] = field(default_factory=lambda: defaultdict(Tally))
    _clocks: dict[str, _Clock] = field(default_factory=dict)
    _calls: Calls = field(init=False)
    _facts: int = 0
    _untimed: int = 0

    def __post_init__(self) -> None:
        self._calls = Calls(some=self._some, over=self._over, nobody=self._nobody)

    def seen(self, read: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, of which the times are noted."""
        for entry in read:
            if (at := entry.at) is not None:
                name = _clock_name(at, entry.file)
                clock = self._clocks.get(name)
                if clock is None:
                    self._clocks[name] = _Clock(at, at)
                elif at.resolution_s < A_MINUTE_S:
                    if at.s > clock.last.s:
                        clock.last = at
                    elif at.s < clock.first.s:
                        clock.first = at
            yield entry

    def take(self, fact: Fact) -> None:
        """The next fact, in the order of the logs."""
        self._facts += 1
        self._untimed += fact.at is None
        self._calls.take(fact)

    def incident(self, files: Iterable[str], reading: Reading, *, whole: bool) -> Incident:
        """All of it; nothing can be taken after that."""
        self._calls.finish()
        merged: dict[str | None, Tally] = defaultdict(Tally)
        for group, tally in self._tallies.items():
            merged[self._model(group)].add(tally)
        models = tuple(
            tally.result(model)
            for model, tally in sorted(merged.items(), key=lambda item: (item[0] is None, item[0] or ""))
        )
        found, looked = self._bursts()
        versions: Counter[str] = Counter()
        for one in self.mentions.values():
            versions.update(one.versions)
        began, ended = self._span()
        return Incident(
            files=tuple(files),
            lines=reading.lines,
            unreadable=reading.unreadable,
            first_unreadable=reading.first_unreadable,
            untimed=self._untimed,
            began=began,
            ended=ended,
            whole=whole,
            plugin=versions.most_common(1)[0][0] if versions else None,
            models=models,
            bursts=found,
            unknown=unknown(models, told=self._facts > 0, bursts_looked_for=looked),
        )

    def _group(self, call: LoggedCall) -> _Group:
        if call.model is None and call.job is not None and call.file in self.mentions:
            call.model = self.mentions[call.file].of_job.get(call.job)
        return call.model, call.file

    def _some(self, call: LoggedCall) -> None:
        group = self._group(call)
        for ended in call.ended:
            self._for_bursts(ended, call, group)
        self._tallies[group].add_ends(call)

    def _over(self, call: LoggedCall) -> None:
        self._tallies[self._group(call)].add_call(call)
        if call.job is not None and call.file in self.mentions:
            self.mentions[call.file].of_job.pop(call.job, None)

    def _nobody(self, fact: Fact) -> None:
        if not fact.repeats and (ended := ended_of(fact)) is not None:
            self._tallies[None, fact.file].add_unplaced(ended)

    def _for_bursts(self, ended: Ended, call: LoggedCall, group: _Group) -> None:
        if ended.at is None or ended.what == "go_away":
            return
        clock = self._clocks[_clock_name(ended.at, call.file)]
        if len(clock.at_s) <= MOST_CLOSES:
            clock.at_s.append(ended.at.s)
            clock.call.append(call.number)
            clock.refused.append(ended.what == "refused")
            clock.client.append(ended.side == "client")
            clock.group.append(group)

    def _bursts(self) -> tuple[tuple[LoggedBurst, ...], bool]:
        """Those of each clock; and whether all closes were looked through."""
        found = []
        looked = True
        for clock in self._clocks.values():
            looked = looked and len(clock.at_s) <= MOST_CLOSES
            if not looked or not clock.at_s:
                continue
            table = pl.DataFrame(
                {
                    "at_s": [at_s - clock.first.s for at_s in clock.at_s],
                    "call_id": list(clock.call),
                    "arm": [self._model(group) or "model not told" for group in clock.group],
                    "phase": ["setup" if refused else None for refused in clock.refused],
                    "side": ["client" if client else "server" for client in clock.client],
                },
                schema_overrides={"phase": pl.String},
            )
            for burst in bursts(table, clock.last.s + clock.last.resolution_s - clock.first.s):
                began = Stamp(clock.first.kind, clock.first.s + burst.start_s, clock.first.resolution_s)
                found.append(LoggedBurst(began=_text(began), burst=burst))
        return tuple(found), looked

    def _model(self, group: _Group) -> str | None:
        """The only model that its file names, or all files."""
        model, file = group
        if model is None and file in self.mentions:
            model = self.mentions[file].model
        if model is None:
            named = {name for one in self.mentions.values() for name in one.models}
            model = next(iter(named)) if len(named) == 1 else self.model
        return model

    def _span(self) -> tuple[str | None, str | None]:
        if len(self._clocks) != 1:
            return None, None
        (clock,) = self._clocks.values()
        return _text(clock.first), _text(clock.last)


def _clock_name(at: Stamp, file: str) -> str:
    """Hours of a day that is not told are of no other log's clock."""
    return f"day {file}" if at.kind == "day" else at.kind


def _text(at: Stamp) -> str:
    if at.kind == "day":
        return datetime.fromtimestamp(at.s % _A_DAY_S, UTC).strftime("%H:%M:%S")
    return datetime.fromtimestamp(at.s, UTC).strftime("%Y-%m-%d %H:%M:%S") + (" UTC" if at.kind == "utc" else "")
