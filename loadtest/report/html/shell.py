"""What every page is: one HTML file with its scripts, its styles and its data, that asks nothing of anybody."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from loadtest.report.html.figures import Chart

__all__ = ["Banner", "fill"]

STATIC: Final = files("loadtest.report.html") / "static"
CHARTS: Final = "charts.js"


@dataclass(frozen=True, slots=True)
class Banner:
    """What must be known before anything else is read."""

    tone: str
    title: str
    text: str


def fill(template: str, script: str, charts: Sequence[Chart], data: Mapping[str, Any], **context: Any) -> str:
    """The HTML of a template. script: file of its own script, which finds `data` and the charts in the page.

    Whatever came from a call, a scenario or an agent is escaped by the template or in the JSON.
    """
    own, plotly = _script(script), _plotly()
    return (
        _environment()
        .get_template(template)
        .render(
            policy=_policy([own, plotly]),
            style=Markup((STATIC / "report.css").read_text(encoding="utf-8")),
            plotly=Markup(plotly),
            script=Markup(own),
            data=htmlsafe_json_dumps({**data, "charts": [_drawn(chart) for chart in charts]}, dumps=_dumps),
            **context,
        )
    )


def _drawn(chart: Chart) -> dict[str, Any]:
    return {"key": chart.key, "traces": chart.traces, "layout": chart.layout}


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
def _script(name: str) -> str:
    return _inline("".join((STATIC / each).read_text(encoding="utf-8") for each in (CHARTS, name)))


def _inline(script: str) -> str:
    """As it stands between script tags: nothing in it ends them, and no line break changes under the hash."""
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")
