"""What the calls of a run come to: by fault and plugin generation, and against what is promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.faults.evidence import EVIDENCES, Evidence
from tests.faults.judge import Verdict

__all__ = [
    "LEAST_CONTROL_TURNS",
    "Cell",
    "Controls",
    "Difference",
    "Totals",
    "cells",
    "differences",
    "not_judged",
    "totals",
]

LEAST: Mapping[Evidence, int] = {"probe": 30, "agent_log": 24}
"""Of 33 faults, for each plugin generation."""
LEAST_CONTROL_TURNS = 300
EVERY = 33


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault with one plugin generation, by one kind of evidence. verdicts: of the calls that are judged."""

    fault: str
    plugin: str
    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    dialled: int

    @property
    def agrees(self) -> bool:
        return bool(self.verdicts) and all(verdict.agrees for verdict in self.verdicts)

    @property
    def audible(self) -> bool:
        return any(verdict.audible for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class Difference:
    """What was not as expected, and why, if that is written down. key: fault, generation and evidence."""

    key: str
    found: tuple[str, ...]
    why: str | None


@dataclass(frozen=True, slots=True)
class Controls:
    """Of the calls to which nothing happened. alarms: by evidence, what was found in them all the same.

    own_cracks: turns with one that the agent made itself, by standing still; no alarm was false there.
    """

    calls: int
    turns: int
    invalid: int
    own_cracks: int
    alarms: Mapping[Evidence, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts by plugin generation and evidence, and what falls short."""

    exact: Mapping[tuple[str, Evidence], int]
    faults: int
    wrong: Sequence[str]
    short: Sequence[str]
    """In words, each demand that does not hold."""


def cells(verdicts: Sequence[Verdict]) -> tuple[Cell, ...]:
    """In the order of faults, then generations, then evidence."""
    keys = sorted({(int(v.fault[1:]), v.plugin, v.evidence) for v in verdicts}, key=_order)
    found = []
    for number, plugin, evidence in keys:
        of = [v for v in verdicts if (v.fault, v.plugin, v.evidence) == (f"F{number}", plugin, evidence)]
        found.append(Cell(f"F{number}", plugin, evidence, tuple(v for v in of if v.valid), len(of)))
    return tuple(found)


def _order(key: tuple[int, str, Evidence]) -> tuple[int, str, int]:
    return key[0], key[1], EVIDENCES.index(key[2])


def not_judged(found: Sequence[Cell]) -> tuple[str, ...]:
    """Faults that have a cell without a single call that is judged."""
    return tuple(dict.fromkeys(cell.fault for cell in found if not cell.verdicts))


def differences(found: Sequence[Cell], explained: Mapping[str, str]) -> tuple[Difference, ...]:
    """Of the cells that do not agree. explained: why, by `F1 1.6.0 probe`, `F1 1.6.0`, or `F1`."""
    result = []
    for cell in found:
        if cell.agrees:
            continue
        told = {
            text
            for verdict in cell.verdicts
            for text in (*verdict.differences, *(f"wrong: {w}" for w in verdict.wrong))
        }
        key = f"{cell.fault} {cell.plugin} {cell.evidence}"
        why = next((explained[k] for k in (key, f"{cell.fault} {cell.plugin}", cell.fault) if k in explained), None)
        result.append(Difference(key, tuple(sorted(told)) or ("no call of it could be judged",), why))
    return tuple(result)


def totals(found: Sequence[Cell], controls: Controls, unexplained: Sequence[Difference]) -> Totals:
    """What a whole run is held against; a run of fewer faults falls short of it."""
    plugins = sorted({cell.plugin for cell in found})
    exact = {
        (plugin, evidence): sum(c.agrees for c in found if (c.plugin, c.evidence) == (plugin, evidence))
        for plugin in plugins
        for evidence in EVIDENCES
    }
    wrong = [
        f"{cell.fault} {cell.plugin} {cell.evidence}: {w}" for cell in found for v in cell.verdicts for w in v.wrong
    ]
    short = [
        f"plugin {plugin}, {evidence}: {exact[plugin, evidence]} faults as expected, of {least} that are promised"
        for plugin in plugins
        for evidence, least in LEAST.items()
        if exact[plugin, evidence] < least
    ]
    short += [
        f"{cell.fault} {cell.plugin}: not noticed without probe and log"
        for cell in found
        if cell.evidence == "acoustic" and cell.audible and not cell.agrees
    ]
    short += [f"a wrong cause: {text}" for text in wrong]
    if controls.turns < LEAST_CONTROL_TURNS:
        short.append(f"{controls.turns} control turns, of {LEAST_CONTROL_TURNS} that are promised")
    short += [f"a false alarm ({evidence}): {text}" for evidence, of in controls.alarms.items() for text in of]
    short += [f"{one.key}: differs, and nobody has said why" for one in unexplained]
    return Totals(exact, len({cell.fault for cell in found}), wrong, short)
