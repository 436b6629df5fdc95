"""What is told of a night that was held against those before it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from loadtest.analyse.nightly.alarms import LEAST_NIGHTS, Alarm, Tonight
from loadtest.analyse.nightly.prediction import Prediction
from loadtest.analyse.nightly.steps import Step, Told
from loadtest.record.checks import Check, Result
from loadtest.report.rows import plural
from loadtest.scenario.compared import COMPARED

__all__ = ["alarm_object", "change_checks", "change_objects", "confirmed"]

GROUP = "changes"


def change_checks(told: Told, run_id: str) -> tuple[Check, ...]:
    """A check for each series that has a baseline, and one for all that have none yet."""
    return tuple(_checks(told, run_id))


def change_objects(told: Told, run_id: str) -> tuple[dict[str, Any], ...]:
    """The changes that this run of the last night confirmed, as JSON."""
    alarms = (alarm_object(alarm) for alarm in told.watched.tonight if alarm.run_id == run_id)
    return (*alarms, *(_step_object(step) for step in told.steps if step.run_id == run_id))


def alarm_object(alarm: Alarm) -> dict[str, Any]:
    """An alarm as JSON: ratios candidate / control, or differences in the metric's unit; dates YYYY-MM-DD."""
    value, low, high = (_natural(alarm.metric, x) for x in (alarm.value, alarm.expected.low, alarm.expected.high))
    return {
        "metric": alarm.metric,
        "arm": alarm.arm,
        "control": alarm.control,
        "night": alarm.night.isoformat(),
        "since": alarm.since.isoformat(),
        "rule": "nights",
        "scale": COMPARED[alarm.metric].scale,
        "unit": COMPARED[alarm.metric].unit,
        "value": value,
        "expected_low": low,
        "expected_high": high,
        "level": alarm.level,
        "baseline_nights": alarm.expected.n,
        "p": alarm.p,
        "series": alarm.series,
        "better": _better(alarm),
    }


def _step_object(step: Step) -> dict[str, Any]:
    """The same keys; what is of single nights is null."""
    single = dict.fromkeys(("expected_low", "expected_high", "level", "baseline_nights", "series"))
    return {
        "metric": step.metric,
        "arm": step.arm,
        "control": step.control,
        "night": step.night.isoformat(),
        "since": step.point.night.isoformat(),
        "rule": "change_point",
        "scale": COMPARED[step.metric].scale,
        "unit": COMPARED[step.metric].unit,
        "value": _natural(step.metric, step.point.after),
        "before": _natural(step.metric, step.point.before),
        "p": step.point.p,
        "better": _is_better(step.metric, step.point.after, step.point.before),
        **single,
    }


def _checks(told: Told, run_id: str) -> Iterator[Check]:
    alarms = {_key(alarm): alarm for alarm in told.watched.tonight if alarm.run_id == run_id}
    steps = {_key(step): step for step in told.steps if step.run_id == run_id}
    mine = [one for one in told.watched.standing if one.run_id == run_id]
    if not mine:
        yield Check(
            group=GROUP,
            name="nothing watched",
            result=Result.OPEN,
            text="this night has no figure that could be held against other nights: it is invalid, or has one arm",
        )
    for one in mine:
        name = f"{COMPARED[one.metric].title}, {one.arm} / {one.control}"
        if (alarm := alarms.get(_key(one))) is not None:
            yield Check(group=GROUP, name=name, result=Result.FAILED, text=confirmed(alarm))
        elif (step := steps.get(_key(one))) is not None:
            yield Check(group=GROUP, name=name, result=Result.FAILED, text=_stepped(step))
        elif one.expected is not None and one.level is not None:
            yield Check(
                group=GROUP,
                name=name,
                result=Result.OPEN if one.suspected else Result.PASSED,
                text=_seen(one.metric, one.value, one.expected, one.level)
                + ("; one more such night confirms it" if one.suspected else ""),
            )
    if young := [one for one in mine if one.expected is None and _key(one) not in {*alarms, *steps}]:
        yield _no_baseline(young, len(mine))


def _no_baseline(young: Sequence[Tonight], of: int) -> Check:
    fewest = min(one.nights for one in young)
    which = "" if len(young) == of else f" for {len(young)} of {of} series"
    return Check(
        group=GROUP,
        name="no baseline yet",
        result=Result.OPEN,
        text=f"{plural(fewest, 'night')} of the same making came before this one{which}; changes are told from "
        f"{LEAST_NIGHTS} on",
    )


def confirmed(alarm: Alarm) -> str:
    """What the night was, what was expected of it, and since when it has been so."""
    since = "" if alarm.since == alarm.night else f", since the night of {alarm.since.isoformat()}"
    seen = _seen(alarm.metric, alarm.value, alarm.expected, alarm.level)
    return f"{'better' if _better(alarm) else 'worse'}: {seen}, p {_small(alarm.p)}{since}"


def _stepped(step: Step) -> str:
    point = step.point
    side = "better" if _is_better(step.metric, point.after, point.before) else "worse"
    return (
        f"{side}: {_text(step.metric, point.after)}{_unit(step.metric)} since the night of {point.night.isoformat()}, "
        f"{_text(step.metric, point.before)} before (change point, p {_small(point.p)})"
    )


def _seen(metric: str, value: float, expected: Prediction, level: float) -> str:
    low, high = _text(metric, expected.low), _text(metric, expected.high)
    return (
        f"{_text(metric, value)}{_unit(metric)}, expected {low} to {high} ({100 * level:.4g} % interval from "
        f"{expected.n} nights)"
    )


def _better(alarm: Alarm) -> bool:
    return _is_better(alarm.metric, alarm.value, alarm.expected.mean)


def _is_better(metric: str, value: float, than: float) -> bool:
    return value < than if COMPARED[metric].lower_is_better else value > than


def _key(one: Alarm | Step | Tonight) -> tuple[str, str, str]:
    return one.metric, one.arm, one.control


def _natural(metric: str, value: float) -> float:
    return math.exp(value) if COMPARED[metric].scale == "ratio" else value


def _text(metric: str, value: float) -> str:
    natural = _natural(metric, value)
    if COMPARED[metric].scale == "ratio":
        return f"× {natural:.3g}"
    return f"{100 * natural:+.2f}" if COMPARED[metric].unit == "share" else f"{natural:+.2f}"


def _unit(metric: str) -> str:
    if COMPARED[metric].scale == "ratio":
        return ""
    return " points" if COMPARED[metric].unit == "share" else f" {COMPARED[metric].unit}"


def _small(p: float) -> str:
    return "below 0.0001" if p < 1e-4 else f"{p:.2g}"
