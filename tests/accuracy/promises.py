"""What is promised of the edges and of measuring, held against what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.accuracy.cells import Cell, Measured, beyond_hearing
from tests.accuracy.errors import Errors, together
from tests.accuracy.false_replies import FalseReplies
from tests.accuracy.known import Known

__all__ = ["Promise", "broken", "promises"]

CLEAN_MS: Final = {95: 10.0, 99: 20.0}
NOISY_P95_MS: Final = 30.0
NOISY_DB: Final = 10.0
HOUR_S: Final = {"by energy alone": 20.0, "by both detectors": 60.0}


@dataclass(frozen=True, slots=True)
class Promise:
    """One limit, and the worst that was reached."""

    what: str
    limit: str
    reached: str
    held: bool


def promises(
    measured: Measured, false: Iterable[tuple[str, float | None, FalseReplies]], speeds: Mapping[str, float]
) -> tuple[Promise, ...]:
    """All of them. speeds: CPU seconds for an hour of calls, by what was done."""
    return (*_clean(measured["Clean"]), *_noisy(measured["Noise"]), *_silent(false), *_quick(speeds))


def broken(
    measured: Measured,
    false: Iterable[tuple[str, float | None, FalseReplies]] = (),
    speeds: Mapping[str, float] | None = None,
) -> list[str]:
    """What does not hold, in words."""
    return [
        f"{promise.what}: {promise.reached}, {promise.limit} promised"
        for promise in promises(measured, false, speeds or {})
        if not promise.held
    ]


def _clean(cells: Sequence[tuple[Cell, Sequence[tuple[Known, Errors]]]]) -> Iterator[Promise]:
    everything = [(cell, together([errors for _, errors in seeds])) for cell, seeds in cells]
    for which in ("onset", "end"):
        for share, limit_ms in CLEAN_MS.items():
            reached, name = max((_percentile(getattr(errors, which), share), cell.name) for cell, errors in everything)
            what = f"clean, error of the {which}, p{share}, in the worst row"
            yield Promise(what, f"{limit_ms:g} ms", f"{reached:.1f} ms ({name})", reached <= limit_ms)
    for what, counts in (
        ("missed", [errors.missed for _, errors in everything]),
        ("false", [errors.false for _, errors in everything]),
    ):
        yield Promise(f"clean, from -40 dBFS on, {what}", "0", str(sum(counts)), not any(counts))


def _noisy(cells: Sequence[tuple[Cell, Sequence[tuple[Known, Errors]]]]) -> Iterator[Promise]:
    for cell, seeds in cells:
        if cell.noise_below_db != NOISY_DB:
            continue
        errors = together([errors for _, errors in seeds])
        parts = [beyond_hearing(known, errors, NOISY_DB) for known, errors in seeds]
        for n, which in enumerate(("onset", "end")):
            hidden, beyond = (_percentile([v for part in parts for v in part[of]], 95) for of in (n, n + 2))
            whole = _percentile(getattr(errors, which), 95)
            reached = f"{whole:.1f} ms"
            if whole > NOISY_P95_MS:
                reached += f": the noise hides {hidden:.1f}; beyond what it hides {beyond:.1f} ms"
            what = f"{cell.name}, error of the {which}, p95"
            yield Promise(what, f"{NOISY_P95_MS:g} ms", reached, min(whole, beyond) <= NOISY_P95_MS)


def _silent(false: Iterable[tuple[str, float | None, FalseReplies]]) -> Iterator[Promise]:
    found = [(background, replies) for background, _, replies in false]
    for what, of in (
        ("noise", [replies for background, replies in found if background != "music"]),
        ("music without vocals", [replies for background, replies in found if background == "music"]),
    ):
        if of:
            replies = sum(one.by_both for one in of)
            minutes = sum(one.minutes for one in of)
            yield Promise(f"replies in {minutes:.0f} minutes of {what}", "0", str(replies), replies == 0)


def _quick(speeds: Mapping[str, float]) -> Iterator[Promise]:
    for how, cpu_s in speeds.items():
        yield Promise(f"an hour of calls, {how}", f"{HOUR_S[how]:g} s", f"{cpu_s:.1f} s", cpu_s <= HOUR_S[how])


def _percentile(values: npt.ArrayLike, share: int) -> float:
    return float(np.percentile(np.abs(np.asarray(values, dtype=np.float64)), share))
