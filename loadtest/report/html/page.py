"""The page itself: one HTML file with its script, its styles, its data and some of its audio."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from loadtest.report.html.audio import Clip
from loadtest.report.html.calls import Worst
from loadtest.report.html.figures import Chart, Table
from loadtest.report.html.forest import HEIGHT, MARGIN_X, NULL_X, WIDTH, position
from loadtest.report.html.verdict import VerdictView
from loadtest.report.rows import Section
from loadtest.report.words import duration

__all__ = ["Banner", "GateView", "Page", "Part", "WorstView", "render"]

STATIC: Final = files("loadtest.report.html") / "static"


@dataclass(frozen=True, slots=True)
class Banner:
    """What must be known before anything else is read."""

    tone: str
    title: str
    text: str


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
    script, plotly = _script(), _plotly()
    data = {
        "arms": page.arms,
        "charts": [_drawn(chart) for part in page.parts for chart in part.charts],
        **page.data,
    }
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            policy=_policy([script, plotly]),
            style=Markup((STATIC / "report.css").read_text(encoding="utf-8")),
            plotly=Markup(plotly),
            script=Markup(script),
            data=htmlsafe_json_dumps(data, dumps=_dumps),
            forest={
                "width": WIDTH,
                "height": HEIGHT,
                "null": NULL_X,
                "margin": MARGIN_X,
                "ticks": [(position(at), str(abs(at))) for at in (-10, -1, 1, 10)],
            },
            duration=duration,
        )
    )


def _drawn(chart: Chart) -> dict[str, Any]:
    drawn = asdict(chart)
    return {name: drawn[name] for name in ("key", "traces", "layout")}


def _dumps(value: Any, **_: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _policy(scripts: Sequence[str]) -> str:
    """Nothing from outside, and no script but these two. Plotly writes a style sheet and style attributes of its own
    as it draws, which cannot be hashed: hence 'unsafe-inline' for styles. Without any address to fetch from, a style
    can tell nobody anything."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "media-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("loadtest.report.html"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _plotly() -> str:
    # From the package's data: importing plotly itself takes seconds.
    text = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return _inline(text)


@cache
def _script() -> str:
    return _inline((STATIC / "report.js").read_text(encoding="utf-8"))


def _inline(script: str) -> str:
    """As it stands between script tags: nothing in it ends them, and no line break changes under the hash."""
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")
