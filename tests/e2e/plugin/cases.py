"""What is done to the sessions of the driver: for each row of what the plugin does, a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.e2e.harness import AUDIO

__all__ = ["CASES", "Case"]

Step = Sequence[object]
SAY: Step = ("say", str(AUDIO / "yes-please.wav"))
SILENCE_S = 2.5
"""For so long the agent is listened to after it has reconnected."""


@dataclass(frozen=True)
class Case:
    """steps: see the driver. faults: what strikes this call alone. ping_s: interval and limit of another keepalive."""

    name: str
    steps: tuple[Step, ...]
    faults: tuple[dict[str, Any], ...] = ()
    api: Literal["gemini", "vertex"] = "gemini"
    ping_s: float | None = None


def _greeted(*more: Step) -> tuple[Step, ...]:
    return (("start",), ("greet",), ("until", "played", 1), ("wait", 0.5), *more)


def _lost_reply(name: str, api: Literal["gemini", "vertex"]) -> Case:
    steps = (SAY, ("until", "connected", 2), ("wait", SILENCE_S), ("mark", "asks again"), SAY, ("until", "played", 2))
    return Case(name, _greeted(*steps), ({"fault": "F1", "at_turn": 1},), api)


_F1 = {"fault": "F1", "at_turn": 1}
_UNDISTURBED = _greeted(SAY, ("until", "played", 2), ("wait", 0.5))
_ENDS = (("start",), ("until", "close", 1), ("wait", 1.0))
_ASK: Step = ("say", str(AUDIO / "where-is-my-parcel.wav"))


def _asked(name: str, takes_s: float, *more: Step, **about: Any) -> Case:
    """The callee asks for the agent's tool."""
    return Case(name, (("start", takes_s), ("greet",), ("until", "played", 1), ("wait", 0.5), _ASK, *more), **about)


def _closed_at_tool(fault: str) -> Case:
    steps = (("until", "connected", 2), ("wait", SILENCE_S), ("mark", "asks again"), SAY, ("until", "played", 2))
    return _asked(f"tool-{fault}", 0.05, *steps, faults=({"fault": fault, "at_tool_call": 1},))


CASES = (
    # These two must meet a reply while it lasts: before many others keep the machine busy.
    Case("interruption", (("start",), ("greet",), ("until", "heard", 1), SAY, ("until", "played", 2))),
    Case(
        "go-away",
        (("start",), ("greet",), ("until", "connected", 2), ("mark", "back"), ("wait", SILENCE_S)),
        ({"fault": "F11", "at_connected_s": 2.0},),
    ),
    Case("undisturbed", _UNDISTURBED),
    Case("undisturbed-vertex", _UNDISTURBED, api="vertex"),
    _lost_reply("close-1011", "gemini"),
    _lost_reply("close-1011-vertex", "vertex"),
    Case("close-1006", _greeted(SAY, ("until", "connected", 2)), ({"fault": "F20", "at_turn": 1},)),
    Case("close-1000", _greeted(("until", "connected", 2)), ({"fault": "F12", "variant": "cancelled", "at_age_s": 5},)),
    Case("close-1007", _greeted(SAY, ("until", "ended", 1), ("wait", 2.0)), ({"fault": "F19", "at_turn": 1},)),
    Case("loop", (("start",), ("until", "ended", 4), ("wait", 4.0)), ({"fault": "F4", "at_age_s": 0.0},)),
    Case("loop-message", (("start",), ("until", "connected", 8)), ({"fault": "F4", "at_age_s": 0.05},)),
    Case("refused-503", _ENDS, ({"fault": "F13", "at_connect": 1},)),
    Case("refused-in-setup", _ENDS, ({"fault": "F5", "at_connect": 1},)),
    Case(
        "refused-reconnect",
        _greeted(SAY, ("until", "close", 1), ("wait", 1.0)),
        (_F1, {"fault": "F13", "at_connect": 2, "http_status": 429}),
    ),
    Case(
        "refused-resumption",
        _greeted(SAY, ("until", "close", 1), ("wait", 1.0)),
        (_F1, {"fault": "F9", "variant": "not_found", "at_connect": 2}),
    ),
    Case("slow-upgrade", _ENDS, ({"fault": "F16", "at_connect": 1},)),
    Case(
        "poisoned",
        _greeted(
            SAY, ("until", "connected", 2), ("wait", 0.5), SAY, ("until", "connected", 3), SAY, ("until", "ended", 3)
        ),
        (_F1, {"fault": "F8", "at_connect": 2}),
    ),
    Case("no-setup", (("start",), ("wait", 12.0)), ({"fault": "F15", "variant": "never", "at_connect": 1},)),
    Case("half-open", (("start",), ("until", "connected", 2)), ({"fault": "F21", "at_connected_s": 1.0},), ping_s=1.0),
    Case("late-pongs", (("start",), ("until", "connected", 2)), ({"fault": "F22", "at_connected_s": 1.0},), ping_s=1.0),
    Case(
        "cut-reply",
        _greeted(SAY, ("until", "connected", 2), ("mark", "back"), ("wait", SILENCE_S)),
        ({"fault": "F2", "at_turn": 1},),
    ),
    Case(
        "spoken-meanwhile",
        _greeted(SAY, ("until", "ended", 1), SAY, ("until", "heard", 2)),
        (_F1, {"fault": "F15", "variant": "late", "at_connect": 2, "setup_ms_min": 4000, "setup_ms_max": 4001}),
    ),
    _asked("tool", 0.3, ("until", "played", 2), ("wait", 0.5)),
    _asked("tool-vertex", 0.3, ("until", "played", 2), ("wait", 0.5), api="vertex"),
    Case("no-tool", _greeted(_ASK, ("until", "played", 2))),
    _asked("tool-interrupted", 3.0, ("until", "tool", 1), SAY, ("until", "returned", 1), ("until", "played", 2)),
    _closed_at_tool("F3"),
    _closed_at_tool("F18"),
    Case("pending", (("start",), ("greet",), ("until", "failed", 1)), ({"fault": "F1", "at_turn": 0},)),
)
