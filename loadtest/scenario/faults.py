"""The fault catalogue: what a simulated endpoint can do to a call, and how a scenario asks for it.

The catalogue is data. What each fault does is in `loadtest.stack.gemini.faults`; when it strikes, in its `hazards`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field, model_validator

from loadtest.scenario.base import Model

__all__ = ["CLOCK", "CONNECT", "FAULTS", "RUN", "TOOL", "TRIGGERS", "TURN", "Fault", "FaultKind"]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

TURN: Final = ("per_turn", "at_turn")
CONNECT: Final = ("per_connect", "at_connect")
TOOL: Final = ("per_tool_call", "at_tool_call")
RUN: Final = ("at_run_s",)
CLOCK: Final = ("per_minute", "at_connected_s", "at_age_s", *RUN)
TRIGGERS: Final = (*TURN, *CLOCK, *CONNECT, *TOOL)
"""What can set a fault off; an entry has exactly one."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault of the catalogue, and what may be asked of it."""

    number: str
    """F1 to F33."""
    summary: str
    """One line on what the client sees."""
    source: str
    """How it is known."""
    triggers: tuple[str, ...]
    """Which of TRIGGERS can set it off."""
    settings: tuple[str, ...] = ()
    """The optional settings of `Fault` that it reads."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Forms that it takes, each with one line on it."""
    required: tuple[str, ...] = ()
    """Optional fields of `Fault` that it cannot do without."""


REPORTED: Final = "reported by users"
DOCUMENTED: Final = "vendor documentation"

