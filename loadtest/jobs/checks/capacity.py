"""What the scenario asks of this machine."""

from __future__ import annotations

from loadtest.jobs.checks.finding import Finding, State
from loadtest.plan.outlook import Outlook
from loadtest.record.capacity import known_held

__all__ = ["check_capacity"]

CALLS_PER_CORE = 2.0
"""With everything on one machine: docs/measurement.md has what became of more."""
CALLEES_PER_CORE = 5.0
"""Where nothing but the callees runs here: one needs 0.14 core, and a third is left free."""


def check_capacity(expected: Outlook, cores: int, *, all_here: bool) -> Finding:
    """all_here: LiveKit server or agents are on this machine, too."""
    held = known_held("with_agents" if all_here else "callees_only")
    holds = max(1, int((CALLS_PER_CORE if all_here else CALLEES_PER_CORE) * cores)) if held is None else held.calls
    what = "callees, agents and LiveKit" if all_here else "callees"
    about = "holds about" if held is None else "was seen to hold"
    found = (
        f"{expected.peak} calls at the same time expected, at most {expected.cap}; "
        f"this machine {about} {holds} ({what} on {cores} cores)"
    )
    if expected.peak > holds:
        remedy = "Turns may become invalid: lower arrivals or cap, or use more cores"
        remedy += ", or put agents and LiveKit on another machine." if all_here else "."
        return Finding("this machine", State.WARNING, found, remedy)
    if expected.dropped_share > 0.05:
        return Finding(
            "this machine",
            State.WARNING,
            f"{found}; {100 * expected.dropped_share:.0f} % of the calls are dropped at the cap",
            "Raise cap as far as the machine holds it, or lower arrivals.",
        )
    return Finding("this machine", State.OK, found)
