"""history.html: every night there was, as one page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from loadtest.analyse.nightly.alarms import BASELINE_NIGHTS, LEAST_NIGHTS
from loadtest.report import history_words as say
from loadtest.report.history_view import History, NightRun
from loadtest.report.html.figures import Chart, Table
from loadtest.report.html.history_charts import arms_of, trend_charts
from loadtest.report.html.shell import Banner, fill
from loadtest.report.rows import outside_text, plural
from loadtest.report.words import NONE

__all__ = ["render_history"]

LATEST: Final = 14
"""Nights that the list shows at once."""
BANNERS: Final = {
    "rehearsal": Banner(
        "warn",
        "Rehearsal.",
        "The endpoints were simulated: no figure here is one of Google's.",
    ),
    "other": Banner(
        "warn", "Other endpoints.", "They are not known to be Google's: no figure here is one of Google's."
    ),
}
METHODS: Final = (
    (
        "Night",
        "One run of the scenario. One that does not count is a cross; no other night is held against it.",
    ),
    (
        "Against the control",
        (
            "What the provider does to all arms alike cancels in the ratio of candidate and control, or in their "
            "difference. Alarms and change points look at nothing else. The interval of a night is of its own blocks; "
            "nights differ by more than that, so that no night is judged by it."
        ),
    ),
    (
        "Alarm",
        (
            f"The night lies outside of what the last {BASELINE_NIGHTS} nights of its fingerprint let expect (a t "
            f"prediction interval, from {LEAST_NIGHTS} nights on), on that night at p below .001 or on two running at "
            "p below .01, made stricter the more series are watched. It is told once: the nights after it are a new "
            "baseline."
        ),
    ),
    (
        "Change point",
        (
            "Looking back over all nights: where the level of a series splits in two, found by e-divisive (energy "
            "statistic, permutation test at p = .001), if the levels differ by enough to matter."
        ),
    ),
    (
        "Fingerprint",
        (
            "All that makes nights comparable: arms, script, audio, settings, versions, machine. Nights of different "
            "fingerprints are never held against each other."
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRow:
    """A night in the list."""

    run: NightRun
    link: str | None
    """Its report, seen from the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The nights of one scenario."""

    key: str
    title: str
    facts: str
    banner: Banner | None
    last: Table
    changed: tuple[str, ...]
    alarms: tuple[str, ...]
    fingerprints: tuple[str, ...]
    charts: tuple[Chart, ...]
    latest: tuple[NightRow, ...]
    earlier: tuple[NightRow, ...]


def render_history(histories: Sequence[History], reports: Collection[str]) -> str:
    """The HTML. reports: ids of the runs whose folder, with its report.html, lies beside the page."""
    links = {run_id: f"{quote(run_id)}/report.html" for run_id in reports}
    several = len(histories) > 1
    groups = tuple(_group(history, f"s{i}", links, several=several) for i, history in enumerate(histories))
    charts = [chart for group in groups for chart in group.charts]
    return fill("history.html.j2", "history.js", charts, {}, groups=groups, methods=METHODS)


def _group(history: History, key: str, links: Mapping[str, str], *, several: bool) -> Group:
    runs = history.runs
    rows = tuple(NightRow(run=run, link=links.get(run.run_id)) for run in reversed(runs))
    invalid = sum(run.state != "complete" for run in runs)
    title = outside_text(history.scenario)
    return Group(
        key=key,
        title=title,
        facts=(
            f"{plural(len(runs), 'night')}, {runs[0].night.isoformat()} to {runs[-1].night.isoformat()} · "
            f"{invalid} invalid · fingerprint {runs[-1].fingerprint}"
        ),
        banner=BANNERS.get(runs[-1].kind),
        last=_last(history),
        changed=tuple(say.change(changed) for changed in reversed(history.changed)),
        alarms=tuple(say.alarm(alarm) for alarm in reversed(history.alarms)),
        fingerprints=tuple(
            f"{changed.night.isoformat()}: {say.fingerprint_change(changed)}"
            for changed in reversed(history.fingerprints)
        ),
        charts=tuple(trend_charts(history, key, links, f" · {title}" if several else "")),
        latest=rows[:LATEST],
        earlier=rows[LATEST:],
    )


def _last(history: History) -> Table:
    """The last night, a row a metric, a column an arm or a candidate against the control; beside it what was before."""
    columns = list(dict.fromkeys((trend.arm, trend.control) for trend in history.trends))
    found = {(trend.metric, trend.arm, trend.control): trend for trend in history.trends}
    arms = arms_of(history)
    columns.sort(key=lambda column: (column[1] is None, arms.index(column[0])))
    rows = []
    for metric in dict.fromkeys(trend.metric for trend in history.trends):
        cells = []
        for arm, control in columns:
            trend = found.get((metric, arm, control))
            cells.append(NONE if trend is None else say.figure(metric, control, trend.figures[-1]))
            cells.append(NONE if trend is None else say.value(metric, control, trend.before))
        rows.append((say.title(metric), *cells))
    heads = [
        head
        for arm, control in columns
        for head in (
            outside_text(arm) if control is None else f"{outside_text(arm)} / {outside_text(control)}",
            "before",
        )
    ]
    return Table(
        head=("", *heads),
        rows=tuple(rows),
        note=f"Before: the median of the nights before, {BASELINE_NIGHTS} at most, of the same fingerprint.",
    )
