"""The page of a run or of a comparison: all that its template takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.report.html.audio import Clip
from loadtest.report.html.calls import Worst
from loadtest.report.html.figures import Chart, Table
from loadtest.report.html.forest import HEIGHT, MARGIN_X, NULL_X, WIDTH, position
from loadtest.report.html.shell import Banner, fill
from loadtest.report.html.verdict import VerdictView
from loadtest.report.rows import Section
from loadtest.report.words import duration

__all__ = ["Banner", "GateView", "Page", "Part", "WorstView", "render"]


@dataclass(frozen=True, slots=True)
class GateView:
    """A condition, and whether it holds."""

    passed: bool
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class WorstView:
    """A call to listen to."""

    call: Worst
    clip: Clip | None
    served: bool
    """Its recording is in the run's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section of the page."""

    key: str
    title: str
    short: str
    """In the list of sections."""
    lead: str = ""
    charts: tuple[Chart, ...] = ()
    figures: tuple[Section, ...] = ()
    """Tables of the summary, a column an arm."""
    tables: tuple[tuple[str, Table], ...] = ()
    special: str = ""
    """What else stands in it: `worst`, `explore`, `methods`, `change`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the template takes."""

    title: str
    subtitle: str
    banners: tuple[Banner, ...]
    control: str | None
    verdicts: tuple[VerdictView, ...]
    no_verdict: str
    """Why there is none, if there is none."""
    gates: tuple[GateView, ...]
    parts: tuple[Part, ...]
    arms: tuple[str, ...]
    arm_order: tuple[str, ...]
    """As in the tables of the summary; in charts the control comes first."""
    blocks: int
    worst: tuple[WorstView, ...]
    methods: tuple[tuple[str, str], ...]
    change: tuple[str, ...]
    warnings: tuple[str, ...]
    data: Mapping[str, Any]
    """What the script draws: `calls` with `texts`, `runs`, `limit_s`, `thinned`."""


def render(page: Page) -> str:
    """The HTML. Whatever came from a call, a scenario or an agent is escaped by the template or in the JSON."""
    return fill(
        "report.html.j2",
        "report.js",
        [chart for part in page.parts for chart in part.charts],
        {"arms": page.arms, **page.data},
        page=page,
        forest={
            "width": WIDTH,
            "height": HEIGHT,
            "null": NULL_X,
            "margin": MARGIN_X,
            "ticks": [(position(at), str(abs(at))) for at in (-10, -1, 1, 10)],
        },
        duration=duration,
    )
