"""What was held against what, and what came of it: the rows that machines and people are told of a night or a gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loadtest.errors import ExitCode

__all__ = ["Check", "Result", "bad_ones", "check_of", "exit_of", "with_result"]


class Result(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"
    """The figures are no ground for anything: the tester, or the experiment, was not as it has to be."""
    OPEN = "open"
    """Neither passed nor failed: not decided, or there was nothing to hold it against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was held against another."""

    group: str
    """validity, thresholds, comparison, changes or baseline."""
    name: str
    """What was checked, in a few words; one of its kind in the group."""
    result: Result
    text: str
    """What was held against what, in a sentence with the figures."""


def check_of(body: Mapping[str, Any]) -> Check:
    """From its JSON object. Raises KeyError, ValueError for what is none."""
    return Check(group=body["group"], name=body["name"], result=Result(body["result"]), text=body["text"])


def with_result(checks: Iterable[Check], *results: Result) -> tuple[Check, ...]:
    """Those of which one of these came, in their order."""
    return tuple(check for check in checks if check.result in results)


def bad_ones(checks: Sequence[Check]) -> tuple[Check, ...]:
    """What is invalid; if nothing is, what failed: what was held against invalid figures says nothing."""
    return with_result(checks, Result.INVALID) or with_result(checks, Result.FAILED)


def exit_of(checks: Iterable[Check]) -> ExitCode:
    """3 if anything is invalid, else 4 if anything failed, else 0: what is open is a line of text."""
    results = {check.result for check in checks}
    if Result.INVALID in results:
        return ExitCode.INVALID
    return ExitCode.THRESHOLD_FAILED if Result.FAILED in results else ExitCode.OK
