"""The conditions without which no verdict is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from scipy import stats

from loadtest.analyse.compare.result import Gate
from loadtest.analyse.compare.tallies import APART_S, ArmTally, RunTally, sum_of
from loadtest.analyse.validity import beyond, differ
from loadtest.scenario.models import ValidityLimits

__all__ = ["gates"]

DROPPED_SHARE: Final = 0.01
ALLOCATION_P: Final = 0.001
UNKNOWN_SHARE: Final = 0.2
"""Of the gaps of an arm whose agent tells of its connections: more without a known cause, and what was blamed on
closes is guesswork."""
MISSING_SHARE: Final = 0.05
"""Of the blocks that were begun: more that lack an arm, and those that are left are no fair sample."""
BUSY_SHARE: Final = 0.1
"""Of the samples of the tester's health: a moment spoils the turns in it, a machine short of CPU all of them."""


def gates(tally: RunTally, limits: ValidityLimits, unlike: Sequence[str]) -> tuple[Gate, ...]:
    """All gates, passed or not. unlike: what arms differ in that they may not, in words."""
    return tuple(replace(gate, text=gate.text.replace("%", " %")) for gate in _gates(tally, limits, unlike))


def _gates(tally: RunTally, limits: ValidityLimits, unlike: Sequence[str]) -> Iterator[Gate]:
    arms = tally.arms
    yield _complete_blocks(tally)
    yield Gate(
        name="side_by_side",
        passed=not beyond(tally.apart, tally.complete, MISSING_SHARE),
        text=f"in {tally.apart} of {tally.complete} complete blocks the arms were dialled more than "
        f"{APART_S / 60:.0f} minutes from one another, {MISSING_SHARE:.0%} at most allowed",
    )
    counts = {arm: of.dialled for arm, of in arms.items()}
    yield Gate(
        name="equal_allocation",
        passed=all(
            not counts[a] + counts[b] or stats.binomtest(counts[a], counts[a] + counts[b]).pvalue >= ALLOCATION_P
            for a, b in combinations(counts, 2)
        ),
        text=f"calls dialled: {', '.join(f'{arm} {n}' for arm, n in counts.items())}; a difference that chance would "
        f"make less than once in {1 / ALLOCATION_P:.0f} experiments is not allowed",
    )
    yield Gate(
        name="valid_share",
        passed=all(of.turns and (of.turns - of.invalid) / of.turns >= limits.valid_share for of in arms.values()),
        text=f"valid script turns: {_shares(arms, lambda of: (of.turns - of.invalid, of.turns))}; "
        f"at least {limits.valid_share:.0%} needed",
    )
    yield _difference("invalid_difference", "invalid", arms, lambda of: (of.invalid, of.turns), limits)
    yield Gate(
        name="disputed_share",
        passed=not any(beyond(of.disputed, of.judged, limits.disputed_share) for of in arms.values()),
        text=f"disputed turns: {_shares(arms, lambda of: (of.disputed, of.judged))}; "
        f"{limits.disputed_share:.0%} at most allowed",
    )
    yield _difference("disputed_difference", "disputed", arms, lambda of: (of.disputed, of.judged), limits)
    yield from _of_calls(tally, limits)
    yield _tester_health(tally, limits)
    yield Gate(
        name="same_audio",
        passed=not tally.strange_audio,
        text="no plan tells what each call was said; all arms had the run's one script"
        if tally.strange_audio is None
        else f"{tally.strange_audio} pairs of calls in which the arms were said different things; none allowed",
    )
    yield Gate(
        name="same_software",
        passed=not unlike,
        text=f"arms differ in what is not under test: {'; '.join(unlike)}"
        if unlike
        else "arms have the same software, kind of agent and region, as far as is known, unless that is under test",
    )
    yield Gate(
        name="known_causes",
        passed=not any(beyond(of.unexplained, of.gaps, UNKNOWN_SHARE) for of in arms.values()),
        text=f"gaps without a known cause, of agents that tell of their connections: "
        f"{_shares(arms, lambda of: (of.unexplained, of.gaps))}; {UNKNOWN_SHARE:.0%} at most allowed",
    )


def _complete_blocks(tally: RunTally) -> Gate:
    text = f"{tally.complete} complete blocks of {tally.begun} that were begun"
    if not tally.complete:
        return Gate(name="complete_blocks", passed=False, text=f"{text}: nothing can be compared")
    return Gate(
        name="complete_blocks",
        passed=not beyond(tally.missing, tally.begun, MISSING_SHARE),
        text=f"{text}; {tally.missing} lack calls of an arm though the run went on, {MISSING_SHARE:.0%} allowed",
    )


def _of_calls(tally: RunTally, limits: ValidityLimits) -> Iterator[Gate]:
    everything = sum_of(list(tally.arms.values()))
    dialled = everything.dialled
    yield Gate(
        name="dial_lateness",
        passed=not beyond(everything.late, dialled, limits.late_share),
        text=f"{everything.late} of {dialled} calls were dialled more than {limits.dial_late_ms:g} ms late, "
        f"{limits.late_share:.0%} at most allowed",
    )
    yield Gate(
        name="dropped_calls",
        passed=everything.dropped == 0 or everything.dropped / everything.due < DROPPED_SHARE,
        text=f"{everything.dropped} of {everything.due} calls that were due were dropped at the cap, "
        f"less than {DROPPED_SHARE:.0%} allowed",
    )
    yield Gate(
        name="agent_waits",
        passed=not beyond(everything.queued, dialled, limits.late_share),
        text=f"{everything.queued} of {dialled} calls waited more than {limits.agent_join_ms:g} ms for an agent of "
        f"loadtest's own, {limits.late_share:.0%} at most allowed",
    )
    yield Gate(
        name="tester_errors",
        passed=not dialled or 1 - everything.tester_errors / dialled >= limits.valid_share,
        text=f"{everything.tester_errors} of {dialled} dialled calls failed by the tester's own fault, "
        f"{1 - limits.valid_share:.0%} at most allowed",
    )


def _tester_health(tally: RunTally, limits: ValidityLimits) -> Gate:
    said = {
        "cpu_share": f"the machine was busier than {limits.cpu_share:.0%}",
        "cpu_stall": f"tasks waited for a core more than {limits.cpu_stall:.0%} of the time",
        "loop_lag_ms": f"an event loop was blocked over {limits.loop_lag_ms:g} ms",
    }
    told = ", ".join(f"{said[name]} in {over} of {n} samples" for name, (over, n) in tally.samples.items())
    return Gate(
        name="tester_health",
        passed=not any(beyond(over, n, BUSY_SHARE) for over, n in tally.samples.values()),
        text=f"{told}, at most {BUSY_SHARE:.0%} allowed; {tally.late_frames} late audio frames",
    )


def _difference(
    name: str,
    what: str,
    arms: Mapping[str, ArmTally],
    share: Callable[[ArmTally], tuple[int, int]],
    limits: ValidityLimits,
) -> Gate:
    return Gate(
        name=name,
        passed=not any(
            differ(*share(one), *share(other), limits.share_difference) for one, other in combinations(arms.values(), 2)
        ),
        text=f"{what} turns: {_shares(arms, share)}; no more than {limits.share_difference * 100:g} points apart, "
        "unless by chance",
    )


def _shares(arms: Mapping[str, ArmTally], share: Callable[[ArmTally], tuple[int, int]]) -> str:
    def text(count: int, n: int) -> str:
        return f"{count} of {n} ({count / n:.1%})" if n else "none"

    return ", ".join(f"{arm} {text(*share(of))}" for arm, of in arms.items())
