"""What the figures rest on: methods in plain words, and what ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.analyse.compare.result import Comparison
from loadtest.report import words
from loadtest.report.html.figures import Table
from loadtest.report.html.pool import Pool
from loadtest.report.rows import outside_text

__all__ = ["arm_fingerprints", "methods", "run_fingerprints"]


def methods(pool: Pool | None, comparison: Comparison | None) -> tuple[tuple[str, str], ...]:
    """Term and explanation."""
    limit = words.duration(pool.limit_ms) if pool is not None else "the reply limit"
    said = [
        (
            "Paired blocks",
            (
                "Calls come in blocks of a few minutes in which every arm makes the same calls, in drawn order. The "
                "provider's good and bad hours then hit all arms alike. Whole blocks are resampled, never single "
                "turns: turns of one call resemble each other, and intervals that forget it are far too narrow."
            ),
        ),
        (
            "Reply latency",
            (
                "From the end of the callee's speech, as sent, to the first sample of the agent's speech, as "
                f"received: what the person called waits. A turn that was never answered counts as {limit}, in every "
                "arm. None is dropped."
            ),
        ),
        (
            "1011 rate",
            (
                "Closes with code 1011 that the server made after setup, for each minute in which a websocket was "
                "connected. Those of one call within 10 s of each other count as one. Other closes are counted apart."
            ),
        ),
        (
            "Lost turns and gaps",
            (
                "A lost turn is a scripted line to which no reply came before the callee had asked again, or within "
                f"{limit}. Gap seconds are silence beyond the limits, over all calls: an hour of talk is the unit."
            ),
        ),
        (
            "Interval",
            (
                "The values that the data do not speak against. An estimate without one is not given, and a p-value "
                "never stands without its interval."
            ),
        ),
        (
            "Margin",
            (
                "How much worse a candidate may be before it matters: declared before the first call was dialled. An "
                "interval wholly past it is inferior, wholly within it non-inferior, wholly on the good side "
                "superior; anything else is inconclusive."
            ),
        ),
        (
            "Invalid turns",
            (
                "If the tester itself was late, or audio was lost on the way, the turn is invalid and in no figure. "
                "Too many of them, or more in one arm than in the other, and there is no verdict."
            ),
        ),
    ]
    if comparison is not None:
        look = comparison.look
        said.append(
            (
                "Looks",
                (
                    f"This is look {look.number} of {look.of}, with {100 * look.share:.0f} % of the planned blocks. "
                    f"Looking early costs certainty: the bound is z = {look.bound_z:.2f}, which leaves an error of "
                    f"{look.tail:.2g} at each end of an interval (one-sided alpha {comparison.alpha:g} over all "
                    "looks, by Lan and DeMets with O'Brien and Fleming's spending). Several success metrics share "
                    "their alpha by Holm's method."
                ),
            )
        )
        said.append(
            ("Seed", f"All resampling is drawn from seed {comparison.seed}: the same data give this page again.")
        )
    return tuple(said)


def run_fingerprints(pool: Pool) -> Table:
    """What ran, a column a run."""
    infos = [run.data.info for run in pool.runs]
    rows: list[tuple[str, ...]] = [
        ("started", *(info.started_utc for info in infos)),
        ("state", *(str(info.state) for info in infos)),
        ("kind", *(str(info.kind) for info in infos)),
        ("LiveKit stack", *(info.stack for info in infos)),
        ("seed", *(str(info.seed) for info in infos)),
        ("calls planned", *(str(info.planned_calls) for info in infos)),
        ("most calls at once", *(str(info.cap) for info in infos)),
        ("analysis of the tables", *(str(run.data.analysis_version or "unknown") for run in pool.runs)),
    ]
    rows += _keys("machine: ", [info.host for info in infos])
    rows += _keys("", [info.versions for info in infos])
    rows += _keys("hash of ", [{k: str(v)[:12] for k, v in info.hashes.items()} for info in infos])
    return Table(head=("", *(info.run_id for info in infos)), rows=tuple(rows))


def arm_fingerprints(pool: Pool) -> Table:
    """What each arm was, in the first run."""
    arms = pool.runs[0].data.info.arms
    told = [{k: v for k, v in arms.get(arm, {}).items() if not isinstance(v, dict)} for arm in pool.arms]
    return Table(head=("", *pool.arms), rows=tuple(_keys("", told)))


def _keys(lead: str, values: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    keys = dict.fromkeys(key for each in values for key in each)
    return [
        (
            f"{lead}{key.replace('_', ' ')}",
            *(outside_text(str(each[key]), 120) if each.get(key) is not None else words.NONE for each in values),
        )
        for key in keys
    ]
