"""One call as its facts come: which connection is up since when, and what each that ended looked like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from loadtest.analyse.closes import MERGE_S
from loadtest.analyse.incident.result import UNKNOWN, What
from loadtest.record.agent_log.facts import (
    CalleeGone,
    CalleeThere,
    Fact,
    Ids,
    Job,
    JobOver,
    Spoken,
    TurnOver,
)
from loadtest.record.agent_log.stamps import Stamp, apart
from loadtest_probe import wire

__all__ = ["Ended", "LoggedCall", "Span", "ended_of", "is_hit", "is_server_1011"]

Span = tuple[float, float]
"""At least and at most so many seconds."""
AGAIN_S: Final = 1.0
"""A close that is logged a second time is logged so soon after the first."""
_ID = re.compile(r"\b(?=\w*\d)[0-9a-f]{8,}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4}\b")


class Ended(NamedTuple):
    """The end of one connection, or of an attempt at one."""

    what: What
    code: int | None
    http_status: int | None
    side: str
    reason: str
    phase: str
    age: Span | None
    after_speech: Span | None
    """Since the end of the callee's utterance, if no turn of the model had ended since."""
    at: Stamp | None
    where: str
    """`file:line`."""


def ended_of(fact: Fact, phase: str = UNKNOWN, age: Span | None = None, after: Span | None = None) -> Ended | None:
    """The end that a fact tells of; None if it tells of none."""
    where = f"{fact.file}:{fact.line}"
    match fact.said:
        case wire.Closed(code=code, reason=reason, side=side):
            return Ended("close", code, None, side, _ID.sub("…", reason), phase, age, after, fact.at, where)
        case wire.GoAway():
            return Ended("go_away", None, None, "server", "", phase, age, after, fact.at, where)
        case wire.Refused(http_status=status, code=code, reason=reason):
            side = "server" if status is not None or code not in (None, 1006) else "none"
            return Ended("refused", code, status, side, _ID.sub("…", reason), "setup", None, None, fact.at, where)
    return None


def is_server_1011(ended: Ended) -> bool:
    """What the rate counts."""
    return ended.what == "close" and ended.code == 1011 and ended.side == "server"


def is_hit(ended: Ended) -> bool:
    """The call lost a connection by it, or was refused one; what the client closed itself is left out."""
    return ended.what != "go_away" and ended.side != "client"


@dataclass(slots=True)
class LoggedCall:
    """State and sums of one call. job: by which its model may be known."""

    file: str
    number: int
    job: str | None = None
    model: str | None = None
    """Once it is asked for, it stays."""
    keys: list[tuple[str, str]] = field(default_factory=list)
    """By which it is known."""
    ids: Ids | None = None
    """Of its last fact that named it."""
    begun: Stamp | None = None
    over: Stamp | None = None
    """When the callee had gone, or the job's process ended, or of the last that is told."""
    told_over: bool = False
    connects: int = 0
    connected_s: float = 0.0
    turns: int = 0
    replies: int = 0
    tools: int = 0
    given_up: int = 0
    incidents: int = 0
    """1011s by the server, those within MERGE_S once."""
    exposed: int = 0
    """Of them those that ended a connection whose beginning is told."""
    hit: bool = False
    ended: list[Ended] = field(default_factory=list)
    reconnects: list[Span] = field(default_factory=list)
    """These two hold what no sum has yet."""
    kinds: set[object] = field(default_factory=set)
    """Kinds of ends for which it is counted already."""
    ends: int = 0
    """Of connections that were up, however they ended."""
    _up_since: Stamp | None = None
    _down_since: Stamp | None = None
    _spoken: Stamp | None = None
    _tool: Stamp | None = None
    _model_said: bool = False
    """A turn of the model has ended since the callee's last utterance."""
    _last_1011: Stamp | None = None
    _last_at: Stamp | None = None

    def take(self, fact: Fact) -> None:
        """The next fact of the call."""
        at, said = fact.at, fact.said
        if at is not None:
            self._last_at = at
        if self.told_over:
            return  # what a client does to its websocket after the hang-up
        match said:
            case Job() | CalleeThere():
                self.begun = self.begun or at
            case CalleeGone() | JobOver():
                self.told_over = True
                self.finish()
            case wire.SessionClosed():
                self.given_up += 1
            case wire.Connected():
                self._connected(at)
            case Spoken():
                self.turns += 1
                self._spoken, self._tool, self._model_said = at, None, False
            case TurnOver():
                self.replies += 1
                since_tool = apart(self._tool, at)
                if said.spoke or since_tool is None or since_tool[0] > AGAIN_S:
                    self._tool, self._model_said = None, True
            case wire.Tool():
                self.tools += 1
                self._tool = at
        if isinstance(said, wire.Closed | wire.GoAway | wire.Refused):
            self._end(fact)

    def finish(self) -> None:
        """Nothing more is told of it."""
        self._disconnected(self._last_at, told=self.told_over)
        self.over = self.over or self._last_at

    @property
    def lasted_s(self) -> float | None:
        """From its begin to its end; None if one of them is not told."""
        span = apart(self.begun, self.over) if self.told_over else None
        return None if span is None else sum(span) / 2

    def _connected(self, at: Stamp | None) -> None:
        self._disconnected(at)
        self.connects += 1
        if (took := apart(self._down_since, at)) is not None:
            self.reconnects.append(took)
        self._up_since, self._down_since = at, None

    def _disconnected(self, at: Stamp | None, *, told: bool = True) -> None:
        """told: it ended then; else at least until then it was up."""
        if (up := apart(self._up_since, at)) is not None:
            self.connected_s += sum(up) / 2 if told else up[0]
        self._up_since = None

    def _end(self, fact: Fact) -> None:
        at = fact.at
        ended = ended_of(fact, self._phase(), apart(self._up_since, at), self._since_speech(at))
        if ended is None or (fact.repeats and self._is_last(ended)):
            return
        self.ended.append(ended)
        self.hit = self.hit or is_hit(ended)
        if ended.what == "refused":
            self._down_since = self._down_since or at
            return
        self.ends += 1
        if is_server_1011(ended):
            since = apart(self._last_1011, at)
            if since is None or sum(since) / 2 > MERGE_S:
                self.incidents += 1
                self.exposed += self._up_since is not None
            self._last_1011 = at
        self._disconnected(at)
        self._down_since, self._spoken, self._tool = at, None, None

    def _is_last(self, ended: Ended) -> bool:
        if not self.ended:
            return False
        last = self.ended[-1]
        since = apart(last.at, ended.at)
        return (last.code, last.reason) == (ended.code, ended.reason) and (since is None or since[0] <= AGAIN_S)

    def _phase(self) -> str:
        if self._tool is not None:
            return "tool"
        if not self.turns:
            return UNKNOWN  # nor is it told when the callee had spoken
        return "idle or callee_speaking" if self._model_said else "awaiting_reply or replying"

    def _since_speech(self, at: Stamp | None) -> Span | None:
        return None if self._model_said or self._tool is not None else apart(self._spoken, at)
