"""Whether the agent let itself be interrupted, and how soon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from loadtest.analyse.inputs import block_numbers
from loadtest.analyse.quantiles import Quantile, estimate_quantile
from loadtest.analyse.shares import Share, estimate_share
from loadtest.measure.barge_ins import STOP_LIMIT_MS

__all__ = ["BargeIns", "count_barge_ins"]

QUANTILES: Final = {"p50": 0.5, "p95": 0.95}
LEAST_MS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeIns:
    """One arm's valid barge-ins. In no other figure."""

    said: int
    n: int
    """Of which the agent was speaking, and it is known when it stopped, or that it did not within the limit."""
    not_stopped: Share
    """Of these n: it was still heard STOP_LIMIT_MS after the barge-in's onset."""
    stop: Mapping[str, Quantile]
    """By p50, p95: from the barge-in's onset to the end of the agent's speech; at most STOP_LIMIT_MS."""
    answered: Share
    """Of all that were said: the agent replied to them."""


def count_barge_ins(turns: pl.DataFrame, seed: int) -> BargeIns:
    """Barge-ins of one arm, from all its turns."""
    said = turns.filter((pl.col("kind") == "barge_in") & pl.col("valid").fill_null(value=False))
    met = said.filter(pl.col("stop_ms").is_not_null())
    blocks, stop_ms = block_numbers(met), met["stop_ms"].clip(LEAST_MS, None).to_numpy()
    answered = (said["outcome"] == "answered").fill_null(value=False).to_numpy().astype(np.bool_)
    return BargeIns(
        said=said.height,
        n=met.height,
        not_stopped=estimate_share(stop_ms > STOP_LIMIT_MS, blocks),
        stop={
            name: estimate_quantile(stop_ms, blocks, q, limit_ms=STOP_LIMIT_MS, seed=seed)
            for name, q in QUANTILES.items()
        },
        answered=estimate_share(answered, block_numbers(said)),
    )
