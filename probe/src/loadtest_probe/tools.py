"""Follows the function tools that the model calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadtest_probe.budget import Budget
from loadtest_probe.redact import name_of
from loadtest_probe.wire import Message, Tool

__all__ = ["Tools"]


class Tools:
    """Tells each call once, however many witnesses it has, and its return if the call was told.

    Only names: neither arguments nor results.
    """

    def __init__(self, report: Callable[[Message], None], left_out: Callable[[str], None]) -> None:
        self._report = report
        self._left_out = left_out
        self._budget = Budget()
        self._told: dict[Any, str] = {}
        self._awaited: set[Any] = set()

    @property
    def is_open(self) -> bool:
        """The model waits for a tool."""
        return bool(self._awaited)

    def called(self, call: Any) -> None:
        if call.call_id in self._told:
            return
        if not self._budget.take():
            self._left_out("tool")
            return
        name = name_of(call.name)
        self._told[call.call_id] = name
        self._awaited.add(call.call_id)
        self._report(Tool(name, "called"))

    def returned(self, call_id: Any) -> None:
        self._awaited.discard(call_id)
        name = self._told.pop(call_id, None)
        if name is not None:
            self._report(Tool(name, "returned"))

    def spoken(self) -> None:
        """Audio of another turn has come: the model waits no longer, even if a return is still to be seen."""
        self._awaited.clear()
