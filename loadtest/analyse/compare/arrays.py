"""From the tables of one run to the arrays of its arms. What counts, and as what, is as in the summary's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from loadtest.analyse.arm import answered_flags, flags, greeting_latencies_ms, reply_latencies_ms, with_greeting_due
from loadtest.analyse.closes import incidents, server_1011
from loadtest.analyse.compare.experiment import Arm, Closes, End, FirstCloses, Greetings, Silences, Turns
from loadtest.analyse.gaps import sound_gaps
from loadtest.record.layout import RunFolder
from loadtest.record.tables import read_table

__all__ = ["RunTables", "arm_arrays", "complete_blocks", "join_arms", "read_tables"]

COLUMNS: Final = {
    "calls": (
        *("call_id", "arm", "block", "due_s", "dialled_s", "dispatched_s", "answered_s", "agent_joined_s"),
        *("greeting_latency_ms", "outcome", "talk_s", "socket_s", "valid"),
    ),
    "turns": (
        *("call_id", "arm", "block", "turn", "kind", "latency_ms", "outcome", "lost", "disputed", "close_id"),
        "valid",
    ),
    "gaps": ("call_id", "arm", "block", "turn", "excess_ms", "cause", "evidence"),
    "connections": ("call_id", "arm", "block", "connection_id", "n", "opened_s", "closed_s", "end", "host"),
    "closes": ("call_id", "arm", "block", "connection_id", "close_id", "at_s", "code", "side", "phase"),
    "health": ("t_s", "process", "cpu", "cpu_stall", "loop_lag_ms", "late_frames"),
}
"""All that a comparison looks at; the others stay on disk."""
LEAST_S: Final = 1e-3
"""A wait shorter than this counts as this: it has to be positive."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTables:
    """The tables of a run with the columns that a comparison needs."""

    calls: pl.DataFrame
    turns: pl.DataFrame
    gaps: pl.DataFrame
    connections: pl.DataFrame
    closes: pl.DataFrame
    health: pl.DataFrame

    def of(self, arm: str, blocks: Ints) -> RunTables:
        """The rows of one arm in these blocks; health as it is."""
        mine = (pl.col("arm") == arm) & pl.col("block").is_in(blocks.tolist())
        return RunTables(
            calls=self.calls.filter(mine),
            turns=self.turns.filter(mine),
            gaps=self.gaps.filter(mine),
            connections=self.connections.filter(mine),
            closes=self.closes.filter(mine),
            health=self.health,
        )


def read_tables(folder: RunFolder) -> RunTables:
    """Read them. Raises RecordError, naming the file."""
    return RunTables(**{name: read_table(folder.table(name), name, columns) for name, columns in COLUMNS.items()})


def complete_blocks(calls: pl.DataFrame, arms: Sequence[str], calls_per_block: int) -> Ints:
    """The blocks (B,), ascending, in which every arm has all of its calls, all dialled and none cut short by the end
    of the run."""
    done = pl.col("dialled_s").is_not_null() & ~pl.col("outcome").is_in(["aborted", "not_dialled", "dropped"])
    by_arm = (
        calls.filter(pl.col("block").is_not_null() & pl.col("arm").is_in(list(arms)))
        .group_by("block", "arm")
        .agg(n=pl.len(), done=done.fill_null(value=False).all())
    )
    whole = (
        (pl.col("arm").n_unique() == len(arms))
        & pl.col("done").all()
        & (pl.col("n").min() == pl.col("n").max())
        & (pl.col("n").min() >= calls_per_block)
    )
    blocks = by_arm.group_by("block").agg(whole=whole).filter("whole")["block"].sort()
    return blocks.cast(pl.Int64).to_numpy()


def arm_arrays(arm: str, tables: RunTables, blocks: Ints, limit_ms: float, greeting_limit_ms: float) -> Arm:
    """The arrays of one arm, from its rows in `blocks` (B,), which become 0 to B-1."""

    def at(frame: pl.DataFrame) -> Ints:
        return np.searchsorted(blocks, frame["block"].cast(pl.Int64).to_numpy())

    script = tables.turns.filter((pl.col("kind") == "script") & pl.col("valid").fill_null(value=False))
    greeted = with_greeting_due(tables.calls)
    return Arm(
        name=arm,
        turns=Turns(
            block=at(script),
            latency_ms=reply_latencies_ms(script, limit_ms),
            answered=answered_flags(script),
            talked_over=flags(script["outcome"] == "talked_over"),
            lost=flags(script["lost"]),
            in_close=script["close_id"].is_not_null().to_numpy(),
        ),
        greetings=Greetings(block=at(greeted), latency_ms=greeting_latencies_ms(greeted, greeting_limit_ms)),
        closes=_closes(tables, at, len(blocks)),
        silences=_silences(tables, at, len(blocks)),
        first_closes=_first_closes(tables, at),
    )


