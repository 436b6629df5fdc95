"""Times as logs write them: with a zone, without one, or the hour of the day alone; to the second, or finer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

__all__ = ["Stamp", "apart", "begins_with_time", "not_before", "read_stamp", "stamp_of"]

Kind = Literal["utc", "local", "day"]

_TIME = r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60|\?\?)(?:[.,](?P<fraction>\d{1,9}))?"
_DATE = r"(?P<year>\d{4})[-/](?P<month>\d\d)[-/](?P<day>\d\d)"
_SYSLOG = r"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<mday>\d{1,2})"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d| UTC)?"
_STAMP = re.compile(rf"(?:(?:{_DATE}[T ]|{_SYSLOG} ))?{_TIME}{_ZONE}(?![\w:])")
_PARTS: Final = ("hour", "minute", "second", "fraction", "year", "month", "day", "zone")
_FINEST_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a log says that something was logged: at `s` or within `resolution_s` after it.

    kind: utc, `s` is UNIX time; local, the same by a clock whose zone is not told; day, seconds since a midnight of
    such a clock, which one is not told.
    """

    kind: Kind
    s: float
    resolution_s: float


def read_stamp(text: str) -> tuple[Stamp, int] | None:
    """The time at the beginning of a text, and how many characters it takes; None if there is none."""
    found = _STAMP.match(text)
    return None if found is None else _stamp(found)


def begins_with_time(text: str) -> bool:
    """A time, or what looks like one, stands at the beginning of a text."""
    return _STAMP.match(text) is not None


def stamp_of(value: object) -> Stamp | None:
    """The time in a JSON value: ISO 8601, or UNIX seconds or milliseconds."""
    if isinstance(value, str):
        found = read_stamp(value.strip())
        return None if found is None else found[0]
    if isinstance(value, int | float) and not isinstance(value, bool) and 1e9 < value < 1e14:
        milli = value >= 1e11
        whole_s = milli is False and float(value).is_integer()
        return Stamp("utc", value / 1000 if milli else float(value), 0.001 if milli else 1.0 if whole_s else _FINEST_S)
    return None


def _stamp(found: re.Match[str]) -> tuple[Stamp, int] | None:
    hour, minute, second, fraction, year, month, day, zone = found.group(*_PARTS)
    fraction = fraction or ""
    unknown = second == "??"
    seconds = 0.0 if unknown else int(second) + float(f"0.{fraction or 0}")
    resolution_s = 60.0 if unknown else max(_FINEST_S, 10.0 ** -len(fraction))
    of_day_s = int(hour) * 3600 + int(minute) * 60 + seconds
    if year is None:
        # Of a month and a day without a year no more is used than the hour: the run's own date tells the rest.
        return Stamp("day", of_day_s, resolution_s), found.end()
    midnight_s = _midnight_s(year, month, day)
    if midnight_s is None:
        return None
    return Stamp("utc" if zone else "local", midnight_s + of_day_s - _ahead_s(zone), resolution_s), found.end()


@lru_cache(maxsize=64)
def _midnight_s(year: str, month: str, day: str) -> float | None:
    """UNIX time; None if there is no such day."""
    try:
        return datetime(int(year), int(month), int(day), tzinfo=UTC).timestamp()
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _ahead_s(zone: str | None) -> float:
    zone = (zone or "").strip()
    if zone in {"", "Z", "UTC"}:
        return 0.0
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])).total_seconds()
    return -ahead if zone[0] == "-" else ahead


def not_before(at: Stamp, last: Stamp | None) -> Stamp:
    """A log is written in order: a time that is told to the minute is not before the line above it."""
    if last is None or last.kind != at.kind or not at.s < last.s < at.s + at.resolution_s:
        return at
    return replace(at, s=last.s, resolution_s=at.s + at.resolution_s - last.s)


def apart(first: Stamp | None, then: Stamp | None) -> tuple[float, float] | None:
    """At least and at most so many seconds lie between two times of one log, none of them negative; None: not known."""
    if first is None or then is None or first.kind != then.kind or then.s + then.resolution_s < first.s:
        return None
    return max(0.0, then.s - first.s - first.resolution_s), then.s + then.resolution_s - first.s
