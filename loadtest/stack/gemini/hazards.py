"""When faults strike: seeded per call, turn and connection, so that no draw depends on timing or on another draw."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.scenario.faults import Fault
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import CLOCKS, CONNECTS, TOOLS, TURNS, Answer, Situation, Strike
from loadtest.stack.gemini.faults.tools import ToolStrike
from loadtest.stack.gemini.faults.turns import ASPECTS
from loadtest.stack.gemini.plan import Step
from loadtest.stack.gemini.state import CallState

__all__ = ["Hazards"]


@dataclass(frozen=True, slots=True)
class Hazards:
    """The faults in force on one connection. Times are seconds of the run (run_s) or of the connection (age_s).

    connection: number of the connection in its call, from 1.
    """

    faults: tuple[Fault, ...]
    draws: Draws
    call: CallState
    connection: int

    def answers(self, run_s: float) -> Iterator[tuple[Fault, Answer]]:
        """The faults that meet a connect at this time, as listed. What refuses for a while refuses every call."""
        for name, fault in self._listed():
            shared = fault.at_run_s is not None or self._shares(name, fault)
            if fault.fault not in CONNECTS or not shared or not _within(fault, run_s):
                continue
            chance = self.draws.stream("connect", name, self.connection).random()
            met = fault.at_connect == self.connection or (fault.per_connect is not None and chance < fault.per_connect)
            if fault.at_run_s is not None:
                met = 0 <= run_s - fault.at_run_s < fault.refused_s
            if met:
                rng = self.draws.stream("refuse", name, self.connection)
                yield fault, CONNECTS[fault.fault](self._situation(fault, rng, 0.0, run_s))

    def strikes(self, run_s: float) -> list[tuple[float, Fault, Strike]]:
        """What will strike the connection that opens at this time, with its age in seconds then."""
        found = []
        for name, fault in self._concerned():
            if fault.fault not in CLOCKS:
                continue
            rng = self.draws.stream("clock", name, self.connection)
            age_s = self._age_struck(fault, rng, run_s)
            if age_s is not None and _within(fault, run_s + age_s):
                found.append((age_s, fault, CLOCKS[fault.fault](self._situation(fault, rng, age_s, run_s + age_s))))
        return found

    def changed(
        self,
        plan: tuple[Step, ...],
        turn: int,
        *,
        age_s: float,
        run_s: float,
        heard_s: float = 0.0,
        since_reply_s: float | None = None,
    ) -> tuple[Step, ...]:
        """The plan of the reply to the caller's utterance `turn` (0: the greeting), with its faults if it has any.

        age_s, run_s: as the turn begins. heard_s, since_reply_s: see `Situation`.
        """
        struck = [
            (name, fault)
            for name, fault in self._concerned()
            if fault.fault in TURNS and _within(fault, run_s) and self._turn_struck(name, fault, turn, age_s)
        ]
        for aspect in ASPECTS:
            for name, fault in struck:
                if TURNS[fault.fault].aspect != aspect:
                    continue
                rng = self.draws.stream("change", name, turn)
                at = self._situation(fault, rng, age_s, run_s, turn, heard_s=heard_s, since_reply_s=since_reply_s)
                changed = TURNS[fault.fault].made(plan, at)
                if changed is not plan:
                    plan = changed
                    break
        return plan

    def tool_call(self, number: int, *, age_s: float, run_s: float) -> tuple[Fault, ToolStrike] | None:
        """The fault that strikes tool call `number` of the call, from 1, if any."""
        for name, fault in self._concerned():
            if fault.fault not in TOOLS or not _within(fault, run_s):
                continue
            chance = self.draws.stream("tool", name, number).random()
            if fault.at_tool_call == number or (fault.per_tool_call is not None and chance < fault.per_tool_call):
                rng = self.draws.stream("use", name, number)
                return fault, TOOLS[fault.fault](self._situation(fault, rng, age_s, run_s))
        return None

    def _age_struck(self, fault: Fault, rng: random.Random, run_s: float) -> float | None:
        """Age at which a connection that opens at run_s is struck."""
        if fault.per_minute:
            # In a window the clock of the hazard runs only while it is open.
            opens_s = max(0.0, fault.between_s[0] - run_s) if fault.between_s is not None else 0.0
            return opens_s + 60.0 * rng.expovariate(fault.per_minute)
        if fault.at_connected_s is not None:
            return fault.at_connected_s if self.connection == 1 else None
        if fault.at_run_s is not None:
            return fault.at_run_s - run_s if fault.at_run_s >= run_s else None
        return fault.at_age_s

    def _turn_struck(self, name: str, fault: Fault, turn: int, age_s: float) -> bool:
        if fault.at_age_s is not None:
            return age_s >= fault.at_age_s
        return any(turn - begun < length for begun, length in self._runs(name, fault, turn))

    def _runs(self, name: str, fault: Fault, turn: int) -> Iterator[tuple[int, int]]:
        """Turn and length of the runs of this fault that began by `turn`. The greeting takes no part in hazards."""
        for begun in range(max(0, turn - fault.run_turns_max + 1), turn + 1):
            rng = self.draws.stream("turn", name, begun)
            struck = fault.per_turn is not None and begun > 0 and rng.random() < fault.per_turn
            if struck or fault.at_turn == begun:
                yield begun, rng.randint(1, fault.run_turns_max)

    def _situation(
        self,
        fault: Fault,
        rng: random.Random,
        age_s: float,
        run_s: float,
        turn: int | None = None,
        *,
        heard_s: float = 0.0,
        since_reply_s: float | None = None,
    ) -> Situation:
        forms = list(fault.kind.variants)
        variant = fault.variant or (rng.choice(forms) if forms else "")
        return Situation(
            fault=fault,
            variant=variant,
            rng=rng,
            call=self.call,
            connection=self.connection,
            age_s=age_s,
            run_s=run_s,
            turn=self.call.turns if turn is None else turn,
            heard_s=heard_s,
            since_reply_s=since_reply_s,
        )

    def _concerned(self) -> Iterator[tuple[str, Fault]]:
        """The faults that may strike this call."""
        return ((name, fault) for name, fault in self._listed() if self._shares(name, fault))

    def _shares(self, name: str, fault: Fault) -> bool:
        return self.draws.stream("share", name).random() < fault.share

    def _listed(self) -> Iterator[tuple[str, Fault]]:
        """The faults that name this call, each with a name for its streams: entries of one kind differ in it."""
        seen: dict[str, int] = {}
        for fault in self.faults:
            nth = seen[fault.fault] = seen.get(fault.fault, 0) + 1
            name = fault.fault if nth == 1 else f"{fault.fault}-{nth}"
            if _named(fault, self.call.call_id):
                yield name, fault


def _within(fault: Fault, run_s: float) -> bool:
    return fault.between_s is None or fault.between_s[0] <= run_s < fault.between_s[1]


def _named(fault: Fault, call_id: str | None) -> bool:
    if fault.calls is None:
        return True
    slot = re.match(r"(\d{4,})-", call_id or "")
    return call_id in fault.calls or (slot is not None and int(slot[1]) in fault.calls)
