"""How many calls may go on at the same time."""

from __future__ import annotations

from loadtest.scenario.hosts import CLOUD_ACKNOWLEDGEMENT, CLOUD_CALLS
from loadtest.scenario.models import Scenario

__all__ = ["CALLS_PER_CORE", "resolve_cap"]

CALLS_PER_CORE = 1.5
"""With server, simulator, agents and callees on one machine: 2 cores hold 3 calls with undisturbed figures."""


def resolve_cap(scenario: Scenario, cores: int) -> int:
    """The scenario's cap; for `auto` what the cores hold, a multiple of the number of arms and at least that."""
    if scenario.cap != "auto":
        return scenario.cap
    arms = len(scenario.arms)
    held = int(CALLS_PER_CORE * cores)
    if CLOUD_ACKNOWLEDGEMENT in scenario.acknowledge:  # without it nothing is dialled on LiveKit Cloud
        held = min(held, CLOUD_CALLS)
    return max(arms, held // arms * arms)
