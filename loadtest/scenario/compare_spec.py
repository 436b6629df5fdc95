"""What a scenario declares about the comparison of its arms, before the first dial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from loadtest.scenario.arms import Arm
from loadtest.scenario.base import Model
from loadtest.scenario.compared import COMPARED, DEFAULT_SUCCESS, default_margins
from loadtest.scenario.problems import nearest

__all__ = ["CompareSpec", "differing_fields", "factor_problem"]


def _known(key: str) -> str:
    if key not in COMPARED:
        close = nearest(key, tuple(COMPARED))
        hint = f" (did you mean {close}?)" if close else ""
        raise ValueError(f'expected a metric, one of {", ".join(COMPARED)}{hint}; found "{key}"')
    return key


_MetricKey = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(COMPARED)})]


class CompareSpec(Model):
    """What will be compared, declared before the first dial and hashed into the plan."""

    control: str
    """The arm that the others are held against."""
    factor: Literal["model", "api", "region", "plugin", "none"] = "model"
    """The one thing in which the arms are meant to differ. none: they are the same endpoint (A/A)."""
    success: tuple[_MetricKey, ...] = DEFAULT_SUCCESS
    """Metrics of which one must be better."""
    margins: dict[_MetricKey, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=lambda: default_margins(DEFAULT_SUCCESS)
    )
    """All guardrails, and how much worse the candidate may be: ratios minus 1, shares as fractions, lost turns per 100.
    A success metric that is named here must not be worse either."""
    alpha: float = Field(default=0.025, gt=0, lt=0.5)
    """One-sided."""
    looks: int = Field(default=1, ge=1, le=4)
    """How often the verdict may be looked at."""

    @model_validator(mode="before")
    @classmethod
    def _guard_what_is_no_success(cls, value: Any) -> Any:
        if isinstance(value, dict) and "margins" not in value and isinstance(value.get("success"), list | tuple):
            return {**value, "margins": default_margins(value["success"])}
        return value

    @field_validator("success")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("expected each metric once")
        return value

    @field_validator("margins")
    @classmethod
    def _shares_are_fractions(cls, value: dict[str, float]) -> dict[str, float]:
        problems = [
            f"{key}: expected a margin below 1: 0.01 is one percentage point"
            for key, margin in value.items()
            if COMPARED[key].unit == "share" and margin >= 1
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return value


def differing_fields(one: Arm, other: Arm) -> tuple[str, ...]:
    """The fields in which two arms differ, whatever their agents are called; none: they are the same endpoint."""

    def fields(arm: Arm) -> Mapping[str, Any]:
        dumped = arm.model_dump(mode="json")
        dumped["agent"].pop("name")
        return dumped

    mine, its = fields(one), fields(other)
    return tuple(name for name in mine if mine[name] != its[name])


def factor_problem(spec: CompareSpec, arms: Mapping[str, Arm]) -> str | None:
    """What is wrong with the declared factor, if anything: `none` while arms differ."""
    control = arms.get(spec.control)
    if spec.factor != "none" or control is None:
        return None
    for name, arm in arms.items():
        if differ := differing_fields(arm, control):
            return (
                "compare.factor: none says that all arms are the same endpoint; "
                f"{name} differs from {spec.control} in {', '.join(differ)}"
            )
    return None
