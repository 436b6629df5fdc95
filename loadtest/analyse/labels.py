"""How many turns had something in them that is no ordinary reply."""

from __future__ import annotations

import polars as pl

from loadtest.analyse.shares import Ints, Share, estimate_share
from loadtest.measure.labels import Label

__all__ = ["label_shares"]


def label_shares(script_turns: pl.DataFrame, blocks: Ints) -> dict[str, Share]:
    """By label, all of them: the share of the turns (n,), in their blocks (n,), that have it."""
    named = script_turns["labels"].fill_null("").str.split("; ")
    return {label.value: estimate_share(named.list.contains(label.value).to_numpy(), blocks) for label in Label}
