"""Lines of an agent's log as entries: JSON lines or text, each with the lines that belong to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from loadtest.record.agent_log.lines import Line
from loadtest.record.agent_log.stamps import Stamp, begins_with_time, read_stamp, stamp_of

__all__ = ["Entry", "Reading", "begins_entry", "entries"]

_MOST_TEXT: Final = 64 * 1024
"""Of the lines that follow an entry's first one, no more is kept: a traceback tells all in that."""
_A_DAY_S: Final = 86400.0
_INDENT: Final = (" ", "\t")
_MOST_HEAD: Final = 128
_BEGINNINGS: Final = frozenset("0123456789[{\x1b\rTDINWECFJMASO")
"""Of times, levels and months, of JSON, and of what terminals add."""
_BACK_S: Final = 7200.0
"""Times that go back further than that are of the next day: no summer ends with more, and no lines change places."""
_LEVEL = r"(?:TRACE|DEBUG|DEV|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL)"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# What stands before the line that the agent wrote: its container's name, or containerd's own time and stream.
_CONTAINER = re.compile(r"^(?:[\w./-]{1,64} +\| |\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] )")
_HEAD = re.compile(rf"\s*(?:- )?[\[(]?(?P<level>{_LEVEL})\b[\])]?\s*(?:- |: ?)?", re.IGNORECASE)
_BASIC = re.compile(rf"(?P<level>{_LEVEL}):(?P<name>[\w.]+):(?P<message>.*)", re.DOTALL)
_NAME = re.compile(r"(?P<name>[A-Za-z_][\w.-]*) - |(?P<dotted>(?:livekit|[A-Za-z_]\w*(?:\.\w+)+))(?:: | +)")
_TIMES: Final = ("timestamp", "time", "ts", "@timestamp", "asctime", "datetime")
_LEVELS: Final = ("level", "levelname", "severity")
_MESSAGES: Final = ("message", "msg", "event", "text")
_NAMES: Final = ("name", "logger", "logger_name")
_TRACES: Final = ("exc_info", "exc_text", "exception", "traceback", "stack_trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was logged at once. line: its first one, from 1."""

    file: str
    line: int
    at: Stamp | None
    level: str | None
    name: str | None
    """Of the logger, where it is told."""
    message: str
    trace: str = ""
    """The traceback, or whatever else follows the message on lines of its own."""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """What is counted while a log is read."""

    lines: int = 0
    unreadable: int = 0
    """Lines that are neither an entry nor belong to one."""
    first_unreadable: str | None = None
    """`file:line` of the first of them."""
    entries: int = 0
    untimed: int = 0
    """Entries without a time."""

    def cannot_read(self, line: Line) -> None:
        self.unreadable += 1
        self.first_unreadable = self.first_unreadable or f"{line.file}:{line.number}"


def entries(read: Iterable[Line], reading: Reading) -> Iterator[Entry]:
    """Put lines together. A line without a time of its own belongs to the entry before it."""
    held: Entry | None = None
    more: list[str] = []
    room = _MOST_TEXT
    days = _Days()
    for line in read:
        reading.lines += 1
        text = _bare(line.text)
        if not text.strip():
            continue
        found = None if _belongs(text) else _entry(line, text)
        if found is None and (held is None or text.lstrip().startswith("{")):
            reading.cannot_read(line)
            continue
        if found is None:
            if room > 0:
                more.append(text)
                room -= len(text)
            continue
        if held is not None:
            yield _with(held, more)
        reading.entries += 1
        reading.untimed += found.at is None
        at = days.counted(found.at)
        if at is not found.at:
            found = replace(found, at=at)
        held, more, room = found, [], _MOST_TEXT
    if held is not None:
        yield _with(held, more)


def begins_entry(text: str) -> bool:
    """A line is the first one of an entry, or was meant to be: what begins with a brace may be torn."""
    if _belongs(text):
        return False
    text = _bare(text)
    if text.lstrip().startswith("{") or _BASIC.fullmatch(text):
        return True
    return begins_with_time(text.removeprefix("["))


def _belongs(text: str) -> bool:
    """By its first character alone a line can begin no entry, as most of a traceback's cannot."""
    first = text[:1]
    if first in _INDENT:
        return text.lstrip()[:1] != "{"
    return first not in _BEGINNINGS and "|" not in text[:_MOST_HEAD]


def _bare(text: str) -> str:
    """Without colours, and without what stands before the line that the agent wrote."""
    if text[:1] in _INDENT or text[:1] == "{":
        return _COLOURS.sub("", text) if "\x1b" in text else text
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    head = text[:_MOST_HEAD]
    return (_CONTAINER.sub("", text) if "|" in head or " std" in head else text).lstrip("\r")


@dataclass(slots=True)
class _Days:
    """Counts midnights in a log that tells no dates, so that its times go on growing."""

    over: int = 0
    last_s: float = 0.0

    def counted(self, at: Stamp | None) -> Stamp | None:
        if at is None or at.kind != "day":
            return at
        self.over += at.s < self.last_s - _BACK_S
        self.last_s = at.s
        return replace(at, s=at.s + self.over * _A_DAY_S)


def _with(entry: Entry, more: list[str]) -> Entry:
    if not more:
        return entry
    fields, behind = entry.fields, list(more)
    if not fields:  # the message itself has several lines, and they stand behind its last one
        for number, line in enumerate(behind):
            behind[number], fields = _split_extra(line)
            if fields:
                break
    return replace(entry, trace="\n".join([*filter(None, [entry.trace]), *behind]), fields=fields)


def _entry(line: Line, text: str) -> Entry | None:
    if text.lstrip().startswith("{"):
        return _of_json(line, text)
    return _of_text(line, text)


def _of_json(line: Line, text: str) -> Entry | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    told = body.get("message")
    if isinstance(told, Mapping):  # a record that was put into another one's message
        body = {**body, **told}
    message, _, behind = str(_first(body, _MESSAGES) or "").partition("\n")
    return Entry(
        file=line.file,
        line=line.number,
        at=_time(body),
        level=_text(_first(body, _LEVELS)),
        name=_text(_first(body, _NAMES)),
        message=message,
        trace=str(_first(body, _TRACES) or behind)[:_MOST_TEXT],
        fields=body,
    )


def _of_text(line: Line, text: str) -> Entry | None:
    basic = _BASIC.fullmatch(text)  # what logging.basicConfig() prints has no time
    if basic is not None:
        return Entry(
            file=line.file, line=line.number, at=None, level=basic["level"].upper(), name=basic["name"],
            message=basic["message"],
        )  # fmt: skip
    opened = 1 if text.startswith("[") else 0
    stamp = read_stamp(text[opened:])
    if stamp is None:
        return None
    at, taken = stamp
    rest = text[opened + taken :].removeprefix("]" if opened else "")
    head = _HEAD.match(rest)
    level = None if head is None else head["level"].upper()
    rest = (rest if head is None else rest[head.end() :]).strip()
    named = _NAME.match(rest)
    if named is not None:
        rest = rest[named.end() :].lstrip()
    message, fields = _split_extra(rest)
    return Entry(
        file=line.file,
        line=line.number,
        at=at,
        level=level,
        name=None if named is None else named["name"] or named["dotted"],
        message=message,
        fields=fields,
    )


def _split_extra(text: str) -> tuple[str, Mapping[str, Any]]:
    """Message and what livekit-agents puts behind it, as JSON, in its dev mode."""
    if text.endswith("}"):
        at = text.find(' {"')
        while at >= 0:
            try:
                found = json.loads(text[at + 1 :])
            except ValueError:
                at = text.find(' {"', at + 1)
                continue
            return text[:at].rstrip(), found
    return text, {}


def _time(body: Mapping[str, Any]) -> Stamp | None:
    for key in _TIMES:
        value = body.get(key)
        if value is not None and (at := stamp_of(value)) is not None:
            return at
    return None


def _first(body: Mapping[str, Any], keys: Iterable[str]) -> Any:
    for key in keys:
        value = body.get(key)
        if value is not None and value != "":
            return value
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
