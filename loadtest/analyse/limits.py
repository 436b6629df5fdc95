"""Which of the scenario's limits of validity were touched, how often, and in which arm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from loadtest.scenario.models import ValidityLimits

__all__ = ["CODES", "LimitUse", "limits_touched", "reason_code"]

CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "loop_lag_ms": ("loop_lag",),
    "frame_gap_ms": ("agent_frame_gap", "callee_frame_gap", "callee_step", "simulator_lag", "tester_lag", "agent_lag"),
    "anchor_ms": ("agent_anchor", "agent_step"),
    "concealed_ms": ("concealed",),
    "jitter_buffer_ms": ("jitter_buffer",),
    "packet_loss": ("agent_loss", "callee_loss"),
    "cpu_share": ("cpu",),
    "cpu_stall": ("cpu_stall",),
}
"""What a turn's invalid_reason says, by the limit that it is beyond."""
_REASON: Final = re.compile(r"(?P<code>\w+)(?: (?P<amount>[\d.]+)(?P<unit> ms|%)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """One limit, and what was beyond it."""

    limit: str
    """Its name in the scenario's `validity`."""
    value: float
    counted: Literal["turns", "calls"]
    touched: Mapping[str, int]
    """By arm: script turns, or calls, beyond it."""
    worst: Mapping[str, float | None]
    """By arm: the largest of them, in the limit's unit; None without."""


def reason_code(reason: str) -> str:
    """What it was, without how much: `loop_lag` of `loop_lag 134 ms`."""
    found = _REASON.fullmatch(reason)
    return reason if found is None else found["code"]


def limits_touched(
    script_turns: pl.DataFrame, calls: pl.DataFrame, limits: ValidityLimits, arms: Iterable[str]
) -> tuple[LimitUse, ...]:
    """All limits of turns and calls, in the order of the scenario's documentation, touched or not."""
    arms = tuple(arms)
    by_arm = {arm: _amounts(script_turns.filter(pl.col("arm") == arm)["invalid_reason"]) for arm in arms}
    found = [
        _use(limit, limits, "turns", {arm: list(_worst(by_arm[arm], codes)) for arm in arms})
        for limit, codes in CODES.items()
    ]
    waits = {
        "dial_late_ms": (pl.col("dialled_s") - pl.col("due_s")) * 1000,
        "agent_join_ms": (pl.col("agent_joined_s") - pl.col("dispatched_s")) * 1000,
    }
    for limit, wait in waits.items():
        frame = calls.select("arm", wait.alias("ms")).filter(pl.col("ms") > getattr(limits, limit))
        found.append(
            _use(limit, limits, "calls", {arm: frame.filter(pl.col("arm") == arm)["ms"].to_list() for arm in arms})
        )
    return tuple(found)


def _worst(turns: Iterable[Mapping[str, float]], codes: Iterable[str]) -> Iterable[float]:
    for amounts in turns:
        if of_these := [amounts[code] for code in codes if code in amounts]:
            yield max(of_these)


def _use(
    limit: str, limits: ValidityLimits, counted: Literal["turns", "calls"], amounts: Mapping[str, list[float]]
) -> LimitUse:
    return LimitUse(
        limit=limit,
        value=getattr(limits, limit),
        counted=counted,
        touched={arm: len(of) for arm, of in amounts.items()},
        worst={arm: max(of, default=None) for arm, of in amounts.items()},
    )


def _amounts(reasons: pl.Series) -> list[dict[str, float]]:
    """Of each invalid turn: how much of what, shares as fractions."""
    listed = []
    for told in reasons.drop_nulls():
        amounts: dict[str, float] = {}
        for reason in told.split("; "):
            found = _REASON.fullmatch(reason)
            if found is not None and found["amount"] is not None:
                amount = float(found["amount"])
                amounts[found["code"]] = amount / 100 if found["unit"] == "%" else amount
        listed.append(amounts)
    return listed
