"""What the sections of a report are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:  # what computes them takes long to import
    from loadtest.analyse.arm import ArmFigures
    from loadtest.report.view import Summary

__all__ = ["BAD", "PLAIN", "Row", "Section", "any_arm", "outside_text", "per_arm", "plural"]

Tone = Literal["plain", "bad"]
PLAIN: Final[Tone] = "plain"
BAD: Final[Tone] = "bad"


@dataclass(frozen=True, slots=True)
class Row:
    """A label and one cell for each arm; or, if it spans, one cell that speaks of all."""

    label: str
    cells: tuple[str, ...]
    spans: bool = False
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a title; notes say what the figures rest on."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def per_arm(summary: Summary, label: str, cell: Callable[[ArmFigures], str]) -> Row:
    """A row whose cells are made from each arm's figures."""
    return Row(label, tuple(cell(arm.figures) for arm in summary.arms.values()))


def any_arm(summary: Summary, test: Callable[[ArmFigures], bool]) -> bool:
    """Whether any arm passes the test."""
    return any(test(arm.figures) for arm in summary.arms.values())


def plural(n: int, one: str, many: str | None = None) -> str:
    """`1 call`, `2 calls`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def outside_text(text: str, most: int = 80) -> str:
    """Text that came from the other side of a call, fit to be shown: one short line without control characters."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
