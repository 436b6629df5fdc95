"""Faults around a tool call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from loadtest.stack.gemini.faults.situation import Situation
from loadtest.stack.gemini.plan import Close

__all__ = ["TOOLS"]

TOOLS: Final[Mapping[str, Callable[[Situation], Close]]] = {}
"""By number: how the session ends while the tool call is open."""
