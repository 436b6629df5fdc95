"""What a chart is made of. Colours are roles, such as `$arm0`, that the page fills in for light, dark and paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["DASHES", "SYMBOLS", "Chart", "Floats", "Ints", "Table", "arm_color", "clean", "thin", "whiskers"]

DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "star", "cross")
COLORS: Final = 6

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The same in words and figures; what screen readers read, and paper shows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, what to see in it, and its table."""

    key: str
    """Unique in the page; letters and dashes."""
    title: str
    caption: str
    traces: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any]
    table: Table
    height: int = 340


def arm_color(index: int) -> str:
    """The role of an arm's colour; the control's is the first."""
    return f"$arm{index % COLORS}"


def thin(n: int, most: int) -> npt.NDArray[np.int64]:
    """At most `most` positions out of n, evenly spread, the first and the last among them."""
    if n <= most:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, most).round().astype(np.int64))


def clean(values: Sequence[float | None] | Floats, digits: int = 4) -> list[float | None]:
    """Numbers as JSON takes them: rounded, what is no number as null."""
    return [None if v is None or not np.isfinite(v) else round(float(v), digits) for v in values]


def whiskers(up: Sequence[float], down: Sequence[float], index: int) -> dict[str, Any]:
    """Error bars of an arm's points, from the point to either end of its interval."""
    return {
        "type": "data",
        "symmetric": False,
        "array": clean(up),
        "arrayminus": clean(down),
        "color": arm_color(index),
    }
