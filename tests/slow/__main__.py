"""`make slow`: coverage, false verdicts, power and alarms into docs/statistics.md; exits with 1 if any is broken.

python -m tests.slow [--only comparisons|nights] [--simulations N] [--workers N] [--page FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from loadtest.analyse.compare.many import simulated
from tests.slow.cells import CELLS
from tests.slow.coverage import Run, cover
from tests.slow.nights import drifting, intervals, stable_nights, steps
from tests.slow.page import COMPARISONS, NIGHTS, into, page, rate_tables
from tests.slow.verdicts import Rate, a_a, power, sequential

REPOSITORY = Path(__file__).resolve().parents[2]
Rates = Mapping[str, Sequence[Rate]]


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold intervals and verdicts against simulated truths.")
    parser.add_argument("--only", choices=["comparisons", "nights"], help="Leave the other tables as they are.")
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=None, help="Processes; one a core by default.")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "statistics.md")
    options = parser.parse_args()
    n = options.simulations

    broken: list[str] = []
    with simulated(options.workers) as run:
        if options.only != "nights":
            covered = [found for cell in CELLS for found in cover(cell, n, run, _progress(cell.name, n))]
            rates = _verdicts(n, run)
            _write(options.page, page(covered, rates), COMPARISONS)
            broken += [f"{one.cell.name}: {one.metric} {one.share:.3f}" for one in covered if not one.kept]
            broken += _broken(rates)
        if options.only != "comparisons":
            rates = _nights(n, run)
            _write(options.page, rate_tables(rates), NIGHTS)
            broken += _broken(rates)
    for what in broken:
        sys.stderr.write(f"broken: {what}\n")
    return 1 if broken else 0


def _verdicts(n: int, run: Run) -> Rates:
    return {
        "The same endpoint twice, 48 blocks, one look": a_a(n, run, _progress("A/A", n)),
        "The same endpoint twice, four looks at 24, 48, 72 and 96 blocks": sequential(
            n, run, _progress("four looks", n)
        ),
        "What `loadtest plan --power` promises with probability 80 %": power(
            n // 5, n // 2, run, _progress("power", n // 2)
        ),
    }


def _nights(n: int, run: Run) -> Rates:
    return {
        "A night like those before it lies outside their 95 % prediction interval": intervals(
            n, run, _progress("prediction intervals", n)
        ),
        "60 nights in which nothing changes": stable_nights(n, run, _progress("stable nights", n)),
        "A step of +10 % at night 40": steps(n, run, _progress("steps", n)),
        "The same endpoint in two runs of 24 blocks, held against each other by `loadtest gate`": drifting(
            n, run, _progress("two runs", n)
        ),
    }


def _write(to: Path, tables: str, marks: tuple[str, str]) -> None:
    to.write_text(into(to.read_text(), tables, marks))


def _broken(rates: Rates) -> list[str]:
    return [f"{rate.what}: {rate.share:.4f}" for found in rates.values() for rate in found if not rate.kept]


def _progress(what: str, n: int) -> Callable[[int], None]:
    """A line on a terminal; elsewhere one at the end."""
    began = time.monotonic()

    def show(done: int) -> None:
        if sys.stderr.isatty() or done >= n:
            end = "\n" if done >= n else "\r"
            sys.stderr.write(f"{what}: {done} of {n}, {time.monotonic() - began:.0f} s{end}")
            sys.stderr.flush()

    return show


if __name__ == "__main__":
    sys.exit(main())
