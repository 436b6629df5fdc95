"""The synthetic person at the other end: when they pick up, what they say, how long they wait."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from loadtest.scenario.base import Distribution, Model, Name, Version
from loadtest.scenario.impairments import Impairments

__all__ = ["BargeIn", "CalleeSpec", "Pause", "Pickup", "PickupMix", "PlainLine", "Script", "ScriptLine"]

KEYS = r"^w*[0-9*#A-D](w*[0-9*#A-D])*$"
VOICE = r"^[A-Za-z][A-Za-z0-9_+-]{0,39}$"
VARIABLE = r"^[a-z][a-z0-9_]{0,39}$"
VariableName = Annotated[str, Field(pattern=VARIABLE)]
VariableValue = Annotated[str, Field(min_length=1, max_length=200)]


class Pickup(StrEnum):
    """What the callee does when the phone rings."""

    ANSWER = "answer"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"


class PickupMix(Model):
    """Shares of what callees do; they must sum to 1."""

    answer: float = Field(default=1.0, ge=0, le=1)
    """Picks up after ring_s."""
    no_answer: float = Field(default=0.0, ge=0, le=1)
    """Lets it ring for ring_s."""
    busy: float = Field(default=0.0, ge=0, le=1)
    """Is busy."""
    rejected: float = Field(default=0.0, ge=0, le=1)
    """Rejects the call."""

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
    agent_finished_after_s: float = Field(default=1.2, gt=0.3, le=30)
    """Silence of the agent after which the callee takes the floor."""
    greeting_limit_s: float = Field(default=10.0, gt=0, le=60)
    """The callee waits this long for a greeting, then begins with the script."""
    agent_join_limit_s: float = Field(default=15.0, gt=0, le=120)
    """An agent that has not joined this long after the answer is a no-show."""
    max_call_s: float = Field(default=180.0, gt=5, le=3600)
    """The callee hangs up after this long, whatever happens."""
    line: Impairments | None = None
    """What the telephone line does to all that the callee sends; a clean line without."""


class PlainLine(Model):
    """What the callee says: `audio`, `say` or `dtmf`, exactly one of them."""

    name: Name
    """Its name in tables."""
    audio: str | None = None
    """WAV or FLAC file, relative to the script's file."""
    say: str | None = Field(default=None, min_length=1)
    """Text that a voice of this machine speaks; `{name}` stands for the value of a variable."""
    dtmf: str | None = Field(default=None, pattern=KEYS, max_length=64)
    """Keys that the callee presses instead: 0-9 * # A-D, w is a pause of half a second. Nothing is heard of them."""
    text: str = ""
    """What is said, for people who read."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [self.audio is None, self.say is None, self.dtmf is None].count(False)
        if given == 0 and "dtmf" in self.model_fields_set:
            raise ValueError("dtmf: expected keys; found nothing: put them in quotes, for # begins a comment")
        if given != 1:
            raise ValueError("expected exactly one of audio: FILE, say: TEXT, dtmf: KEYS")
        return self


class BargeIn(Model):
    """A line that interrupts the reply to the line before."""

    after_s: float = Field(ge=0.4, le=60)
    """From the onset of that reply to the onset of the line."""


class Pause(Model):
    """A silence in the middle of a line."""

    at_s: float = Field(gt=0, lt=60)
    """Where in the line's audio."""
    for_s: float = Field(gt=0, le=20)
    """How long it is."""


class ScriptLine(PlainLine):
    """A line of the script: what is said, when, and whether it is a turn."""

    wait_s: Distribution = Distribution(constant=0)
    """How much longer than agent_finished_after_s the agent must be silent before it, per slot, the same for all
    arms."""
    if_silent_s: float | None = Field(default=None, gt=0, le=120)
    """Said as a re-prompt, and only if the agent stays silent for this long after the line before; else passed over."""
    reply: bool = True
    """Whether a reply is expected. If not, it is no turn and the next line comes when the agent is silent."""
    asks_tool: bool = False
    """A simulated endpoint calls the agent's tool when it hears the line, and replies to what the tool returns."""
    barge_in: BargeIn | None = None
    """Said into the reply to the line before, while the agent speaks; passed over if that reply is too short."""
    pause: Pause | None = None
    """A silence put into the line."""

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        ordinary = self.reply and self.wait_s == Distribution(constant=0)
        if self.barge_in is not None and not (ordinary and self.if_silent_s is None):
            raise ValueError("barge_in says when the line is said: leave wait_s, if_silent_s and reply out")
        if self.if_silent_s is not None and not ordinary:
            raise ValueError("if_silent_s makes the line a re-prompt: leave wait_s and reply out")
        return self

    @model_validator(mode="after")
    def _keys_are_not_heard(self) -> Self:
        for name in ("barge_in", "pause", "asks_tool"):
            if self.dtmf is not None and getattr(self, name):
                raise ValueError(f"{name}: expected a line that is heard, audio: FILE or say: TEXT; found one of keys")
        return self


class Script(Model):
    """What the callee says."""

    version: Version
    """Version of this format."""
    voice: str | None = Field(default=None, pattern=VOICE)
    """The voice that speaks `say`: a name that `espeak-ng --voices` lists, with a variant if wanted."""
    variables: dict[VariableName, tuple[VariableValue, ...]] = Field(default_factory=dict)
    """Values by name. One of each is drawn per slot, the same for all arms, and put in the place of `{name}`."""
    lines: tuple[ScriptLine, ...] = Field(min_length=1)
    """Said in this order, each when the agent has finished."""
    reprompts: tuple[PlainLine, ...] = ()
    """Said in turn when no reply comes."""
    goodbye: PlainLine | None = None
    """Said before hanging up; no reply to it is awaited."""

    @field_validator("variables")
    @classmethod
    def _has_values(cls, variables: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        empty = [f"{name}: expected at least one value" for name, values in variables.items() if not values]
        if empty:
            raise ValueError("\n".join(empty))
        return variables

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        goodbye = (self.goodbye,) if self.goodbye else ()
        names = [line.name for line in (*self.reprompts, *goodbye)]
        repeated = {n for n in names if names.count(n) > 1} | ({ln.name for ln in self.lines} & set(names))
        if repeated:
            raise ValueError(f"re-prompts and goodbye must be other lines than the script's: {', '.join(repeated)}")
        return self

    @model_validator(mode="after")
    def _what_asks_sounds_like_nothing_else(self) -> Self:
        goodbye = (self.goodbye,) if self.goodbye else ()
        others = (*(line for line in self.lines if not line.asks_tool), *self.reprompts, *goodbye)
        for i, line in enumerate(self.lines):
            alike = [other.name for other in others if (other.audio, other.say) == (line.audio, line.say)]
            if line.asks_tool and alike:
                raise ValueError(f"lines.{i}.asks_tool: expected a line that sounds like no other; {alike[0]} does")
        return self

    @model_validator(mode="after")
    def _conditions_have_a_turn(self) -> Self:
        for i, line in enumerate(self.lines):
            for name in ("if_silent_s", "barge_in"):
                if getattr(line, name) is not None and (i == 0 or not self.lines[i - 1].reply):
                    raise ValueError(f"lines.{i}.{name}: expected a line before it to which a reply is awaited")
        return self
