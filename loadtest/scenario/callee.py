"""The synthetic person at the other end: when they pick up, what they say, how long they wait."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from loadtest.scenario.base import Distribution, Model, Name

__all__ = ["CalleeSpec", "Pickup", "PickupMix", "Script", "ScriptLine"]


class Pickup(StrEnum):
    """What the callee does when the phone rings."""

    ANSWER = "answer"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"


class PickupMix(Model):
    """Shares of what callees do; they must sum to 1."""

    answer: float = Field(default=1.0, ge=0, le=1)
    no_answer: float = Field(default=0.0, ge=0, le=1)
    busy: float = Field(default=0.0, ge=0, le=1)
    rejected: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.answer + self.no_answer + self.busy + self.rejected
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"shares must sum to 1, these sum to {total:g}")
        return self


class CalleeSpec(Model):
    """The synthetic person at the other end."""

    ring_s: Distribution = Distribution(uniform=(1.0, 3.0))
    """How long it rings, per slot, the same for all arms."""
    pickup: PickupMix = PickupMix()
    """Who picks up, per slot, the same for all arms."""
    patience_s: Distribution = Distribution(uniform=(4.0, 7.0))
    """Silence after a line until the callee re-prompts, per slot, the same for all arms."""
    reprompts: int = Field(default=2, ge=0, le=5)
    """Re-prompts after one line before the callee gives up, says goodbye and hangs up."""
    agent_finished_after_s: float = Field(default=1.2, gt=0.3, le=5)
    """Silence of the agent after which the callee takes the floor."""
    greeting_limit_s: float = Field(default=10.0, gt=0, le=60)
    """The callee waits this long for a greeting, then begins with the script."""
    agent_join_limit_s: float = Field(default=15.0, gt=0, le=120)
    """An agent that has not joined this long after the answer is a no-show."""
    max_call_s: float = Field(default=180.0, gt=5, le=3600)
    """The callee hangs up after this long, whatever happens."""


class ScriptLine(Model):
    """One recorded utterance."""

    name: Name
    """Its name in tables."""
    audio: str
    """WAV or FLAC file, relative to the script's file."""
    text: str = ""
    """What is said, for people who read."""


class Script(Model):
    """What the callee says."""

    version: Literal[1]
    lines: tuple[ScriptLine, ...] = Field(min_length=1)
    """Said in this order, each when the agent has finished."""
    reprompts: tuple[ScriptLine, ...] = ()
    """Said in turn when no reply comes."""
    goodbye: ScriptLine | None = None
    """Said before hanging up; no reply to it is awaited."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        goodbye = (self.goodbye,) if self.goodbye else ()
        names = [line.name for line in (*self.reprompts, *goodbye)]
        repeated = {n for n in names if names.count(n) > 1} | ({ln.name for ln in self.lines} & set(names))
        if repeated:
            raise ValueError(f"re-prompts and goodbye must be other lines than the script's: {', '.join(repeated)}")
        return self
