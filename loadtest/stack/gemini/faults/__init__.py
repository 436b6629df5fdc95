"""What each fault of the catalogue does: one small behaviour a fault, by where it takes hold.

    turns     changes the plan of a model turn
    clocks    strikes at an age of the connection, or at a time of the run
    connects  meets a connect or a resumption
    tools     strikes around a tool call

A behaviour is a pure function of its `Situation`; it draws from the situation's own stream alone. What may be asked of
each fault is stated in `loadtest.scenario.catalogue`; when they strike, in `hazards`.
"""

from __future__ import annotations

from loadtest.stack.gemini.faults.clocks import CLOCKS, Strike
from loadtest.stack.gemini.faults.connects import CONNECTS, Answer, poisoned
from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.faults.tools import TOOLS
from loadtest.stack.gemini.faults.turns import TURNS

__all__ = ["CLOCKS", "CONNECTS", "TOOLS", "TURNS", "Answer", "Situation", "Strike", "poisoned"]
