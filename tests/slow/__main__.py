"""`make slow`: coverage, false verdicts and power into docs/statistics.md; exits with 1 if any is broken.

python -m tests.slow [--simulations N] [--workers N] [--page FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from loadtest.analyse.compare.many import simulated
from tests.slow.cells import CELLS
from tests.slow.coverage import cover
from tests.slow.page import into, page
from tests.slow.verdicts import a_a, power, sequential

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold intervals and verdicts against simulated truths.")
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=None, help="Processes; one a core by default.")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "statistics.md")
    options = parser.parse_args()
    n = options.simulations

    with simulated(options.workers) as run:
        covered = [found for cell in CELLS for found in cover(cell, n, run, _progress(cell.name, n))]
        rates = {
            "The same endpoint twice, 48 blocks, one look": a_a(n, run, _progress("A/A", n)),
            "The same endpoint twice, four looks at 24, 48, 72 and 96 blocks": sequential(
                n, run, _progress("four looks", n)
            ),
            "What `loadtest plan --power` promises with probability 80 %": power(
                n // 5, n // 2, run, _progress("power", n // 2)
            ),
        }
    options.page.write_text(into(options.page.read_text(), page(covered, rates)))
    broken = [f"{one.cell.name}: {one.metric} {one.share:.3f}" for one in covered if not one.kept]
    broken += [f"{rate.what}: {rate.share:.3f}" for found in rates.values() for rate in found if not rate.kept]
    for what in broken:
        sys.stderr.write(f"broken: {what}\n")
    return 1 if broken else 0


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
