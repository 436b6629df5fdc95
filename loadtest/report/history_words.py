"""The figures of a history as people read them."""

from __future__ import annotations

import math
import re
from typing import Final

from loadtest.analyse.compare.fingerprints import Residue
from loadtest.analyse.nightly.alarms import Alarm
from loadtest.record.history import VALID_SHARE
from loadtest.report import words
from loadtest.report.changes import confirmed
from loadtest.report.history_view import Changed, Figure, FingerprintChange
from loadtest.report.rows import outside_text
from loadtest.scenario.compared import COMPARED

__all__ = ["alarm", "change", "figure", "fingerprint_change", "is_ratio", "move", "natural", "title", "unit", "value"]

MOST_DIFFER: Final = 6
SHORT: Final = 60
HASH: Final = re.compile("[0-9a-f]{64}")


def title(metric: str) -> str:
    """`reply latency, p95`."""
    return "valid turns" if metric == VALID_SHARE else COMPARED[metric].title


def unit(metric: str) -> str:
    """Of an arm's own figure."""
    return "share" if metric == VALID_SHARE else COMPARED[metric].unit


def is_ratio(metric: str, control: str | None) -> bool:
    """Whether a figure is one: of a candidate against the control, and of a metric that is held so."""
    return control is not None and COMPARED[metric].scale == "ratio"


def value(metric: str, control: str | None, number: float | None) -> str:
    """`1.36 s`, `97.6 %`, `× 1.05`, `-0.4 points`."""
    if number is None:
        return words.NONE
    text = _bare(metric, control, number)
    if is_ratio(metric, control):
        return f"× {text}"
    return f"{text}{_behind(metric)}" if control is not None else text


def figure(metric: str, control: str | None, of: Figure | None) -> str:
    """A value with its interval: `1.36 s [1.31 s, 1.40 s]`, `× 1.05 [0.93, 1.18]`."""
    if of is None or of.estimate is None:
        return words.NONE
    if of.low is None:
        return value(metric, control, of.estimate)
    high = "…" if of.high is None else _bare(metric, control, of.high)
    text = f"{_bare(metric, control, of.estimate)} [{_bare(metric, control, of.low)}, {high}]"
    if is_ratio(metric, control):
        return f"× {text}"
    return f"{text}{_behind(metric)}" if control is not None else text


def natural(metric: str, watched: float) -> float:
    """A watched number as the ratio or the difference that it stands for."""
    return math.exp(watched) if is_ratio(metric, "control") else watched


def move(metric: str, watched: float) -> str:
    """A watched number as a reader knows it: the logarithm of a ratio as the ratio."""
    return value(metric, "control", natural(metric, watched))


def change(changed: Changed) -> str:
    """A change point in a sentence."""
    point = changed.point
    return (
        f"{title(changed.metric)} of {changed.arm} against {changed.control}: {move(changed.metric, point.before)} "
        f"before, {move(changed.metric, point.after)} from {point.night.isoformat()} on "
        f"(confidence {100 * point.confidence:.1f} %)"
    )


def alarm(told: Alarm) -> str:
    """An alarm in a sentence."""
    what = f"{title(told.metric)} of {told.arm} against {told.control}"
    return f"{told.night.isoformat()}: {what}, {confirmed(told)}"


def fingerprint_change(changed: FingerprintChange) -> str:
    """What is not as it was, as far as it is known."""
    text = "; ".join(_residue(residue) for residue in changed.differ[:MOST_DIFFER])
    more = f"; {len(changed.differ) - MOST_DIFFER} more" if len(changed.differ) > MOST_DIFFER else ""
    return f"{changed.before} to {changed.after}: {text or 'not known in what they differ'}{more}"


def _residue(residue: Residue) -> str:
    before, after = (text[:12] if HASH.fullmatch(text) else outside_text(text, SHORT) for text in residue.values)
    return f"{residue.name} {before}, then {after}"


def _bare(metric: str, control: str | None, number: float) -> str:
    if is_ratio(metric, control):
        return f"{number:.2f}" if 0.095 <= number < 99.5 else words.number(number)
    share = unit(metric) == "share"
    if control is not None:
        return _signed(100 * number if share else number)
    match unit(metric):
        case "ms":
            return words.duration(number)
        case "s":
            return words.duration(1000 * number)
        case "share":
            return f"{100 * number:.1f} %"
    return words.number(number)


def _signed(number: float) -> str:
    text = f"{number:+.2f}" if abs(number) < 9.995 else f"{number:+.1f}"
    short = text.rstrip("0").rstrip(".")
    return "0" if short in {"+0", "-0"} else short


def _behind(metric: str) -> str:
    return {"share": " points", "s": " s"}.get(unit(metric), "")
