"""Checks as GitHub's workflow commands: a job that prints them shows them on its page.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from loadtest.record.checks import Check, bad_ones

__all__ = ["github_annotations"]

MOST: Final = 10
"""GitHub shows so many of a kind from one step; what comes behind is not shown at all."""


def github_annotations(title: str, sentence: str, checks: Sequence[Check]) -> tuple[str, ...]:
    """A line for the whole, then one for each check that is invalid, or else that failed."""
    return tuple(_lines(title, sentence, bad_ones(checks)))


def _lines(title: str, sentence: str, bad: Sequence[Check]) -> Iterator[str]:
    yield _command("error" if bad else "notice", title, sentence)
    room = MOST - 1
    shown = bad if len(bad) <= room else bad[: room - 1]
    for check in shown:
        yield _command("error", f"{check.group}: {check.name}", check.text)
    if len(bad) > len(shown):
        yield _command("error", title, f"and {len(bad) - len(shown)} more: see the summary of the job")


def _command(level: str, title: str, text: str) -> str:
    return f"::{level} title={_data(title).replace(':', '%3A').replace(',', '%2C')}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
