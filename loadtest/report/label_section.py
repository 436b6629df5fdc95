"""What was heard beside ordinary replies."""

from __future__ import annotations

from functools import partial

from loadtest.analyse.arm import ArmFigures
from loadtest.measure.labels import Label
from loadtest.report import words
from loadtest.report.rows import Section, any_arm, per_arm
from loadtest.report.view import Summary

__all__ = ["labels_section"]


def labels_section(summary: Summary) -> Section | None:
    """A row for each label that a turn of any arm has; None if no turn has any."""
    seen = [label.value for label in Label if any_arm(summary, partial(_has, label.value))]
    if not seen:
        return None
    rows = [per_arm(summary, name.replace("_", " "), partial(_share, name)) for name in seen]
    return Section("what else was heard", tuple(rows), ("Turns in which it was heard, of the valid script turns.",))


def _has(label: str, arm: ArmFigures) -> bool:
    return arm.labels[label].count > 0


def _share(label: str, arm: ArmFigures) -> str:
    return words.share_per_100(arm.labels[label])
