"""What each fault of the catalogue does: one small behaviour a fault, by where it takes hold.

    turns     changes the plan of a model turn
    clocks    strikes at an age of the connection, or at a time of the run
    connects  meets a connect or a resumption
    tools     strikes around a tool call

A behaviour is a pure function of its `Situation`; it draws from the situation's own stream alone. What may be asked of
each fault is stated in `loadtest.scenario.faults`; when they strike, in `hazards`.
"""

from __future__ import annotations

from collections.abc import Iterable

from loadtest.scenario import faults as catalogue
from loadtest.scenario.faults import FAULTS, Fault
from loadtest.stack.gemini.faults.clocks import CLOCKS, Strike
from loadtest.stack.gemini.faults.connects import CONNECTS, Refusal
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.faults.tools import TOOLS
from loadtest.stack.gemini.faults.turns import TURNS

__all__ = ["CLOCKS", "CONNECTS", "TOOLS", "TURNS", "Refusal", "Situation", "Strike", "missing"]


def missing(asked: Iterable[Fault] | None = None) -> list[tuple[str, str]]:
    """Number and trigger of what the catalogue promises and nobody has written; of `asked` only, if given."""
    promised = [(kind.number, trigger) for kind in FAULTS.values() for trigger in kind.triggers]
    if asked is not None:
        wanted = {(f.fault, name) for f in asked for name in catalogue.TRIGGERS if getattr(f, name) is not None}
        promised = [one for one in promised if one in wanted]
    return [(number, trigger) for number, trigger in promised if not _written(number, trigger)]


def _written(number: str, trigger: str) -> bool:
    if trigger in catalogue.CLOCK:
        # A change to turns can have an age from which on it strikes.
        return number in CLOCKS or (trigger == "at_age_s" and number in TURNS)
    places = {catalogue.TURN: TURNS, catalogue.CONNECT: CONNECTS, catalogue.TOOL: TOOLS}
    return any(trigger in triggers and number in known for triggers, known in places.items())
