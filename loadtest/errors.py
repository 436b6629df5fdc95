"""The error tree. Every error a user can meet is one of these and carries a remedy.

LoadtestError            exit 1   the tool failed
├── ScenarioError        exit 2   the scenario, or what it names, is unusable
│   ├── ResumeError               what a run would go on with is not what it began with
│   └── NothingLeftError          all of a run's plan is done
├── StackError           exit 1   a service of the run could not be reached or started, or died
├── DialError            exit 1   a call could not be placed
├── EndedEarlyError      exit 1   a run reached a limit or a quota; what was measured is kept
├── RecordError          exit 1   a results folder could not be written or read
├── AnalysisError        exit 1   a figure cannot be computed from what was recorded
└── InterruptedRunError  exit 130 the user stopped a run before there was anything to measure
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "AnalysisError",
    "DialError",
    "EndedEarlyError",
    "ExitCode",
    "InUseError",
    "InterruptedRunError",
    "LoadtestError",
    "NewerError",
    "NothingLeftError",
    "RecordError",
    "ResumeError",
    "ScenarioError",
    "StackError",
]


class ExitCode(IntEnum):
    """What the process tells its caller; part of the public contract."""

    OK = 0
    TOOL_FAILED = 1
    USAGE = 2
    INVALID = 3
    THRESHOLD_FAILED = 4
    INCONCLUSIVE = 5
    INTERRUPTED = 130


class LoadtestError(Exception):
    """Anything that went wrong and that the user can be told about.

    `message` says what happened, `remedy` what to do about it.
    """

    exit_code = ExitCode.TOOL_FAILED

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}"


class ScenarioError(LoadtestError):
    """The scenario, or something that it names, cannot be used.

    `message` begins with `file:line:column: field:` as far as they are known.
    """

    exit_code = ExitCode.USAGE


class ResumeError(ScenarioError):
    """A run can't be taken up again: something that its figures depend on is not what it was. Nothing was changed."""


class NothingLeftError(ScenarioError):
    """A run can't be taken up again: every block of its plan is complete."""


class StackError(LoadtestError):
    """A service of the run could not be reached or provided, did not start, or died."""


class DialError(LoadtestError):
    """A call could not be placed."""


class EndedEarlyError(LoadtestError):
    """A run against Google's endpoints reached a declared limit, or was told that it may not go on."""


class RecordError(LoadtestError):
    """A results folder could not be written or read."""


class InUseError(RecordError):
    """Somebody else writes into a results folder: its run, or whoever measures it."""


class NewerError(RecordError):
    """What is on disk was written by a newer loadtest. Nothing of it is touched."""

    def __init__(self, what: str, found: object, known: int) -> None:
        super().__init__(
            f"{what}: written by a newer loadtest (schema {found})",
            remedy=f"Update loadtest; this one reads schema {known}.",
        )


class AnalysisError(LoadtestError):
    """A figure cannot be computed from what was recorded."""


class InterruptedRunError(LoadtestError):
    """The user stopped a run before there was anything to measure."""

    exit_code = ExitCode.INTERRUPTED
