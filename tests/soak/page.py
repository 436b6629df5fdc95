"""docs/reliability.md, from what a soak measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.soak.usage import Sample, Usage
from tests.soak.verdict import LIMITS, WARM_UP, Finding

__all__ = ["page"]

ROWS = 12
UNITS = {"memory_mb": "memory, MB"}


def page(
    *,
    date: str,
    host: Mapping[str, Any],
    versions: Mapping[str, str],
    outcomes: Mapping[str, int],
    samples: Sequence[Sample],
    findings: Sequence[Finding],
    leftovers: Sequence[str],
) -> str:
    """The page. outcomes: calls by outcome; leftovers: what was there when the run was over."""
    bad = [finding for finding in findings if finding.leaks]
    unknown = any(finding.per_100 is None for finding in findings)
    verdict = "No leak was found." if not bad and not leftovers else "Something leaks."
    if unknown:
        verdict = "Too few calls for a verdict."
    groups = sorted({name for sample in samples for name in sample.groups})
    lines = [
        "# Reliability",
        "",
        "<!-- Written by `make soak`. Do not edit: run it again. -->",
        "",
        f"A soak dials {sum(outcomes.values())} short calls in one run of the embedded stack, faults included, and",
        "looks every ten seconds at what the processes of the run use. Bad days of other kinds, such as a full disk,",
        "are in [results.md](results.md#bad-days).",
        "",
        f"**{verdict}**",
        "",
        f"- {date}; {host.get('cores')} cores, {host.get('system')} {host.get('machine')}",
        f"- {', '.join(f'{name} {version}' for name, version in versions.items())}",
        f"- calls: {', '.join(f'{count} {outcome}' for outcome, count in sorted(outcomes.items()))}",
        f"- left running or lying about afterwards: {', '.join(leftovers) if leftovers else 'nothing'}",
        "",
        "## Does anything grow?",
        "",
        f"The first {WARM_UP:.0%} of the calls fill caches and are left out. Through the rest a plane is laid by least",
        "squares, `rest + growth * calls + more * calls in progress`, so that calls in progress are no leak.",
        "Processes that an agent starts for a call count once they are older than any call. What grows by more than is",
        "allowed, and by more than two of its standard errors (±), leaks.",
        "",
        "| group | what | at rest | at rest, at the end | growth in 100 calls | most allowed | |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for finding in findings:
        growth = "–" if finding.per_100 is None else f"{finding.per_100:+.1f} ± {finding.error:.1f}"
        what = UNITS.get(finding.what, finding.what)
        mark = "**leaks**" if finding.leaks else ""
        lines.append(
            f"| {finding.group} | {what} | {_number(finding.first)} | {_number(finding.last)} | {growth} "
            f"| {LIMITS[finding.what]:g} | {mark} |"
        )
    lines += [
        "",
        "## Over time",
        "",
        "Memory (MB, what would be free if the processes ended), descriptors, threads and processes of each group.",
        "",
        f"| calls | in progress | minutes | rooms | files | {' | '.join(groups)} |",
        f"|--:|--:|--:|--:|--:|{'--:|' * len(groups)}",
    ]
    for sample in _some(samples):
        cells = [_cell(sample.groups.get(group, Usage())) for group in groups]
        lines.append(
            f"| {sample.calls} | {sample.active} | {sample.at_s / 60:.1f} | {sample.rooms} | {sample.files} "
            f"| {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _cell(usage: Usage) -> str:
    return f"{usage.memory_mb:.0f} MB, {usage.descriptors} fd, {usage.threads} thr, {usage.processes} proc"


def _some(samples: Sequence[Sample]) -> Sequence[Sample]:
    step = max(1, len(samples) // ROWS)
    return samples[::step]
