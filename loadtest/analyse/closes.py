"""Which closes are what: 1011s that the server made, as incidents, and everything else counted apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from loadtest.analyse.inputs import NO_BLOCK
from loadtest.record.quota import says_quota

__all__ = ["CloseCounts", "Exposure", "count_closes", "exposure", "incidents", "server_1011"]

MERGE_S: Final = 10.0
"""Closes of a call that follow one another within this are one incident."""

_SETUP_FAILURE: Final = (
    pl.when(pl.col("http_status").is_not_null())
    .then(pl.format("HTTP {}", pl.col("http_status")))
    .otherwise(pl.coalesce(pl.col("code").cast(pl.String), pl.lit("no code")))
    .alias("why")
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCounts:
    """Closes of one arm; every row of `closes` is in exactly one of the counts but `incidents_1011` and `quota`."""

    incidents_1011: int
    """Server-made 1011s after setup, those of a call within 10 s of one another merged."""
    raw_1011: int
    """The same, unmerged."""
    calls_1011: int
    """Calls with at least one of them."""
    reasons_1011: Mapping[str, int]
    """What the server gave as reason, most frequent first."""
    other_server: Mapping[str, int]
    """Other codes that the server sent after setup, by code."""
    client: int
    """Made by the client's side, whatever their code."""
    no_frame: int
    """Connections that ended without a close frame from either side."""
    unknown_side: int
    """After setup, and nobody can tell who closed."""
    setup: Mapping[str, int]
    """Before setupComplete, refusals included, by HTTP status or code."""
    goaway: int
    """Connections that the server announced the end of, unless they then ended in one of its 1011s."""
    quota: int
    """Of all these, closes and refusals whose reason is a quota that was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Incidents and connected minutes of one arm by block."""

    blocks: tuple[int, ...]
    """Ascending; -1 is the incomplete last block."""
    events: Floats
    minutes: Floats
    unknown_calls: int
    """Calls that an agent joined and whose connections nothing tells of; they and their closes are in no rate."""
    unknown_events: int
    """Incidents in calls whose connected time is not known."""


def server_1011(closes: pl.DataFrame) -> pl.DataFrame:
    """Rows of closes that the server made with code 1011 after setup had completed."""
    after_setup = pl.col("phase").fill_null("") != "setup"
    return closes.filter((pl.col("code") == 1011) & (pl.col("side") == "server") & after_setup)


def incidents(closes: pl.DataFrame) -> pl.DataFrame:
    """The first close of each incident among server-made 1011s."""
    apart = (pl.col("at_s") - pl.col("at_s").shift(1)).over("call_id").fill_null(float("inf"))
    return server_1011(closes).sort("call_id", "at_s").filter(apart > MERGE_S)


def count_closes(closes: pl.DataFrame, connections: pl.DataFrame) -> CloseCounts:
    """Sort the rows of one arm into what they were."""
    ours = server_1011(closes)
    rest = closes.filter(~pl.col("close_id").is_in(ours["close_id"].implode()))
    announced = connections.filter(pl.col("end") == "goaway")["connection_id"]
    went_away = pl.col("connection_id").fill_null("").is_in(announced.implode())
    in_setup = pl.col("phase").fill_null("") == "setup"
    later = rest.filter(~in_setup & ~went_away)
    from_server = (pl.col("side") == "server") & pl.col("code").is_not_null()
    known = from_server | pl.col("side").is_in(["client", "none"])
    return CloseCounts(
        incidents_1011=incidents(closes).height,
        raw_1011=ours.height,
        calls_1011=ours["call_id"].n_unique(),
        reasons_1011=_tally(ours["reason"].fill_null("")),
        other_server=_tally(later.filter(from_server)["code"].cast(pl.String)),
        client=later.filter(pl.col("side") == "client").height,
        no_frame=later.filter(pl.col("side") == "none").height,
        unknown_side=later.filter(~known.fill_null(value=False)).height,
        setup=_tally(rest.filter(in_setup & ~went_away).select(_SETUP_FAILURE)["why"]),
        goaway=rest.filter(went_away).height,
        quota=sum(
            says_quota(status, reason or "")
            for status, reason, side in closes.select("http_status", "reason", "side").iter_rows()
            if side != "client"
        ),
    )


def exposure(calls: pl.DataFrame, closes: pl.DataFrame) -> Exposure:
    """Incidents over connected time, which is a call's `socket_s`: from setup to close, never while disconnected."""
    block = pl.col("block").fill_null(NO_BLOCK)
    known = calls.filter(pl.col("socket_s").is_not_null())
    first = incidents(closes)
    counted = first.filter(pl.col("call_id").is_in(known["call_id"].implode()))
    minutes = dict(known.group_by(block.alias("b")).agg(pl.col("socket_s").sum() / 60).iter_rows())
    events = dict(counted.group_by(block.alias("b")).agg(pl.len()).iter_rows())
    blocks = sorted({*minutes, *events})
    return Exposure(
        blocks=tuple(blocks),
        events=np.array([events.get(b, 0) for b in blocks], dtype=np.float64),
        minutes=np.array([minutes.get(b, 0.0) for b in blocks], dtype=np.float64),
        unknown_calls=calls.filter(pl.col("socket_s").is_null() & pl.col("agent_joined_s").is_not_null()).height,
        unknown_events=first.height - counted.height,
    )


def _tally(values: pl.Series) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for value in values.drop_nulls().to_list():
        counts[str(value)] = counts.get(str(value), 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
