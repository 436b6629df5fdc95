"""Runs in the format of Go's benchmarks, for benchstat: one line an arm and complete block.

Blocks are the samples, as in `compare`: benchstat takes its samples for independent, and turns of a block are not.
The format: https://golang.org/design/14313-benchmark-format; `Unit` lines: https://golang.org/x/perf/benchfmt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from loadtest.analyse.compare.arrays import arm_arrays, complete_blocks, read_tables
from loadtest.analyse.compare.experiment import Arm
from loadtest.record.layout import RunFolder
from loadtest.record.run_scenario import read_run_scenario
from loadtest.report.figure_rows import read_figures

__all__ = ["UNITS", "benchmark_lines"]

UNITS: Final = {
    "reply-p50-sec": "lower",
    "greeting-p50-sec": "lower",
    "answered/100-turns": "higher",
    "lost/100-turns": "lower",
    "talked-over/100-turns": "lower",
    "1011s/connected-min": "lower",
    "gap-sec/talk-hour": "lower",
}
"""Each with which way is better."""


def benchmark_lines(folders: Sequence[RunFolder]) -> str:
    """All of it, the control's blocks before the others'. Raises RecordError."""
    lines = [f"Unit {unit} better={better}" for unit, better in UNITS.items()]
    for folder in folders:
        lines += ["", *_run(folder)]
    return "\n".join(lines) + "\n"


def _run(folder: RunFolder) -> Iterator[str]:
    figures, scenario, tables = read_figures(folder), read_run_scenario(folder), read_tables(folder)
    limit_ms, greeting_ms = scenario.reply_limit_s * 1000, scenario.callee.greeting_limit_s * 1000
    blocks = complete_blocks(tables.calls, tuple(scenario.arms), scenario.calls_per_block)
    arms = [arm_arrays(name, tables.of(name, blocks), blocks, limit_ms, greeting_ms) for name in scenario.arms]
    greeted = any((arm.greetings.latency_ms < greeting_ms).any() for arm in arms)
    control = scenario.compare.control if scenario.compare else arms[0].name
    yield from (f"run: {figures.run_id}", f"scenario: {figures.scenario}", f"kind: {figures.kind}")
    yield f"valid: {str(figures.valid).lower()}"
    for arm in sorted(arms, key=lambda arm: arm.name != control):
        yield f"arm: {arm.name}"
        for block in range(len(blocks)):
            values = " ".join(f"{value:.9g} {unit}" for unit, value in _figures(arm, block, greeted=greeted))
            if values:
                yield f"BenchmarkBlock 1 {values}"


def _figures(arm: Arm, block: int, *, greeted: bool) -> Iterator[tuple[str, float]]:
    """The figures of one block; without what they would be made of there are none."""
    turns, greetings = arm.turns.block == block, arm.greetings.block == block
    if turns.any():
        yield "reply-p50-sec", _median(arm.turns.latency_ms[turns]) / 1000
    if greeted and greetings.any():
        yield "greeting-p50-sec", _median(arm.greetings.latency_ms[greetings]) / 1000
    if turns.any():
        yield "answered/100-turns", 100 * float(arm.turns.answered[turns].mean())
        yield "lost/100-turns", 100 * float(arm.turns.lost[turns].mean())
        yield "talked-over/100-turns", 100 * float(arm.turns.talked_over[turns].mean())
    if arm.closes.minutes[block] > 0:
        yield "1011s/connected-min", float(arm.closes.incidents[block] / arm.closes.minutes[block])
    if arm.silences.talk_s[block] > 0:
        yield "gap-sec/talk-hour", 3600 * float(arm.silences.excess_s[block] / arm.silences.talk_s[block])


def _median(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """The ceil(n / 2)-th smallest, as every quantile here; a turn without a reply counts as the limit."""
    return float(np.quantile(values, 0.5, method="inverted_cdf"))
