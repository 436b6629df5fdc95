"""What the second detector makes of recorded speech: how much it takes for none, and how much would be disputed.

`make accuracy` runs it, and writes its table to docs/measurement.md: python -m tests.accuracy.opinions [--seeds N]
Exits with 1 if it takes more recorded speech for none, or disputes more, than is promised there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loadtest.audio.edges import speech_segments
from loadtest.audio.noise import NoiseKind
from loadtest.audio.second_opinion import second_opinions
from loadtest.audio.wav import RATE
from loadtest.measure.disputes import APART_S
from tests.accuracy.cells import CELLS, Cell
from tests.accuracy.known import REPOSITORY, known
from tests.unit.audio.signals import Floats

BEGIN = "<!-- Second opinions, written by `make accuracy`, from here. Do not edit: run it again. -->"
END = "<!-- Second opinions, written by `make accuracy`, to here. -->"
RECORDED = ("line:", "reply:")
QUIET_DBFS = -40.0
MOST_REJECTED = 0.002
MOST_DISPUTED = 0.005
"""Babble aside: the voices in it are speech too, and begin where they like."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of line at one level."""

    name: str
    level_dbfs: float
    heard: int
    """Recorded sounds that the energy detector found."""
    rejected: int
    apart_ms: Floats
    """Onset of the second detector less that of the energy detector, where it heard speech."""

    @property
    def disputed(self) -> int:
        return self.rejected + int((np.abs(self.apart_ms) > 1000 * APART_S).sum())


def rows(seeds: int) -> Iterator[Row]:
    for cells in CELLS.values():
        for cell in cells:
            yield _row(cell, seeds)
            if cell.impair is not None and cell.level_dbfs > QUIET_DBFS and "floor" not in cell.name:
                yield _row(replace(cell, level_dbfs=QUIET_DBFS), seeds)


def _row(cell: Cell, seeds: int) -> Row:
    heard = rejected = 0
    apart: list[float] = []
    for seed in range(seeds):
        clean = known(cell.level_dbfs, seed, vary_db=cell.vary_db)
        samples = clean.samples if cell.impair is None else cell.impair(clean.samples, seed)
        found = speech_segments(samples, RATE)
        for opinion, segment in zip(second_opinions(samples, RATE, found), found, strict=True):
            first, last = segment.start_s * RATE, segment.end_s * RATE
            said = next((sound for sound in clean.placed if sound.start < last and first < sound.end), None)
            if said is None or not said.name.startswith(RECORDED) or first > said.start + 0.2 * RATE:
                continue  # made by code, or not the beginning of what was said
            heard += 1
            if opinion.onset_s is None:
                rejected += 1
            else:
                apart.append((opinion.onset_s - segment.start_s) * 1000)
    return Row(cell.name, cell.level_dbfs, heard, rejected, np.array(apart))


def table(found: list[Row]) -> str:
    lines = [
        "| recorded lines and replies | level | heard | taken for no speech | onsets over 100 ms apart "
        "| apart, ms: p5 | p50 | p95 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found:
        spread = " | ".join(f"{np.percentile(row.apart_ms, share):+.0f}" for share in (5, 50, 95))
        level = "mixed" if "one channel" in row.name else f"{row.level_dbfs:g}"
        name = "clean" if row.name.endswith("dBFS") and "over" not in row.name else row.name
        name += " of packets lost, concealed" if name.endswith("%") else ""
        cells = (name, level, row.heard, row.rejected, row.disputed - row.rejected, spread)
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the second detector against recorded speech.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "measurement.md")
    options = parser.parse_args()
    found = list(rows(options.seeds))
    before, rest = options.page.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    options.page.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{after}")
    found = [row for row in found if not row.name.startswith(NoiseKind.BABBLE)]
    heard = sum(row.heard for row in found)
    rejected, disputed = (sum(getattr(row, name) for row in found) for name in ("rejected", "disputed"))
    sys.stderr.write(f"{heard} heard, {rejected} taken for no speech, {disputed} disputed\n")
    return 1 if rejected > MOST_REJECTED * heard or disputed > MOST_DISPUTED * heard else 0


if __name__ == "__main__":
    sys.exit(main())