def join_arms(parts: Sequence[tuple[Arm, int]]) -> Arm:
    """One arm out of its parts in several runs, each with its number of blocks; blocks are numbered on."""
    if len(parts) == 1:
        return parts[0][0]
    arms = [arm for arm, _ in parts]
    starts = np.cumsum([0, *(blocks for _, blocks in parts)])[:-1]

    def whole(of: str) -> dict[str, Any]:
        def joined(name: str) -> npt.NDArray[Any]:
            arrays = [getattr(getattr(arm, of), name) for arm in arms]
            if name == "block":
                arrays = [array + start for array, start in zip(arrays, starts, strict=True)]
            return np.concatenate(arrays)

        return {name: joined(name) for name in type(getattr(arms[0], of)).__slots__}

    return Arm(
        name=arms[0].name,
        turns=Turns(**whole("turns")),
        greetings=Greetings(**whole("greetings")),
        closes=Closes(**whole("closes")),
        silences=Silences(**whole("silences")),
        first_closes=FirstCloses(**whole("first_closes")),
    )


def _closes(tables: RunTables, at: Callable[[pl.DataFrame], Ints], n_blocks: int) -> Closes:
    """Over calls whose connected time is known; what is not known is in no rate."""
    known = tables.calls.filter(pl.col("socket_s").is_not_null())
    closes = tables.closes.join(known.select("call_id"), on="call_id", how="semi")
    ours = server_1011(closes)
    return Closes(
        incidents=_sums(at(incidents(closes)), n_blocks),
        raw=_sums(at(ours), n_blocks),
        minutes=_sums(at(known), n_blocks, known["socket_s"] / 60),
        calls_hit=_sums(at(ours.unique("call_id")), n_blocks),
        calls=_sums(at(known), n_blocks),
    )


def _silences(tables: RunTables, at: Callable[[pl.DataFrame], Ints], n_blocks: int) -> Silences:
    talking = tables.calls.filter(pl.col("talk_s").fill_null(0) > 0)
    gaps = sound_gaps(tables.gaps, tables.turns, tables.calls).join(
        talking.select("call_id"), on="call_id", how="semi", maintain_order="left"
    )
    return Silences(
        excess_s=_sums(at(gaps), n_blocks, gaps["excess_ms"].fill_null(0) / 1000),
        talk_s=_sums(at(talking), n_blocks, talking["talk_s"]),
    )


def _first_closes(tables: RunTables, at: Callable[[pl.DataFrame], Ints]) -> FirstCloses:
    """Of the first socket of each call that was opened at all."""
    first = (
        tables.connections.filter(pl.col("opened_s").is_not_null() & pl.col("closed_s").is_not_null())
        .sort("call_id", "opened_s", "n")
        .unique("call_id", keep="first", maintain_order=True)
    )
    by_1011 = first["connection_id"].is_in(server_1011(tables.closes)["connection_id"].drop_nulls().implode())
    planned = first["end"].is_in(["hangup", "run_end"]).fill_null(value=False)
    end = np.where(flags(by_1011), End.CLOSE_1011, np.where(planned.to_numpy(), End.HANG_UP, End.OTHER_CLOSE))
    return FirstCloses(
        block=at(first),
        time_s=(first["closed_s"] - first["opened_s"]).clip(lower_bound=LEAST_S).to_numpy(),
        end=end.astype(np.int64),
    )


def _sums(block: Ints, n_blocks: int, of: pl.Series | None = None) -> Floats:
    """By block (B,): the sum of `of` (n,), whose blocks are given; or how many there are."""
    weights = None if of is None else of.to_numpy()
    return np.bincount(block, weights=weights, minlength=n_blocks).astype(np.float64)
