"""A planned call for tests in which its details do not matter."""

from __future__ import annotations

from typing import Any

from loadtest.plan.calls import PlannedCall
from loadtest.scenario.callee import Pickup


def planned_call(**changes: Any) -> PlannedCall:
    """An answered call of arm ga that is due at once, unless changed."""
    usual: dict[str, Any] = {
        "call_id": "0000-ga",
        "slot": 0,
        "block": 0,
        "pair": 0,
        "arm": "ga",
        "due_s": 0.0,
        "script": "script.yaml",
        "line_hashes": (),
        "number": "12005550100",
        "ring_s": 1.0,
        "pickup": Pickup.ANSWER,
        "patience_s": 5.0,
        "seed": 1,
    }
    return PlannedCall(**{**usual, **changes})
