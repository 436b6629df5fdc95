"""Each metric from night to night: candidates against the control, and every arm by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loadtest.report import history_words as say
from loadtest.report.history_view import History, Trend
from loadtest.report.html.figures import DASHES, SYMBOLS, Chart, Table, arm_color, clean, whiskers
from loadtest.report.rows import outside_text

__all__ = ["MOST_ROWS", "arms_of", "trend_charts"]

INVALID: Final = "x-open"
MOST_ROWS: Final = 60
"""Nights in a chart's table; the chart has them all."""


def arms_of(history: History) -> tuple[str, ...]:
    """Controls first: an arm has its colour by its place in here."""
    controls = dict.fromkeys(trend.control for trend in history.trends if trend.control is not None)
    return tuple(dict.fromkeys([*controls, *(trend.arm for trend in history.trends)]))


def trend_charts(history: History, key: str, links: Mapping[str, str], behind: str = "") -> Iterator[Chart]:
    """Two charts a metric, or one where nothing is held against a control. key: of the history in its page. links: by
    run, where its report is. behind: what stands behind the titles, where a page has several histories."""
    for metric in dict.fromkeys(trend.metric for trend in history.trends):
        of_metric = [trend for trend in history.trends if trend.metric == metric]
        for held, end in ((True, "held"), (False, "own")):
            trends = [trend for trend in of_metric if (trend.control is not None) is held]
            if trends:
                yield _chart(history, trends, f"{key}-{metric.replace('_', '-')}-{end}", links, behind)


def _chart(history: History, trends: Sequence[Trend], key: str, links: Mapping[str, str], behind: str) -> Chart:
    metric, held = trends[0].metric, trends[0].control is not None
    title = say.title(metric)
    return Chart(
        key=key,
        title=f"{title[0].upper()}{title[1:]}{', against the control' if held else ''}{behind}",
        caption=_held_caption(metric) if held else "Of each arm by itself, with what the provider does to all arms.",
        traces=tuple(_traces(history, trends, links)),
        layout={
            "xaxis": {"type": "date"},
            "yaxis": _axis(metric, held=held),
            "shapes": [*_fingerprint_lines(history), *(_change_lines(history, metric) if held else ())],
            "annotations": list(_change_labels(history, metric)) if held else [],
        },
        table=_table(history, trends),
        height=300,
    )


def _held_caption(metric: str) -> str:
    scale = "The ratio of" if say.is_ratio(metric, "control") else "The difference between"
    return (
        f"{scale} candidate and control on each night, with that night's own interval, which is narrower than nights "
        "differ. Dashed: the night from which on it has changed. Dotted: another fingerprint. Stars: alarms."
    )


def _axis(metric: str, *, held: bool) -> dict[str, Any]:
    if held and say.is_ratio(metric, "control"):
        return {"title": {"text": "candidate / control"}, "type": "log"}
    unit = {"ms": "s", "share": "%"}.get(say.unit(metric), say.unit(metric))
    if held:
        unit = "points" if unit == "%" else unit
        return {"title": {"text": f"candidate - control, {unit}"}}
    return {"title": {"text": unit}, **({} if unit == "%" else {"rangemode": "tozero"})}


def _scale(metric: str, control: str | None) -> float:
    if say.is_ratio(metric, control):
        return 1.0
    return {"ms": 0.001, "share": 100.0}.get(say.unit(metric), 1.0)


