"""What is wrong with a scenario, where, and what to do about it: all of it at once, in one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.errors import ScenarioError

__all__ = ["FieldPath", "Place", "Problem", "ScenarioProblems", "describe", "dotted", "nearest"]

FieldPath = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written. `file` is `--set path=value` for an override; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    place: Place
    field: str
    """Dotted path in the file; empty when it is about the file as a whole."""
    text: str
    """What was expected, and what was found."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.field}: {self.text}" if self.field else f"{self.place}: {self.text}"


class ScenarioProblems(ScenarioError):  # noqa: N818  # it is a list of them
    """All that is wrong with a scenario and the files that it names."""

    def __init__(self, problems: Iterable[Problem], *, scenario: str) -> None:
        self.problems = _in_reading_order(problems)
        if len(self.problems) == 1:
            (problem,) = self.problems
            super().__init__(str(problem), remedy=problem.remedy)
        else:
            listed = "\n".join(f"{problem}\n  {problem.remedy}" for problem in self.problems)
            super().__init__(
                f"{len(self.problems)} problems in {scenario}\n{listed}",
                remedy=f"When they are mended, check again: loadtest validate {scenario}",
            )


def _in_reading_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    unique = list(dict.fromkeys(problems))
    files = list(dict.fromkeys(problem.place.file for problem in unique))
    return tuple(sorted(unique, key=lambda p: (files.index(p.place.file), p.place.line or 0, p.place.column or 0)))


def dotted(path: FieldPath) -> str:
    """`arms.ga.model`; list positions are numbers."""
    return ".".join(str(part) for part in path)


def nearest(word: object, known: Sequence[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None."""
    matches = difflib.get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def describe(value: Any) -> str:
    """What was found, in a few words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
    if isinstance(value, dict):
        return f"a mapping of {', '.join(map(str, value))}"[:80] if value else "an empty mapping"
    if isinstance(value, tuple | list):
        return f"a list of {len(value)}" if value else "an empty list"
    return f"`{value}`"