_KINDS: Final = (
    FaultKind("F1", "1011 after the end of input, before any audio", REPORTED, TURN),
    FaultKind("F2", "1011 after some audio parts of the reply", REPORTED, TURN),
    FaultKind(
        "F3",
        "close around a tool call",
        REPORTED,
        TOOL,
        variants={"internal": '1011 "Internal error occurred."', "not_found": '1008 "Requested entity was not found"'},
    ),
    FaultKind(
        "F4",
        "1011 while idle",
        REPORTED,
        CLOCK,
        variants={
            "unavailable": '1011 "The service is currently unavailable."',
            "deadline": '1011 "Deadline expired before operation could complete."',
        },
    ),
    FaultKind("F5", "1011 before setupComplete", REPORTED, CONNECT),
    FaultKind(
        "F6",
        "burst: all sessions concerned are closed at once, and connects are refused for a while",
        REPORTED,
        RUN,
        ("refused_s", "http_status"),
    ),
    FaultKind("F7", "regime change: as F1, between two times of the run", REPORTED, TURN, required=("between_s",)),
    FaultKind(
        "F8",
        "poisoned handle: resumes, then 1011 half a second into each reply, until connected without a handle",
        REPORTED,
        CONNECT,
    ),
    FaultKind(
        "F9",
        "the resumption is refused",
        REPORTED,
        CONNECT,
        variants={
            "not_found": '1008 "BidiGenerateContent session not found"',
            "invalid": '1007 "Request contains an invalid argument."',
            "still_open": "1011, as if the old socket was still open",
        },
    ),
    FaultKind("F10", "as F1, and the session that is resumed has forgotten the call: it greets again", REPORTED, TURN),
    FaultKind(
        "F11",
        "goAway, then the end",
        DOCUMENTED,
        CLOCK,
        ("time_left_s",),
        variants={
            "deadline": '1011 "Deadline expired before operation could complete."',
            "cancelled": '1000 "The operation was cancelled."',
            "silence": "nothing more is sent",
        },
    ),
    FaultKind(
        "F12",
        "fixed lifetime of a connection",
        REPORTED,
        ("at_age_s",),
        variants={
            "deadline": '1011 "Deadline expired before operation could complete." (seen at 58:00)',
            "cancelled": '1000 "The operation was cancelled." (about 10 min)',
            "aborted": '1008 "The operation was aborted" (seen at 150 s)',
        },
    ),
    FaultKind("F13", "HTTP error at the upgrade", REPORTED, CONNECT, ("http_status",)),
    FaultKind("F14", "as F1, with the reason of an exhausted quota", REPORTED, TURN),
    FaultKind(
        "F15",
        "setupComplete late, or never",
        REPORTED,
        CONNECT,
        ("setup_ms_min", "setup_ms_max"),
        variants={"late": "setup_ms_min to setup_ms_max late", "never": "never"},
    ),
    FaultKind("F16", "the upgrade takes longer than the client waits", REPORTED, CONNECT, ("upgrade_s",)),
    FaultKind("F17", "1008: the model is not found for this API version", REPORTED, CONNECT),
    FaultKind("F18", "1008 on audio that comes while a toolCall is open", REPORTED, TOOL),
    FaultKind("F19", '1007 "Request contains an invalid argument."', REPORTED, (*TURN, *CLOCK)),
    FaultKind("F20", "TCP reset", REPORTED, (*TURN, *CLOCK)),
    FaultKind("F21", "half-open: the socket stays, and nothing comes any more", REPORTED, CLOCK),
    FaultKind("F22", "pongs come too late for the client's keepalive", REPORTED, CLOCK, ("pong_ms_min", "pong_ms_max")),
    FaultKind("F23", "the reply's audio stalls, then goes on", REPORTED, TURN, ("stall_ms_min", "stall_ms_max")),
    FaultKind("F24", "turnComplete in mid-sentence", REPORTED, TURN),
    FaultKind(
        "F25",
        "the utterance is transcribed, then nothing",
        REPORTED,
        TURN,
        ("silence_s",),
        variants={
            "nothing": "nothing for silence_s",
            "unfinished": "generationComplete without turnComplete and without audio",
        },
    ),
    FaultKind(
        "F26",
        "empty turn: turnComplete without audio",
        REPORTED,
        TURN,
        ("run_turns_max",),
        variants={"plain": "turnComplete alone", "rejected": "with turnCompleteReason RESPONSE_REJECTED"},
    ),
    FaultKind("F27", "ordinary frames of near-zero amplitude", REPORTED, TURN),
    FaultKind("F28", "audio after generationComplete", REPORTED, TURN, ("late_ms_min", "late_ms_max")),
    FaultKind("F29", "phantom interrupted, then no audio any more on this connection", REPORTED, TURN),
    FaultKind("F30", "the same inputTranscription again, and only then the reply", REPORTED, TURN, ("again_s",)),
    FaultKind("F31", "replies get later with the connection's age", REPORTED, ("at_age_s",), ("creep_ms_per_minute",)),
    FaultKind("F32", "the reply is said two to four times", REPORTED, TURN, ("repeat_ms_min", "repeat_ms_max")),
    FaultKind(
        "F33",
        "a short utterance soon after a reply is swallowed",
        REPORTED,
        TURN,
        ("utterance_ms_max", "after_reply_ms_max"),
    ),
)
FAULTS: Final[Mapping[str, FaultKind]] = {kind.number: kind for kind in _KINDS}
"""By number."""


