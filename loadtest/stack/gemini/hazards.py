"""When faults strike: seeded per call, turn and connection, so that no draw depends on timing or on another draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.scenario.endpoint import Fault
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import CLOCK, CONNECT, TURN, Refusal, Strike
from loadtest.stack.gemini.plan import Step

__all__ = ["Hazards"]


@dataclass(frozen=True, slots=True)
class Hazards:
    """The faults in force on one connection.

    call_id: None when the client did not name its call. connection: number of the connection in its call, from 1.
    """

    faults: tuple[Fault, ...]
    draws: Draws
    call_id: str | None
    connection: int

    def refusal(self) -> tuple[Fault, Refusal] | None:
        """The fault that meets this connect, if any."""
        for fault in self._concerned():
            if fault.fault not in CONNECT:
                continue
            chance = self.draws.stream("connect", fault.fault, self.connection).random()
            if fault.at_connect == self.connection or (fault.per_connect is not None and chance < fault.per_connect):
                return fault, CONNECT[fault.fault](fault)
        return None

    def strikes(self) -> list[tuple[float, Fault, Strike]]:
        """What will strike this connection, with its age in seconds at that time."""
        found = []
        for fault in self._concerned():
            if fault.fault not in CLOCK:
                continue
            rng = self.draws.stream("clock", fault.fault, self.connection)
            age_s: float | None = None
            if fault.per_minute:
                age_s = 60.0 * rng.expovariate(fault.per_minute)
            elif fault.at_connected_s is not None and self.connection == 1:
                age_s = fault.at_connected_s
            if age_s is not None:
                found.append((age_s, fault, CLOCK[fault.fault](rng)))
        return found

    def changed(self, plan: tuple[Step, ...], turn: int) -> tuple[Step, ...]:
        """The plan of the reply to the caller's utterance `turn` (0: the greeting), with its fault if it has one."""
        for fault in self._concerned():
            if fault.fault in TURN and any(turn - begun < length for begun, length in self._runs(fault, turn)):
                return TURN[fault.fault](plan, self.draws.stream("change", fault.fault, turn), fault)
        return plan

    def _runs(self, fault: Fault, turn: int) -> Iterator[tuple[int, int]]:
        """Turn and length of the runs of this fault that began by `turn`. The greeting takes no part in hazards."""
        for begun in range(max(0, turn - fault.run_turns_max + 1), turn + 1):
            rng = self.draws.stream("turn", fault.fault, begun)
            struck = fault.per_turn is not None and begun > 0 and rng.random() < fault.per_turn
            if struck or fault.at_turn == begun:
                yield begun, rng.randint(1, fault.run_turns_max)

    def _concerned(self) -> Iterator[Fault]:
        return (fault for fault in self.faults if fault.calls is None or self.call_id in fault.calls)
