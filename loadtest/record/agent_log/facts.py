"""What an agent's log tells of calls: as the probe's messages where the fact is the same, and a few facts more."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest.record.agent_log.closes import closed, goes_through, quoted, refused
from loadtest.record.agent_log.entries import Entry
from loadtest.record.agent_log.stamps import Stamp
from loadtest_probe import wire

__all__ = [
    "CalleeGone",
    "CalleeThere",
    "Fact",
    "Ids",
    "Job",
    "JobOver",
    "LoopWatch",
    "Said",
    "Spoken",
    "TurnOver",
    "facts",
]


@dataclass(frozen=True, slots=True)
class Job:
    """The worker was asked to take a call."""


@dataclass(frozen=True, slots=True)
class CalleeThere:
    """The callee's participant was found in the room."""


@dataclass(frozen=True, slots=True)
class CalleeGone:
    """The callee's participant had left, and the session ends for that."""


@dataclass(frozen=True, slots=True)
class JobOver:
    """The job's process ends."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """The agent took the callee's words for ended."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """A turn of the model ended. took_s: since its first message. spoke: it made audio; silent: it made nothing at all.

    None: not told.
    """

    took_s: float | None
    silent: bool
    spoke: bool | None = None


@dataclass(frozen=True, slots=True)
class LoopWatch:
    """From here on this worker's log tells when an event loop was blocked."""


LogOnly = Job | CalleeThere | CalleeGone | JobOver | Spoken | TurnOver | LoopWatch
Said = wire.Message | LogOnly


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """By what an entry can be put to a call; None: it does not say."""

    room: str | None = None
    job: str | None = None
    call: str | None = None
    """Value of a field `call_id`."""
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that the log tells. line: of its first one, from 1."""

    file: str
    line: int
    at: Stamp | None
    said: Said
    """Numbers of connections in it are 0: the log does not count them."""
    ids: Ids = field(default_factory=Ids)
    repeats: bool = False
    """Nothing tells whether it is a close, that was logged just before, once more."""
    elsewhere: bool = False
    """It is of a call that is not the run's; known once that was asked."""


_JOB = re.compile(r"\bAJ_\w+")
_ROOM = re.compile(r"\b[Rr]oom(?:[_ ]name)?[:=] ?\"?([\w.:+-]+[\w+])")
_PAIR = re.compile(r"\b(\w+)=(-?[\d.]+)(ms|s)?\b")
_BLOCKED = re.compile(r"event loop blocked for (\d+)ms")
_TIME_LEFT = re.compile(r"Time left:\s*([\d.]+)")
_LOOP_MONITOR: Final = (1, 8, 3)
"""livekit-agents tells of a blocked event loop from this version on."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def facts(read: Iterable[Entry]) -> Iterator[Fact]:
    """What the entries tell, in their order."""
    for entry in read:
        said, repeats = _said(entry)
        if said is not None:
            yield Fact(file=entry.file, line=entry.line, at=entry.at, said=said, ids=_ids(entry), repeats=repeats)


def _said(entry: Entry) -> tuple[Said | None, bool]:
    text = entry.message
    if text.startswith(("error in receive task", "error in send task")):
        return closed(entry), False
    if text.startswith("Gemini Realtime API error"):
        if goes_through(entry, "connect"):
            return refused(entry), False
        # A close is logged by the task that sees it, and then again; of one only told here nothing else is known.
        return (None, False) if goes_through(entry, "_recv_task", "_send_task", "_receive") else (refused(entry), True)
    for begins, tell in _BY_HEAD.get(text[:_HEAD], ()):
        if text.startswith(begins) and (told := tell(entry)) is not None:
            return told, False
    return None, False


def _going_away(entry: Entry) -> Said:
    left = _TIME_LEFT.search(entry.message)
    return wire.GoAway(0, float(left[1]) if left else None)


def _unrecoverable(entry: Entry) -> Said:
    return wire.SessionClosed("error", quoted(entry.message.partition("unrecoverable error")[2].lstrip(": ")))


def _worker(entry: Entry) -> Said | None:
    version = _VERSION.match(str(entry.fields.get("version", "")))
    return LoopWatch() if version and tuple(map(int, version.groups())) >= _LOOP_MONITOR else None


def _blocked(entry: Entry) -> Said | None:
    found = _BLOCKED.match(entry.message)
    return wire.AgentLag(float(found[1])) if found else None


def _tool(entry: Entry) -> Said | None:
    name = entry.fields.get("function")
    return wire.Tool(name, "called") if isinstance(name, str) else None


def _metric(entry: Entry) -> Said | None:
    """A metric of the realtime model: without tokens and without a turn it is a connect, else the end of a turn."""
    told = {name: float(value) * (0.001 if unit == "ms" else 1) for name, value, unit in _PAIR.findall(entry.message)}
    told |= {k: float(v) for k, v in entry.fields.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    tokens = [told[name] for name in ("in_tok", "input_tokens", "out_tok", "output_tokens") if name in told]
    request = entry.fields.get("request_id")
    if len(tokens) < 2:
        return None
    if request == "" or (request is None and not any(tokens) and told.get("ttft", 0.0) < 0):
        took_s = told.get("acquire_time")
        return wire.Connected(0, None if not took_s else took_s * 1000, None)
    audio = told.get("output_audio_tokens")
    return TurnOver(told.get("duration"), tokens[-1] == 0, None if audio is None else audio > 0)


# In the words of livekit-agents and its Google plugin, 1.6 and 1.8; of agents that log the metrics of their model.
_TELLS: tuple[tuple[str, Callable[[Entry], Said | None]], ...] = (
    ("Gemini server indicates disconnection soon", _going_away),
    ("AgentSession is closing due to unrecoverable error", _unrecoverable),
    ("event loop blocked for", _blocked),
    ("executing tool", _tool),
    ("starting worker", _worker),
    ("watching the event loop", lambda _: LoopWatch()),
    ("received job request", lambda _: Job()),
    ("RoomIO linked to participant", lambda _: CalleeThere()),
    ("closing agent session due to participant disconnect", lambda _: CalleeGone()),
    ("process exiting", lambda _: JobOver()),
    ("EOU", lambda _: Spoken()),
    ("REALTIME", _metric),
    ("RealtimeModel metrics", _metric),
)

_HEAD: Final = 3
_BY_HEAD: dict[str, list[tuple[str, Callable[[Entry], Said | None]]]] = defaultdict(list)
for _begins, _tell in _TELLS:
    _BY_HEAD[_begins[:_HEAD]].append((_begins, _tell))


def _ids(entry: Entry) -> Ids:
    fields, pid = entry.fields, entry.fields.get("pid")
    job = _text(fields, "job_id")
    room = _text(fields, "room") or _text(fields, "room_name") or _text(fields, "lk.pii.room_name")
    if job is None or room is None:
        whole = f"{entry.message}\n{entry.trace}"
        if job is None and (found := _JOB.search(whole)):
            job = found[0]
        if room is None and (named := _ROOM.search(whole)):
            room = named[1]
    return Ids(room=room, job=job, call=_text(fields, "call_id"), pid=pid if isinstance(pid, int) else None)


def _text(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and value else None
