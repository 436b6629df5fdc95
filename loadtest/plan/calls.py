"""What the plan is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadtest.scenario.callee import Pickup

__all__ = ["PlannedCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One call of the plan: when it is due, to which arm, and all that was drawn for it.

    Calls at the same `pair` of a block are the same call for every arm: same script, pick-up, ring, patience and seed.
    """

    call_id: str
    """`<slot, 4 digits>-<arm>`; names the call's folder."""
    slot: int
    """Position in the plan, from 0."""
    block: int | None
    """From 0; None in an incomplete last block, which no comparison uses."""
    pair: int
    """Position among the arm's calls of the block, from 0."""
    arm: str
    due_s: float
    """Seconds from the run's start."""
    script: str
    """Path of the script file."""
    line_hashes: tuple[str, ...]
    """sha256 of what is said in each line of the script, in its order; lines of keys have none."""
    number: str
    """The number dialled, E.164 without plus; from the range reserved for fiction."""
    ring_s: float
    pickup: Pickup
    patience_s: float
    seed: int
    """Of what is drawn within the call; the same for all arms of the pair."""
    waits_s: tuple[float, ...] = ()
    """By line of the script: how much longer than agent_finished_after_s the agent must be silent before it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The value of each of the script's variables."""
