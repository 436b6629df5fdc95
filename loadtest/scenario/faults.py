"""How a scenario asks for a fault of the catalogue: which, what sets it off, and its settings."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from loadtest.scenario.base import Model
from loadtest.scenario.catalogue import FAULTS, TRIGGERS, FaultKind

__all__ = ["FAULTS", "NARROWED_BY", "Fault", "examples"]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


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
    close_ms_min: float = Field(default=200, ge=0)
    """F1: shortest wait from the end of input to the close, ms."""
    close_ms_max: float = Field(default=1500, gt=0)
    """F1: longest wait from the end of input to the close, ms."""
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
    late_ms_min: float = Field(default=1000, ge=0)
    """F28: shortest wait from generationComplete to the late audio, ms."""
    late_ms_max: float = Field(default=4000, gt=0)
    """F28: longest wait from generationComplete to the late audio, ms."""
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

_LIKE: Final = {
    "per_turn": 0.01,
    "at_turn": 2,
    "per_minute": 0.05,
    "at_connected_s": 30,
    "at_age_s": 600,
    "at_run_s": 300,
    "per_connect": 0.02,
    "at_connect": 2,
    "per_tool_call": 0.05,
    "at_tool_call": 1,
    "between_s": [300, 600],
}


def examples(kind: FaultKind) -> list[dict[str, Any]]:
    """One entry for each of its triggers, as a scenario may write it; the last with its settings and a variant."""
    entries = [
        {"fault": kind.number, name: _LIKE[name], **{needed: _LIKE[needed] for needed in kind.required}}
        for name in kind.triggers
    ]
    entries[-1] |= {name: Fault.model_fields[name].default for name in kind.settings}
    if kind.variants:
        entries[-1]["variant"] = next(iter(kind.variants))
    return entries
