"""What the intervals are held against: scenarios with a known truth, and the metrics looked at in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from loadtest.analyse.compare.simulate import ArmTruth, Truth

__all__ = ["CELLS", "Cell"]

LATENCIES: Final = ("reply_latency_p50", "reply_latency_p95")
SHARES: Final = ("lost_turns", "answered_share", "talked_over_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One scenario."""

    name: str
    truth: Truth
    """Arms ga, the control, and preview."""
    blocks: int
    metrics: tuple[str, ...]
    least: float = 0.93
    """Coverage must not lie below this."""
    most: float = 0.97
    """... nor above: 1 where so few events are seen that an exact interval is wider than it need be."""
    why: str = ""
    """Why it isn't .93 to .97."""


GA: Final = ArmTruth(lost_share=0.004, talked_over_share=0.002)
EQUAL: Final = Truth(arms={"ga": GA, "preview": GA})
SLOWER: Final = Truth(arms={"ga": GA, "preview": replace(GA, median_ms=1300, p95_ms=2600)})
BURSTS: Final = "bursts: a few blocks hold most of the events, and how many more they might hold is hard to tell"
FEW: Final = "few events: an exact interval is wider than it need be"


def _closing(rate: float, times: float = 1.0, **of: object) -> Truth:
    arms = {"ga": replace(GA, rate_1011=rate), "preview": replace(GA, rate_1011=rate * times)}
    return Truth(arms=arms, **of)  # type: ignore[arg-type]


def _losing(share: float, times: float = 1.0, precision: float | None = 50.0) -> Truth:
    """talked over as often as lost."""
    ga = replace(GA, lost_share=share, talked_over_share=share)
    return Truth(
        arms={"ga": ga, "preview": replace(GA, lost_share=share * times, talked_over_share=share * times)},
        lost_precision=precision,
    )


def _cells() -> Iterable[Cell]:
    for blocks in (12, 24, 48):
        yield Cell(
            name=f"equal arms, {blocks} blocks",
            truth=EQUAL,
            blocks=blocks,
            metrics=(*LATENCIES, "greeting_latency_p50"),
        )
    yield Cell(
        name="slower candidate, arms that share nothing, 24 blocks",
        truth=replace(SLOWER, shared=0.0),
        blocks=24,
        metrics=LATENCIES,
    )
    yield Cell(
        name="slower candidate, alike turns in a block, 24 blocks",
        truth=replace(SLOWER, block_share=0.4, shared=0.8),
        blocks=24,
        metrics=(*LATENCIES, "greeting_latency_p50"),
    )
    yield Cell(
        name="every turn answered, 48 blocks of 12 calls",
        truth=Truth(
            arms={name: replace(arm, lost_share=0.0, talked_over_share=0.0) for name, arm in SLOWER.arms.items()},
            calls_per_block=12,
        ),
        blocks=48,
        metrics=("reply_latency_p99",),
    )
    for blocks in (24, 48):
        yield Cell(
            name=f"3 % unanswered: p95 near the limit, {blocks} blocks",
            truth=Truth(
                arms={name: replace(arm, lost_share=0.03, talked_over_share=0.0) for name, arm in SLOWER.arms.items()}
            ),
            blocks=blocks,
            metrics=("reply_latency_p95",),
        )
    for share, what in ((0.003, "few events"), (0.02, "some"), (0.1, "many"), (0.45, "nearly half")):
        yield Cell(
            name=f"shares of {share:g} ({what}), 24 blocks",
            truth=_losing(share),
            blocks=24,
            metrics=SHARES,
            most=1.0 if share < 0.01 else 0.97,
            why=FEW if share < 0.01 else "",
        )
    yield Cell(
        name="shares of 0.02 against 0.06, clustered in blocks, 48 blocks",
        truth=_losing(0.02, times=3.0, precision=10.0),
        blocks=48,
        metrics=(*SHARES, "gap_seconds"),
    )
    yield Cell(name="shares of 0.03, 24 blocks", truth=_losing(0.03), blocks=24, metrics=("gap_seconds",))
    yield Cell(name="shares of 0.05, 48 blocks", truth=_losing(0.05), blocks=48, metrics=("gap_seconds",))
    # 4 calls of 1.5 minutes a block: 6 connected minutes an arm and block.
    for name, truth, blocks, least, most, why in (
        ("1011s: 20 an arm, 24 blocks", _closing(0.14), 24, 0.93, 1.0, FEW),
        ("1011s: 100 an arm, 24 blocks", _closing(0.7), 24, 0.93, 0.97, ""),
        ("1011s: 20 against 80, 24 blocks", _closing(0.14, 4.0), 24, 0.93, 1.0, FEW),
        ("1011s: 5 an arm, 48 blocks", _closing(0.0175), 48, 0.93, 1.0, FEW),
        ("1011s: bursts by arm, 24 blocks", _closing(0.7, burst=0.25), 24, 0.90, 1.0, BURSTS),
        ("1011s: bursts by arm, 48 blocks", _closing(0.35, 2.0, burst=0.25), 48, 0.90, 1.0, BURSTS),
        (
            "1011s: bursts in both arms, 24 blocks",
            _closing(0.7, burst=0.25, burst_in_both=True),
            24,
            0.90,
            1.0,
            BURSTS,
        ),
    ):
        yield Cell(name=name, truth=truth, blocks=blocks, metrics=("rate_1011",), least=least, most=most, why=why)
    for name, truth in (
        ("time to the first 1011, 24 blocks", _closing(0.2)),
        ("time to the first 1011, twice the rate, 48 blocks", _closing(0.2, 2.0)),
    ):
        yield Cell(name=name, truth=truth, blocks=48 if "48" in name else 24, metrics=("time_to_1011",))


CELLS: Final = tuple(_cells())