class Fault(Model):
    """One fault and what sets it off: a hazard, or one fixed moment. Exactly one trigger must be given."""

    fault: str
    """Number in the catalogue, such as F1."""
    per_turn: Probability | None = None
    """Probability for each utterance of the caller."""
    at_turn: int | None = Field(default=None, ge=0)
    """The caller's utterance of the call that it strikes, from 1; 0 is the greeting."""
    per_minute: float | None = Field(default=None, ge=0)
    """Rate per connected minute."""
    at_connected_s: float | None = Field(default=None, ge=0)
    """Age of the call's first connection at which it strikes, s."""
    at_age_s: float | None = Field(default=None, ge=0)
    """Age at which it strikes every connection, s."""
    at_run_s: float | None = Field(default=None, ge=0)
    """The one moment of the run at which it strikes all open connections, s."""
    per_connect: Probability | None = None
    """Probability for each connect and reconnect."""
    at_connect: int | None = Field(default=None, ge=1)
    """The connection of the call that it strikes, from 1."""
    per_tool_call: Probability | None = None
    """Probability for each tool call."""
    at_tool_call: int | None = Field(default=None, ge=1)
    """The tool call of the call that it strikes, from 1."""
    calls: tuple[str | int, ...] | None = None
    """Ids or slot numbers of the calls concerned; every call when absent."""
    between_s: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """[from, to], seconds of the run: outside it never strikes."""
    share: Probability = 1.0
    """Chance that a call is concerned at all."""
    variant: str | None = None
    """Which of its forms it takes, see below; drawn each time when absent."""
    http_status: int = Field(default=503, ge=400, le=599)
    """F6, F13: what the upgrade is answered with."""
    refused_s: float = Field(default=60, ge=0)
    """F6: how long connects are refused, s."""
    time_left_s: float = Field(default=50, ge=0)
    """F11: from goAway to the end, s."""
    setup_ms_min: float = Field(default=4000, ge=0)
    """F15: shortest wait for setupComplete, ms."""
    setup_ms_max: float = Field(default=8000, gt=0)
    """F15: longest wait for setupComplete, ms."""
    upgrade_s: float = Field(default=15, gt=0)
    """F16: how long the upgrade takes, s."""
    pong_ms_min: float = Field(default=8000, ge=0)
    """F22: shortest wait for a pong, ms."""
    pong_ms_max: float = Field(default=30000, gt=0)
    """F22: longest wait for a pong, ms."""
    stall_ms_min: float = Field(default=1000, gt=0)
    """F23: shortest hole in the audio as played, ms."""
    stall_ms_max: float = Field(default=15000, gt=0)
    """F23: longest hole in the audio as played, ms."""
    silence_s: float = Field(default=50, gt=0)
    """F25: how long nothing comes, s."""
    run_turns_max: int = Field(default=1, ge=1)
    """F26: longest run of empty turns, seen up to 27; the length is drawn uniformly from 1."""
    late_ms_min: float = Field(default=200, ge=0)
    """F28: shortest wait for the late audio, ms."""
    late_ms_max: float = Field(default=1000, gt=0)
    """F28: longest wait for the late audio, ms."""
    again_s: float = Field(default=55, gt=0)
    """F30: from the first transcription to the second, s."""
    creep_ms_per_minute: float = Field(default=500, gt=0)
    """F31: how much later a reply gets with each minute of the connection's age, ms."""
    repeat_ms_min: float = Field(default=2000, gt=0)
    """F32: shortest silence before the reply is said again, ms."""
    repeat_ms_max: float = Field(default=7000, gt=0)
    """F32: longest silence before the reply is said again, ms."""
    utterance_ms_max: float = Field(default=1000, gt=0)
    """F33: longest utterance that is swallowed, ms."""
    after_reply_ms_max: float = Field(default=2000, gt=0)
    """F33: how soon after the end of the reply it must begin, ms."""

    @property
    def kind(self) -> FaultKind:
        """Its entry in the catalogue."""
        return FAULTS[self.fault]

    @model_validator(mode="after")
    def _consistent(self) -> Fault:
        kind = FAULTS.get(self.fault)
        if kind is None:
            raise ValueError(f"unknown fault {self.fault!r}; known: {', '.join(FAULTS)}")
        given = [name for name in TRIGGERS if getattr(self, name) is not None]
        if len(given) != 1 or given[0] not in kind.triggers:
            raise ValueError(f"{self.fault} needs exactly one of {', '.join(kind.triggers)}")
        for name in kind.required:
            if getattr(self, name) is None:
                raise ValueError(f"{self.fault} needs {name}")
        for name in SETTINGS:
            # A resolved profile states the defaults too.
            if name not in kind.settings and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{self.fault} does not take {name}")
        if self.variant is not None and self.variant not in kind.variants:
            forms = f"takes {', '.join(kind.variants)}" if kind.variants else "has none"
            raise ValueError(f"unknown variant {self.variant!r}: {self.fault} {forms}")
        for low, high in RANGES:
            if getattr(self, high) < getattr(self, low):
                raise ValueError(f"{high} must not be below {low}")
        if self.between_s is not None and self.between_s[0] >= self.between_s[1]:
            raise ValueError("between_s expects [from, to] with from < to")
        return self


NARROWED_BY: Final = ("calls", "between_s", "share")
SETTINGS: Final = tuple(
    name for name in Fault.model_fields if name not in ("fault", "variant", *TRIGGERS, *NARROWED_BY)
)
RANGES: Final = tuple((name, name[:-3] + "max") for name in SETTINGS if name.endswith("_min"))
