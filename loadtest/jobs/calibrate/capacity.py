"""How many calls at the same time are held: a search, and what it takes for a number of calls to be held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtest.jobs.calibrate.truth import Row

__all__ = ["Look", "Searched", "look_at", "search", "touched_limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One run with so many calls at the same time."""

    calls: int
    held: bool
    turns: int
    touched: Mapping[str, int]
    """Which limits were touched, in how many turns or calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What is known of how many calls are held."""

    held: int
    """Most calls that were held; 0: not even the fewest that were tried."""
    touched: int | None
    """Fewest calls that touched a limit; None: none did."""
    looks: tuple[Look, ...]


def search(look: Callable[[int], Look], *, first: int, most: int, looks: int) -> Searched:
    """Double until a limit is touched, then bisect; so many looks at most. Never more than `most` calls."""
    done: list[Look] = []
    held, touched = 0, None
    calls = min(first, most)
    while len(done) < looks:
        done.append(look(calls))
        if done[-1].held:
            held = calls
        else:
            touched = calls
        if touched is None:
            if calls >= most:
                break
            calls = min(2 * calls, most)
        elif touched - held <= 1:
            break
        else:
            calls = (held + touched) // 2
    return Searched(held=held, touched=touched, looks=tuple(done))


def look_at(calls: int, turns: Sequence[Row], rows: Sequence[Row]) -> Look:
    """From the tables of a run: held if every script turn is valid and no call failed on our side.

    rows: of the table of calls.
    """
    script = [turn for turn in turns if turn["kind"] == "script"]
    touched = touched_limits(script)
    for row in rows:
        if row["outcome"] != "completed":
            touched[row["outcome"]] = touched.get(row["outcome"], 0) + 1
    return Look(calls=calls, held=bool(script) and not touched, turns=len(script), touched=touched)


def touched_limits(turns: Sequence[Row]) -> dict[str, int]:
    """Why turns are invalid: reasons, without their figures, by the number of turns."""
    found: dict[str, int] = {}
    for turn in turns:
        if not turn["valid"]:
            for reason in (turn["invalid_reason"] or "no_reason_recorded").split("; "):
                name = reason.split(" ")[0]
                found[name] = found.get(name, 0) + 1
    return found
