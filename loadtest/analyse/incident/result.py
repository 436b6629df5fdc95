"""What the logs of an incident tell, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.analyse.bursts import Burst
from loadtest.analyse.rates import Rate

__all__ = ["AGES", "PHASES", "UNKNOWN", "CloseKind", "Incident", "LoggedBurst", "ModelIncident", "Spread", "What"]

What = Literal["close", "go_away", "refused"]
UNKNOWN: Final = "unknown"
PHASES: Final = ("setup", "tool", "awaiting_reply or replying", "idle or callee_speaking", UNKNOWN)
"""A log does not tell when audio of a reply arrived, nor when the callee began to speak: so two phases are one here."""
AGES: Final = ("under 10 s", "10 to 60 s", "1 to 5 min", "5 to 9 min", "9 to 11 min", "over 11 min", UNKNOWN)
"""Of a connection when it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Some durations, each known to lie between two ends; s."""

    n: int
    p50: tuple[float, float]
    p95: tuple[float, float]
    """(low, high) of the quantile; of few durations about the longest."""
    longest: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseKind:
    """Connections that ended alike, or attempts at one that failed alike."""

    what: What
    code: int | None
    http_status: int | None
    side: str
    """Who sent the first close frame: server, client, none, unknown."""
    reason: str
    """Ids in it left out."""
    count: int
    calls: int | None
    """Calls that it befell; None if no call is named."""
    phases: Mapping[str, int]
    age_s: Spread | None
    """Of the connections whose age is told to 2 s or better."""
    first: str
    """`file:line` of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBurst:
    """A burst and when it was."""

    began: str
    """As the log's clock told it."""
    burst: Burst


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIncident:
    """One model."""

    model: str | None
    """None: the log does not tell."""
    calls: int
    """Calls that are named, by job, room, or a field call_id."""
    calls_hit: int
    """Of them those that lost a connection, not by the client's doing, or were refused one."""
    unplaced: int
    """Closes, goAways and refusals that are of no call for certain."""
    given_up: int
    """Sessions that the agent gave up."""
    connects: int | None
    connected_minutes: float | None
    """None: no connect is told."""
    call_minutes: float | None
    """Of calls whose begin and end are told, and no connect."""
    turns: int | None
    """Ends of the callee's utterances that are told, or else of the model's turns."""
    tools: int
    closes: tuple[CloseKind, ...]
    """The most frequent first."""
    phases: Mapping[str, int]
    """How many ended in which phase."""
    ages: Mapping[str, int]
    """How many ended at which age of the connection."""
    reconnects: Spread | None
    """From the end of a connection to the next one."""
    reconnects_untold: int
    """Ends after which no connect is told."""
    after_speech: Spread | None
    """From the end of the callee's utterance to the close that came before the reply's end."""
    rate_1011: Rate | None
    """1011s that the server sent after setup, those of a call within 10 s of each other once."""
    rate_per: Literal["connected minute", "call minute"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """All that was read."""

    files: tuple[str, ...]
    lines: int
    unreadable: int
    first_unreadable: str | None
    untimed: int
    """Entries without a time among those that tell something."""
    began: str | None
    ended: str | None
    """The first and the last time of the log, by its clock; None if it has none."""
    whole: bool
    """It was read to its end."""
    plugin: str | None
    """Version of livekit-plugins-google that is told most often."""
    models: tuple[ModelIncident, ...]
    bursts: tuple[LoggedBurst, ...]
    unknown: tuple[str, ...]
    """What the log cannot tell, in words."""
