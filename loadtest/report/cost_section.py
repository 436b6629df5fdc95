"""What a run used of Google's endpoints, as estimated while it lasted."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.plan.prices import ASSUMPTIONS
from loadtest.report import words
from loadtest.report.rows import Row, Section
from loadtest.report.view import Summary, Usage

__all__ = ["cost_section"]


def cost_section(summary: Summary) -> Section:
    """Of all calls, warm-up included."""

    def row(label: str, cell: Callable[[Usage], str]) -> Row:
        found = (summary.usage.get(arm) for arm in summary.arms)
        return Row(label, tuple(words.NONE if one is None else cell(one) for one in found))

    priced = [one for one in summary.usage.values() if one.estimated_usd is not None]
    rows = [
        row("call minutes", lambda one: f"{one.call_minutes:.1f}"),
        row(
            "estimated cost",
            lambda one: "no known price" if one.estimated_usd is None else words.usd(one.estimated_usd),
        ),
    ]
    notes = ["Answered time, warm-up calls included."]
    if priced:
        total = sum(one.estimated_usd or 0.0 for one in priced)
        rows.append(Row("together", (f"{words.usd(total)}, estimated",), spans=True))
        dates = sorted({one.prices_as_of for one in priced if one.prices_as_of is not None})
        notes.append(
            f"Cost is an *upper* estimate by the prices published on {', '.join(dates)}: {'; '.join(ASSUMPTIONS)}."
        )
    return Section("cost", tuple(rows), tuple(notes))
