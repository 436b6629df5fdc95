"""What all scenario models share: strictness, names, bare flags, distributions."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

__all__ = ["Distribution", "Flag", "Model", "Name", "Version"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Model(BaseModel):
    """Base of every scenario model: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _bare_flag(value: Any) -> Any:
    # `{external, name: x}` is YAML for {external: null, name: x}: a bare key means yes.
    return True if value is None else value


def _whole_number(value: Any) -> Any:
    return value if type(value) is int else str(value)  # to Python, true and 1.0 equal 1


Version = Annotated[Literal[1], BeforeValidator(_whole_number)]

Flag = Annotated[bool, BeforeValidator(_bare_flag), WithJsonSchema({"type": ["boolean", "null"]})]


class Distribution(Model):
    """A positive quantity drawn per slot: a number, `{uniform: [a, b]}` or `{lognormal: {median: m, p95: p}}`."""

    constant: float | None = Field(default=None, ge=0)
    """Always this value."""
    uniform: tuple[float, float] | None = None
    """Low and high end."""
    lognormal: dict[Literal["median", "p95"], float] | None = None
    """Median and 95th percentile."""

    @model_validator(mode="before")
    @classmethod
    def _number_is_constant(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"constant": value}
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [f for f in (self.constant, self.uniform, self.lognormal) if f is not None]
        if len(forms) != 1:
            raise ValueError("expected a number, {uniform: [low, high]} or {lognormal: {median: m, p95: p}}")
        if self.uniform is not None and not 0 <= self.uniform[0] <= self.uniform[1]:
            raise ValueError("uniform expects [low, high] with 0 <= low <= high")
        if self.lognormal is not None and not (
            set(self.lognormal) == {"median", "p95"} and 0 < self.lognormal["median"] <= self.lognormal["p95"]
        ):
            raise ValueError("lognormal expects median and p95 with 0 < median <= p95")
        return self

    def quantile(self, p: float) -> float:
        """The value at probability `p` in (0, 1): draws go through this so that one uniform number makes one draw."""
        if self.constant is not None:
            return self.constant
        if self.uniform is not None:
            low, high = self.uniform
            return low + p * (high - low)
        assert self.lognormal is not None
        normal = NormalDist()
        sigma = math.log(self.lognormal["p95"] / self.lognormal["median"]) / normal.inv_cdf(0.95)
        return self.lognormal["median"] * math.exp(sigma * normal.inv_cdf(p))
