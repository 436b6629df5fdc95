"""How much a calibration does, and what is true of every call in it. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.plan.blocks import slots

__all__ = [
    "ECHO",
    "FULL",
    "QUICK",
    "SAME",
    "SEED",
    "SHORTEST_MS",
    "Size",
    "TurnTruth",
    "call_ids",
    "sealed_calls",
    "sealed_truths",
    "truths_by_call",
]

SAME: Final = ("a", "b")
"""Two arms that differ in nothing but their name."""
ECHO: Final = "echo"
SEED: Final = 1
SHORTEST_MS: Final = 200.0
LONGEST_MS: Final = 5000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done. blocks: of the run with known truths, `sealed_blocks` of them the last ones, sealed."""

    blocks: int
    sealed_blocks: int
    turns: int
    """Script turns a call."""
    holes_ms: tuple[float, ...]
    """Shorter than the callee waits before it takes the floor."""
    long_holes_s: tuple[float, ...]
    """One a call, in calls with a callee that waits longer than that."""
    capacity_looks: int
    """Most runs in search of how many calls are held, for each way; 0: none is searched for."""


QUICK: Final = Size(
    blocks=3, sealed_blocks=1, turns=2, holes_ms=(300.0, 400.0, 550.0), long_holes_s=(), capacity_looks=0
)
FULL: Final = Size(
    blocks=12,
    sealed_blocks=3,
    turns=5,
    holes_ms=(300.0, 350.0, 425.0, 500.0, 600.0),
    long_holes_s=(1.0, 2.0, 4.0, 8.0, 13.0, 20.0),
    capacity_looks=3,
)


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """What the simulator does after one utterance of the caller. fault: F1 or F2, a 1011; a hole is F23."""

    delay_ms: float
    hole_ms: float | None = None
    fault: str | None = None


def call_ids(arms: Sequence[str], blocks: int) -> list[tuple[int, str, str]]:
    """Block, arm and id of every call of a plan with one call a block and arm."""
    return [(block, arm, f"{slot:04d}-{arm}") for slot, (block, _, arm) in enumerate(slots(arms, blocks, 1, SEED))]


def swept(blocks: int, turns: int) -> list[list[float]]:
    """Delays by block and turn, ms: spaced evenly by ratio from the shortest to the longest, alike in sum."""
    count = blocks * turns
    if count == 1:
        return [[SHORTEST_MS]]
    values = [SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** (i / (count - 1)) for i in range(count)]
    dealt: list[list[float]] = [[] for _ in range(blocks)]
    for i, value in enumerate(values):
        round_, place = divmod(i, blocks)
        dealt[place if round_ % 2 == 0 else blocks - 1 - place].append(round(value, 1))
    for block, delays in enumerate(dealt):
        random.Random(f"{SEED}/{block}").shuffle(delays)
    return dealt


def known_truths(size: Size) -> list[list[TurnTruth]]:
    """By block and turn, the sealed blocks left out: every other turn has a hole."""
    holes = [hole for n in range(size.blocks * size.turns) for hole in size.holes_ms[n % len(size.holes_ms) :][:1]]
    found, n = [], 0
    for delays in swept(size.blocks - size.sealed_blocks, size.turns):
        block = []
        for delay_ms in delays:
            block.append(TurnTruth(delay_ms, hole_ms=holes[n // 2] if n % 2 == 0 else None))
            n += 1
        found.append(block)
    return found


def sealed_truths(size: Size, rng: random.Random) -> list[list[TurnTruth]]:
    """As above for the sealed blocks: everything at random, a hole in half of the turns."""
    low, high = size.holes_ms[0], size.holes_ms[-1]
    return [
        [
            TurnTruth(
                round(SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** rng.random(), 1),
                hole_ms=round(rng.uniform(low, high), 1) if rng.random() < 0.5 else None,
            )
            for _ in range(size.turns)
        ]
        for _ in range(size.sealed_blocks)
    ]


def with_closes(calls: Mapping[str, list[TurnTruth]], known_blocks: int) -> dict[str, list[TurnTruth]]:
    """A 1011 in the last turn of some calls: of every third known block the reply is lost in one arm (F1), and cut in
    the other (F2). In the last turn, as a reprompt is one more utterance, and would move the truths behind it.
    """
    struck = {block: f for f, block in enumerate(range(0, known_blocks, 3))}
    changed = dict(calls)
    for block, arm, call_id in call_ids((*SAME, ECHO), known_blocks):
        if block in struck and arm in SAME:
            first = SAME[struck[block] % 2]
            *rest, last = calls[call_id]
            changed[call_id] = [*rest, TurnTruth(last.delay_ms, fault="F1" if arm == first else "F2")]
    return changed


def truths_by_call(size: Size, sealed: Sequence[Sequence[TurnTruth]]) -> dict[str, list[TurnTruth]]:
    """What is true of each call of the two identical arms."""
    known = known_truths(size)
    by_block = [*known, *(list(block) for block in sealed)]
    calls = {call: list(by_block[block]) for block, arm, call in call_ids((*SAME, ECHO), size.blocks) if arm in SAME}
    return with_closes(calls, len(known))


def sealed_calls(size: Size) -> list[str]:
    """The calls whose truth is sealed."""
    known_blocks = size.blocks - size.sealed_blocks
    return [call for block, arm, call in call_ids((*SAME, ECHO), size.blocks) if block >= known_blocks and arm in SAME]
