"""Connections that came too fast for the probe to tell them one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from loadtest.measure.connection import Connection
from loadtest_probe import wire

__all__ = ["told_together"]

LIMIT = 10_000
"""No client makes more in the second or so that one message covers."""


def told_together(repeated: wire.Repeated, t_s: float) -> Iterator[Connection]:
    """Each of the attempts that the message of run time `t_s` counts, placed evenly in the time that it covers.

    Numbers, ends and the time for which they were open are as counted; which of them was when is known to `over_s`.
    """
    counted = [(end, max(0, int(end.get("count", 0)))) for end in repeated.ends]
    total = min(sum(count for _, count in counted), LIMIT)
    if not total:
        return
    step_s = repeated.over_s / total
    each = (end for end, count in counted for _ in range(min(count, LIMIT)))
    for place, end in zip(range(total), each, strict=False):
        opened_s = t_s - repeated.over_s + place * step_s
        open_s = min(step_s, float(end.get("open_s", 0.0)) / max(1, int(end.get("count", 1))))
        yield _connection(repeated.first_n + place, opened_s, opened_s + open_s, end)


def _connection(n: int, opened_s: float, closed_s: float, end: dict[str, Any]) -> Connection:
    kind, code, reason = end.get("end"), end.get("code"), str(end.get("reason") or "")
    if kind == "refused":
        return Connection(
            n=n,
            opened_s=None,
            ready_s=None,
            setup_ms=None,
            closed_s=closed_s,
            end="refused",
            resumed=None,
            failure=wire.Refused(n, end.get("http_status"), code, reason),
        )
    how: Literal["goaway", "close"] = "goaway" if kind == "go_away" else "close"
    failure = wire.Closed(n, code, reason, end.get("side") or "unknown", "") if kind == "closed" else None
    return Connection(
        n=n,
        opened_s=opened_s,
        ready_s=opened_s,
        setup_ms=None,
        closed_s=closed_s,
        end=how,
        resumed=end.get("resumed"),
        failure=failure,
    )
