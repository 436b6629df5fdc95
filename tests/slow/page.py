"""The table of what was simulated in docs/statistics.md, between its marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.slow.coverage import Covered, binomial
from tests.slow.verdicts import Rate

__all__ = ["COMPARISONS", "NIGHTS", "into", "page", "rate_tables"]

COMPARISONS = (
    "<!-- Written by `make slow`, from here. Do not edit: run it again. -->",
    "<!-- Written by `make slow`, to here. -->",
)
"""The marks between which these tables stand."""
NIGHTS = (
    "<!-- Nights, written by `make slow`, from here. Do not edit: run it again. -->",
    "<!-- Nights, written by `make slow`, to here. -->",
)

MANY = 10_000
"""Of so many, a hundredth of a percent is told."""


def into(text: str, tables: str, marks: tuple[str, str]) -> str:
    """The document with what stood between the marks replaced."""
    begin, end = marks
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    return f"{before}{begin}\n\n{tables}\n{end}{after}"


def page(covered: Sequence[Covered], rates: Mapping[str, Sequence[Rate]]) -> str:
    """rates: by the title of their table."""
    lines = [
        "How often nominal 95 % intervals held the truth. In brackets the binomial 95 % interval of the share; it must "
        "not lie outside what is asked.",
        "",
        "| scenario | metric | simulations | held, % | asked, % | truth above / below, % |",
        "|---|---|--:|---|---|---|",
        *map(_covered, covered),
        "",
        *_notes(covered),
        "",
        rate_tables(rates),
    ]
    return "\n".join(lines)


def rate_tables(rates: Mapping[str, Sequence[Rate]]) -> str:
    """rates: by the title of their table."""
    lines: list[str] = []
    for title, found in rates.items():
        lines += [f"{title}:", "", "| | simulations | came out, % | asked, % |", "|---|--:|---|---|"]
        lines += [*map(_rate, found), ""]
    return "\n".join(lines)


def _covered(one: Covered) -> str:
    if not one.given:
        return f"| {one.cell.name} | `{one.metric}` | {one.of} | no interval | | **BROKEN** |"
    below = one.given - one.held - one.above
    given = f"{one.of}" if one.given == one.of else f"{one.of}, {one.given} with an interval"
    asked = f"{100 * one.cell.least:g} to {100 * one.cell.most:g}"
    sides = f"{100 * one.above / one.given:.1f} / {100 * below / one.given:.1f}"
    held = f"{_share(one.held, one.given)}{_broken(kept=one.kept)}"
    return f"| {one.cell.name} | `{one.metric}` | {given} | {held} | {asked} | {sides} |"


def _notes(covered: Sequence[Covered]) -> list[str]:
    """Why something else than 93 to 97 is asked."""
    whys: dict[str, list[str]] = {}
    for one in covered:
        if one.cell.why and one.cell.name not in whys.get(one.cell.why, []):
            whys.setdefault(one.cell.why, []).append(one.cell.name)
    return [f"- {why}: *{'*, *'.join(names)}*" for why, names in whys.items()]


def _rate(rate: Rate) -> str:
    if rate.least > 0:
        asked = f"at least {100 * rate.least:g}" if rate.most >= 1 else f"{100 * rate.least:g} to {100 * rate.most:g}"
    else:
        asked = f"at most {100 * rate.most:.2g}" if rate.most < 1 else ""
    return f"| {rate.what} | {rate.n} | {_share(rate.count, rate.n)}{_broken(kept=rate.kept)} | {asked} |"


def _share(count: int, n: int) -> str:
    low, high = binomial(count, n)
    digits = 1 if n < MANY else 2
    return f"{100 * count / n:.{digits}f} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def _broken(*, kept: bool) -> str:
    return "" if kept else " **BROKEN**"
