"""What became of the audio's packets in the calls of an arm."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = ["AudioPath", "count_packets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPath:
    """Between callees and LiveKit, over the calls whose packets were counted; all None if in none they were."""

    calls: int
    packets_due: int | None
    """Of the agents' audio."""
    packets_lost: int | None
    concealed_ms: float | None
    """What the SDK made up for audio that was not there in time, silence aside."""
    packets_sent: int | None
    """Of the callees' audio."""
    sent_lost: int | None
    """Of them, by the server's reports."""


def count_packets(calls: pl.DataFrame) -> AudioPath:
    """Sum over one arm's calls."""
    counted = calls.filter(pl.col("packets_due").is_not_null())

    def total(column: str) -> int | None:
        return int(counted[column].sum()) if counted.height else None

    return AudioPath(
        calls=counted.height,
        packets_due=total("packets_due"),
        packets_lost=total("packets_lost"),
        concealed_ms=float(counted["concealed_ms"].sum()) if counted.height else None,
        packets_sent=total("packets_sent"),
        sent_lost=total("sent_lost"),
    )
