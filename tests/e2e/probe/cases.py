"""What an endpoint can do to an agent, and what the probe is to tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["CASES", "Case"]

Steps = tuple[tuple[Any, ...], ...]

BROKEN = (1011, "Internal error encountered.")
REPLY: Steps = (("asked",), ("hear",), ("speak", 6), ("complete",), ("wait", 0.4), ("turn_over",), ("told", "replied"))
ASK: Steps = (("until", "ready"), ("ask",))
REPLIED: Steps = (*ASK, ("until", "replied"), ("wait", 0.5))
BACK: Steps = (("setup",),)
AGAIN: Steps = (("until", "ready", 2), ("wait", 0.5))
GONE: Steps = (("until", "session_closed"),)

GREETED = ("created", "first_audio", "complete", "done")
ENDED = "session_closed user_initiated"
FAILED = "session_closed error"


@dataclass(frozen=True)
class Case:
    """connections: what the endpoint does on each. steps: what the agent does. told: what the probe is to tell, without
    errors; told_1_6: where the plugin's 1.6 does otherwise. errors: by 1.8; 1.6 tells none but those of its end.
    """

    name: str
    connections: tuple[Steps, ...]
    steps: Steps
    told: tuple[str, ...]
    told_1_6: tuple[str, ...] | None = None
    errors: tuple[str, ...] = ()
    settings: dict[str, float] = field(default_factory=dict)

    def for_driver(self) -> dict[str, Any]:
        return {"case": self.name, "connections": self.connections, "steps": self.steps, **self.settings}


def lost(name: str, *steps: tuple[Any, ...], close: tuple[int, str] = BROKEN, told: tuple[str, ...]) -> Case:
    """A connection that breaks after these steps, and another."""
    ask = ASK if ("asked",) in steps else ()
    return Case(
        name,
        ((("setup", "h1"), *steps, ("close", *close)), BACK),
        (*ask, *AGAIN),
        ("connected 1", *told, "connected 2 resumed", ENDED),
        errors=("recoverable",),
    )


CASES = (
    Case("talk", ((("setup", "h1"), *REPLY),), REPLIED, ("connected 1", *GREETED, ENDED)),
    lost("idle", *REPLY, ("wait", 0.3), told=(*GREETED, "closed 1 1011 server idle")),
    lost(
        "replying",
        ("asked",),
        ("hear",),
        ("speak", 6),
        told=("created", "first_audio", "closed 1 1011 server replying", "done"),
    ),
    lost(
        "arrived",
        ("asked",),
        ("speak", 6),
        ("complete",),
        ("wait", 0.4),
        told=("created", "first_audio", "complete", "closed 1 1011 server idle", "done"),
    ),
    lost("heard", ("asked",), ("hear",), told=("created", "closed 1 1011 server awaiting_reply", "done")),
    lost("asked", ("asked",), told=("closed 1 1011 server awaiting_reply",)),
    lost("cancelled", close=(1000, "The operation was cancelled."), told=("closed 1 1000 server idle",)),
    lost("poisoned", ("hear",), told=("created", "closed 1 1011 server awaiting_reply", "done")),
    Case(
        "tool",
        ((("setup",), ("asked",), ("hear",), ("call_tool",), *REPLY),),
        REPLIED,
        ("connected 1", "created", "called look_up_parcel", "done", "returned look_up_parcel", *GREETED, ENDED),
    ),
    Case(
        "tool_lost",
        (
            (
                ("setup", "h1"),
                ("asked",),
                ("call_tool",),
                ("wait", 0.2),
                ("close", 1008, "Requested entity was not found"),
            ),
            BACK,
        ),
        (("until", "ready"), ("ask",), *AGAIN, ("until", "returned"), ("wait", 0.3)),
        (
            "connected 1",
            "created",
            "called look_up_parcel",
            "done",
            "closed 1 1008 server tool",
            "connected 2 resumed",
            "returned look_up_parcel",
            ENDED,
        ),
        errors=("recoverable",),
        settings={"tool_s": 3.0},
    ),
    Case("http_503", ((("refuse", 503),),), GONE, ("refused 1 http 503", FAILED), errors=("fatal",)),
    Case("http_429", ((("refuse", 429),),), GONE, ("refused 1 http 429", FAILED), errors=("fatal",)),
    Case("no_setup", ((("close", *BROKEN),),), GONE, ("refused 1 code 1011", FAILED), errors=("fatal",)),
    Case(
        "no_model",
        ((("close", 1008, "no-model is not found for API version v1alpha"),),),
        GONE,
        ("refused 1 code 1008", FAILED),
        errors=("fatal",),
    ),
    Case("dropped", ((("reset",),),), GONE, ("refused 1 code 1006", FAILED), errors=("fatal",)),
    Case(
        "resume_refused",
        ((("setup", "h1"), ("wait", 0.2), ("close", *BROKEN)), (("close", 1008, "session not found"),)),
        GONE,
        ("connected 1", "closed 1 1011 server idle", "refused 2 code 1008", FAILED),
        errors=("recoverable", "fatal"),
    ),
    Case(
        "go_away",
        ((("setup", "h1"), ("wait", 0.2), ("go_away",)), BACK),
        AGAIN,
        ("connected 1", "go_away 1 50.0", "connected 2 resumed", ENDED),
    ),
    Case(
        "go_away_in_reply",
        ((("setup", "h1"), ("asked",), ("speak", 6), ("go_away",)), BACK),
        (*ASK, *AGAIN),
        ("connected 1", "created", "first_audio", "go_away 1 50.0", "done", "connected 2 resumed", ENDED),
    ),
    Case(
        "reset",
        ((("setup",), ("wait", 0.2), ("reset",)), BACK),
        AGAIN,
        ("connected 1", "closed 1 1006 none idle", "connected 2", ENDED),
        errors=("recoverable",),
    ),
    Case(
        "invalid",
        ((("setup",), ("wait", 0.2), ("close", 1007, "Request contains an invalid argument.")), BACK),
        (("until_either", ("ready", 2), ("session_closed", 1)), ("wait", 0.5)),
        ("connected 1", "closed 1 1007 server idle", FAILED),
        told_1_6=("connected 1", "closed 1 1007 server idle", "connected 2", ENDED),
        errors=("fatal",),
    ),
    Case(
        "deaf",
        ((("setup",), ("deaf",)), BACK),
        AGAIN,
        ("connected 1", "closed 1 1011 client idle", "connected 2", ENDED),
        errors=("recoverable",),
        settings={"ping_s": 0.4},
    ),
    Case(
        "empty",
        ((("setup",), ("asked",), ("hear",), ("turn_over",), ("told", "replied")),),
        REPLIED,
        ("connected 1", "created", "done empty", ENDED),
    ),
    Case(
        "premature",
        ((("setup",), ("asked",), ("speak", 6), ("turn_over",), ("told", "replied")),),
        REPLIED,
        ("connected 1", "created", "first_audio", "done", ENDED),
    ),
    lost(
        "hostile",
        close=(4999, "key=AIzaSySecret0123456789 \u202e\x00\n" + "\u00e9" * 40),
        told=("closed 1 4999 server idle",),
    ),
    Case("hot_loop", ((("setup", "h1"), ("close", *BROKEN)),), (("wait", 4.0),), ()),
)
