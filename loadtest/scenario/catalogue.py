"""The fault catalogue: what a simulated endpoint can do to a call. Data alone.

How a scenario asks for one is in `faults`; what each does, in `loadtest.stack.gemini.faults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["CLOCK", "CONNECT", "FAULTS", "RUN", "TOOL", "TRIGGERS", "TURN", "FaultKind"]

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
    """How it is known: a thread on GitHub, or in words."""
    triggers: tuple[str, ...]
    """Which of TRIGGERS can set it off."""
    settings: tuple[str, ...] = ()
    """The optional settings of `Fault` that it reads."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Forms that it takes, each with one line on it."""
    required: tuple[str, ...] = ()
    """Optional fields of `Fault` that it cannot do without."""


REPORTED: Final = "reported by users"

_KINDS: Final = (
    FaultKind(
        "F1",
        "1011 after the end of input, before any audio",
        "googleapis/python-genai#985",
        TURN,
        ("close_ms_min", "close_ms_max"),
    ),
    FaultKind("F2", "1011 after some audio parts of the reply", "livekit/agents#2274", TURN),
    FaultKind(
        "F3",
        "close around a tool call",
        "google/adk-python#3918",
        TOOL,
        variants={"internal": '1011 "Internal error occurred."', "not_found": '1008 "Requested entity was not found"'},
    ),
    FaultKind(
        "F4",
        "1011 while idle",
        "googleapis/python-genai#760",
        CLOCK,
        variants={
            "unavailable": '1011 "The service is currently unavailable."',
            "deadline": '1011 "Deadline expired before operation could complete."',
        },
    ),
    FaultKind("F5", "1011 before setupComplete", REPORTED, CONNECT),
    FaultKind(
        "F6",
        "burst: all sessions concerned are closed at once, and all connects are refused for a while",
        REPORTED,
        RUN,
        ("refused_s", "http_status"),
        variants={"http": "connects get http_status", "setup": '1011 "The service is currently unavailable."'},
    ),
    FaultKind("F7", "regime change: as F1, between two times of the run", REPORTED, TURN, required=("between_s",)),
    FaultKind(
        "F8",
        "poisoned handle: resumes, then 1011 half a second into each reply, until connected without a handle",
        "kazunori279/adk-streaming-guide#11",
        CONNECT,
    ),
    FaultKind(
        "F9",
        "the resumption is refused",
        "aicc2025/sip-to-ai#14",
        CONNECT,
        variants={
            "not_found": '1008 "BidiGenerateContent session not found"',
            "invalid": '1007 "Request contains an invalid argument."',
            "still_open": "1011, as if the old socket was still open",
        },
    ),
    FaultKind(
        "F10",
        "as F1, and the session that is resumed has forgotten the call: it greets again",
        "livekit/agents-js#2346",
        TURN,
    ),
    FaultKind(
        "F11",
        "goAway, then the end",
        "kizuna-ai-lab/sokuji#179",
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
        "autonomous-ai/autonomous-os#238",
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
        "BerriAI/litellm#31519",
        CONNECT,
        ("setup_ms_min", "setup_ms_max"),
        variants={"late": "setup_ms_min to setup_ms_max late", "never": "never"},
    ),
    FaultKind(
        "F16", "the upgrade takes longer than the client waits", "googleapis/python-genai#651", CONNECT, ("upgrade_s",)
    ),
    FaultKind("F17", "1008: the model is not found for this API version", "livekit/agents#4414", CONNECT),
    FaultKind("F18", "1008 on audio that comes while a toolCall is open", "livekit/agents#4545", TOOL),
    FaultKind("F19", '1007 "Request contains an invalid argument."', "livekit/agents#5985", (*TURN, *CLOCK)),
    FaultKind("F20", "TCP reset", "google/adk-python#3035", (*TURN, *CLOCK)),
    FaultKind("F21", "half-open: the socket stays, and nothing comes any more", REPORTED, CLOCK),
    FaultKind(
        "F22",
        "pongs come too late for the client's keepalive",
        "aicc2025/sip-to-ai#14",
        CLOCK,
        ("pong_ms_min", "pong_ms_max"),
    ),
    FaultKind(
        "F23",
        "the reply's audio stalls, then goes on",
        "google-gemini/cookbook#1255",
        TURN,
        ("stall_ms_min", "stall_ms_max"),
    ),
    FaultKind("F24", "turnComplete in mid-sentence", "googleapis/python-genai#2117", TURN),
    FaultKind(
        "F25",
        "the utterance is transcribed, then nothing",
        "google-gemini/gemini-live-api-examples#48",
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
        "googleapis/python-genai#2117",
        TURN,
        ("run_turns_max",),
        variants={"plain": "turnComplete alone", "rejected": "with turnCompleteReason RESPONSE_REJECTED"},
    ),
    FaultKind("F27", "ordinary frames of near-zero amplitude", "google-gemini/gemini-live-api-examples#40", TURN),
    FaultKind("F28", "audio after generationComplete", "livekit/agents#6421", TURN, ("late_ms_min", "late_ms_max")),
    FaultKind(
        "F29", "phantom interrupted, then no audio any more on this connection", "googleapis/python-genai#2333", TURN
    ),
    FaultKind(
        "F30",
        "the same inputTranscription again, and only then the reply",
        "google-gemini/gemini-live-api-examples#48",
        TURN,
        ("again_s",),
    ),
    FaultKind(
        "F31",
        "replies get later with the connection's age",
        "BerriAI/litellm#31519",
        ("at_age_s",),
        ("creep_ms_per_minute",),
    ),
    FaultKind(
        "F32",
        "the reply is said two to four times",
        "google-gemini/gemini-live-api-examples#46",
        TURN,
        ("repeat_ms_min", "repeat_ms_max"),
    ),
    FaultKind(
        "F33",
        "a short utterance soon after a reply is swallowed",
        "google-gemini/cookbook#1329",
        TURN,
        ("utterance_ms_max", "after_reply_ms_max"),
    ),
)
FAULTS: Final[Mapping[str, FaultKind]] = {kind.number: kind for kind in _KINDS}
"""By number."""
