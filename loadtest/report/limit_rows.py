"""The validity strip: which limit was touched, how often, in which arm."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.analyse.limits import LimitUse
from loadtest.report import words
from loadtest.report.rows import BAD, PLAIN, Row, plural
from loadtest.report.view import Summary

__all__ = ["limit_rows"]


def limit_rows(summary: Summary) -> Iterator[Row]:
    """A row for each limit that was touched; one that says so if none was."""
    touched = [use for use in summary.limits if any(use.touched.values())]
    for use in touched:
        cells = tuple(_cell(use, arm) for arm in summary.arms)
        yield Row(f"{use.limit} > {_amount(use, use.value)}", cells, tone=BAD if not summary.valid else PLAIN)
    if not touched:
        yield Row("limits", (f"none of {len(summary.limits)} touched",), spans=True)


def _cell(use: LimitUse, arm: str) -> str:
    n, worst = use.touched[arm], use.worst[arm]
    if not n or worst is None:
        return words.NONE
    return f"{plural(n, use.counted[:-1])}, up to {_amount(use, worst)}"


def _amount(use: LimitUse, amount: float) -> str:
    return words.duration(amount) if use.limit.endswith("_ms") else f"{amount * 100:g} %"
