"""What the callee's telephone line does to everything that the callee sends."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from loadtest.audio.impairments import Law
from loadtest.audio.noise import NoiseKind
from loadtest.scenario.base import Model

__all__ = ["Impairments", "Noise"]


def _kind(value: Any) -> Any:
    # Strict validation takes no text for an enum.
    if not isinstance(value, str) or value not in set(NoiseKind):
        raise ValueError(f"expected one of {', '.join(NoiseKind)}")
    return NoiseKind(value)


def _law(value: Any) -> Any:
    if not isinstance(value, str) or value not in set(Law):
        raise ValueError(f"expected one of {', '.join(Law)}")
    return Law(value)


class Noise(Model):
    """What is heard behind the callee, all the time."""

    kind: Annotated[NoiseKind, BeforeValidator(_kind)]
    """White, pink, or babble: a room full of people."""
    snr_db: float = Field(ge=0, le=60)
    """How far it is below the active speech level (ITU-T P.56) of the script's lines, all together, in dB."""


class Impairments(Model):
    """What happens to the callee's voice on its way to LiveKit, in this order."""

    noise: Noise | None = None
    """Background noise, from the answer to the hang-up."""
    telephone: Annotated[Law, BeforeValidator(_law)] | None = None
    """The band and the companding of G.711, by this law."""
    loss: float = Field(default=0.0, ge=0, le=0.5)
    """Share of packets of 20 ms that are lost and concealed."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.noise is None and self.telephone is None and not self.loss:
            raise ValueError("expected at least one of noise, telephone, loss")
        return self
