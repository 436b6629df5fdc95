"""Who is called in which slot, and what is drawn for the callee.

A block is n_arms x calls_per_block consecutive slots. Its slots go pair by pair; within a pair, which is the same call
for every arm, the order of the arms is drawn. Every draw is keyed by (seed, block, pair): more blocks do not change the
earlier ones, nor does another machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.scenario.callee import CalleeSpec, Pickup, PickupMix, Script

__all__ = ["Pair", "draw_pair", "fictional_number", "slots"]

_LAST_PROBABILITY = 1 - 2.0**-32
_PAIR, _ORDER, _WAITS, _VARIABLES = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Pair:
    """What all arms share at one position of a block. Seconds, to the millisecond."""

    ring_s: float
    pickup: Pickup
    patience_s: float
    seed: int
    waits_s: tuple[float, ...]
    """By line of the script."""
    variables: Mapping[str, str]


def slots(arms: Sequence[str], blocks: int, calls_per_block: int, seed: int) -> Iterator[tuple[int, int, str]]:
    """Block, pair and arm of every slot, in the order of slots."""
    for block in range(blocks):
        for pair in range(calls_per_block):
            keys = _raw(seed, block, pair, _ORDER, len(arms))
            for i in sorted(range(len(arms)), key=lambda i: (keys[i], i)):
                yield block, pair, arms[i]


def draw_pair(callee: CalleeSpec, script: Script, seed: int, block: int, pair: int) -> Pair:
    """The callee of one pair."""
    ring, pickup, patience, own = _raw(seed, block, pair, _PAIR, 4)
    waits = _raw(seed, block, pair, _WAITS, len(script.lines))
    values = _raw(seed, block, pair, _VARIABLES, len(script.variables))
    return Pair(
        ring_s=round(callee.ring_s.quantile(_probability(ring)), 3),
        pickup=_pickup(callee.pickup, _probability(pickup)),
        patience_s=round(callee.patience_s.quantile(_probability(patience)), 3),
        seed=own >> 1,  # a signed 64-bit column holds it
        waits_s=tuple(
            round(line.wait_s.quantile(_probability(raw)), 3) for line, raw in zip(script.lines, waits, strict=True)
        ),
        variables={
            name: of[int(_probability(raw) * len(of))]
            for (name, of), raw in zip(script.variables.items(), values, strict=True)
        },
    )


def fictional_number(slot: int) -> str:
    """A number, E.164 without plus, of the range 555-0100 to 555-0199 that North America keeps for fiction.

    Different for every slot below 71,200.
    """
    area, line = divmod(slot, 100)
    return f"1{_AREAS[area % len(_AREAS)]}55501{line:02d}"


_AREAS = [f"{a}{b}{c}" for a in range(2, 10) for b in range(9) for c in range(10) if (b, c) != (1, 1)]


def _raw(seed: int, block: int, pair: int, purpose: int, n: int) -> list[int]:
    # The bits of PCG64, unlike the methods of a Generator, are the same in every version of numpy.
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose, block, pair)))
    return [int(x) for x in bits.random_raw(n)]


def _probability(raw: int) -> float:
    """In (0, 1), both ends excluded."""
    return min(max(raw / 2.0**64, 1 - _LAST_PROBABILITY), _LAST_PROBABILITY)


def _pickup(mix: PickupMix, probability: float) -> Pickup:
    below = 0.0
    shares = (mix.answer, mix.no_answer, mix.busy, mix.rejected)
    ways = (Pickup.ANSWER, Pickup.NO_ANSWER, Pickup.BUSY, Pickup.REJECTED)
    for way, share in zip(ways, shares, strict=True):
        below += share
        if probability < below:
            return way
    # The shares sum to 1 only nearly: the last way that happens at all.
    return [way for way, share in zip(ways, shares, strict=True) if share > 0][-1]
