"""What a session orders, in order, and what it has set itself to do later."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from loadtest.stack.gemini.state import Action, Send, Truth

__all__ = ["Agenda", "Outbox"]


class Outbox:
    """Collects actions until they are taken."""

    def __init__(self) -> None:
        self._actions: list[Action] = []

    def order(self, action: Action) -> None:
        self._actions.append(action)

    def send(self, payload: bytes) -> None:
        self.order(Send(payload))

    def truth(self, type_: str, **fields: Any) -> None:
        """Times in `fields` are monotonic seconds."""
        self.order(Truth(type_, fields))

    def flush(self) -> list[Action]:
        """All since the last flush."""
        actions, self._actions = self._actions, []
        return actions


class Agenda:
    """What is due at which monotonic time. What is due at the same time is done in the order in which it was put."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()

    @property
    def next_s(self) -> float | None:
        return self._due[0][0] if self._due else None

    def at(self, when: float, what: Callable[[float], None]) -> None:
        """`what` is called with the time at which it is done, which may be later."""
        heapq.heappush(self._due, (when, next(self._order), what))

    def pop(self, now: float) -> Callable[[float], None] | None:
        """The next thing that is due by now, if any; it is no longer on the agenda."""
        return heapq.heappop(self._due)[2] if self._due and self._due[0][0] <= now else None

    def clear(self) -> None:
        self._due.clear()