def _traces(history: History, trends: Sequence[Trend], links: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    arms = arms_of(history)
    for trend in trends:
        index, scale = arms.index(trend.arm), _scale(trend.metric, trend.control)
        symbol = SYMBOLS[index % len(SYMBOLS)]
        there = [
            (run, figure, figure.estimate)
            for run, figure in zip(history.runs, trend.figures, strict=True)
            if figure is not None and figure.estimate is not None and _drawable(trend, figure.estimate)
        ]
        up = [scale * ((figure.high if figure.high is not None else value) - value) for _, figure, value in there]
        down = [scale * (value - (figure.low if figure.low is not None else value)) for _, figure, value in there]
        yield {
            "type": "scatter",
            "mode": "lines+markers",
            "name": outside_text(trend.arm),
            "meta": "run",
            "x": [run.night.isoformat() for run, _, _ in there],
            "y": clean([scale * value for _, _, value in there]),
            "error_y": {**whiskers(up, down, index), "thickness": 1, "width": 0},
            "customdata": [links.get(run.run_id) for run, _, _ in there],
            "text": [
                f"{run.night.isoformat()}: {say.figure(trend.metric, trend.control, figure)}"
                + ("" if run.state == "complete" else ", invalid")
                for run, figure, _ in there
            ],
            "line": {"color": arm_color(index), "dash": DASHES[index % len(DASHES)], "width": 1},
            "marker": {
                "color": arm_color(index),
                "size": 7,
                "symbol": [symbol if run.state == "complete" else INVALID for run, _, _ in there],
            },
            "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
        }
    if trends[0].control is not None:
        yield from _alarms(history, trends, links)


def _drawable(trend: Trend, value: float) -> bool:
    return value > 0 or not say.is_ratio(trend.metric, trend.control)


def _alarms(history: History, trends: Sequence[Trend], links: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    metric, arms = trends[0].metric, {trend.arm for trend in trends}
    told = [alarm for alarm in history.alarms if alarm.metric == metric and alarm.arm in arms]
    if told:
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": "alarm",
            "meta": "run",
            "x": [alarm.night.isoformat() for alarm in told],
            "y": clean([_level(metric, alarm.value) for alarm in told]),
            "customdata": [links.get(alarm.run_id) for alarm in told],
            "text": [say.alarm(alarm) for alarm in told],
            "marker": {"color": "$bad", "size": 15, "symbol": "star-open", "line": {"width": 2}},
            "hovertemplate": "%{text}<extra></extra>",
        }


def _level(metric: str, watched: float) -> float:
    """A watched number on the chart's axis."""
    return say.natural(metric, watched) * _scale(metric, "control")


def _fingerprint_lines(history: History) -> Iterator[dict[str, Any]]:
    for changed in history.fingerprints:
        yield _line(changed.night.isoformat(), "$muted", "dot")


def _change_lines(history: History, metric: str) -> Iterator[dict[str, Any]]:
    for changed in history.changed:
        if changed.metric == metric:
            color = arm_color(arms_of(history).index(changed.arm))
            yield _line(changed.point.night.isoformat(), color, "dash")


def _line(night: str, color: str, dash: str) -> dict[str, Any]:
    """From the bottom to the top of a chart."""
    line = {"color": color, "dash": dash, "width": 1.5}
    return {"type": "line", "x0": night, "x1": night, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _change_labels(history: History, metric: str) -> Iterator[dict[str, Any]]:
    for changed in history.changed:
        if changed.metric == metric:
            point = changed.point
            yield {
                "x": point.night.isoformat(),
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
                "text": f"{say.move(metric, point.before)}, then {say.move(metric, point.after)}: "
                f"confidence {100 * point.confidence:.1f} %",
                "font": {"color": arm_color(arms_of(history).index(changed.arm)), "size": 12},
            }


def _table(history: History, trends: Sequence[Trend]) -> Table:
    rows = [
        (
            run.night.isoformat() + ("" if run.state == "complete" else " (invalid)"),
            *(say.figure(trend.metric, trend.control, trend.figures[i]) for trend in trends),
        )
        for i, run in list(enumerate(history.runs))[: -MOST_ROWS - 1 : -1]
    ]
    note = (
        f"The last {MOST_ROWS} of {len(history.runs)} nights; `loadtest history --json` prints all."
        if len(history.runs) > MOST_ROWS
        else ""
    )
    return Table(head=("night", *(outside_text(trend.arm) for trend in trends)), rows=tuple(rows), note=note)
