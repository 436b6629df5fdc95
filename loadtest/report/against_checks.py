"""A run against an earlier one, as checks, and what they can't tell."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.analyse.compare.baseline import Against
from loadtest.analyse.compare.metrics import MIN_VERDICT_BLOCKS
from loadtest.analyse.compare.result import MetricResult, Verdict
from loadtest.record.checks import Check, Result
from loadtest.report import comparison_words as say
from loadtest.report.rows import plural

__all__ = ["against_checks", "against_notes"]

GROUP = "baseline"
RESULTS = {
    Verdict.SUPERIOR: Result.PASSED,
    Verdict.NON_INFERIOR: Result.PASSED,
    Verdict.INFERIOR: Result.FAILED,
    Verdict.INCONCLUSIVE: Result.OPEN,
    Verdict.NOT_ESTIMABLE: Result.OPEN,
}


def against_checks(against: Against) -> tuple[Check, ...]:
    """Each metric with a margin, of each arm."""
    return tuple(
        Check(group=GROUP, name=f"{arm}: {result.title}", result=RESULTS[result.verdict], text=_text(result))
        for arm, results in against.arms.items()
        for result in results
        if result.margin is not None
    )


def against_notes(against: Against, *, by_control: bool) -> tuple[str, ...]:
    """What must be read with the checks. by_control: the run has a control as well."""
    return tuple(_notes(against, by_control=by_control))


def _text(result: MetricResult) -> str:
    effect = result.effect
    before, now = say.arm_figures(result, effect)
    text = (
        f"{say.verdict(result)}: {now}, was {before}, difference {say.difference(result, effect)}, "
        f"margin {say.margin(result)}"
    )
    if effect.interval is None and effect.why is not None:
        text += f"; {effect.why.replace('the candidate', 'this run').replace('the control', 'the baseline')}"
    return say.clean(text)


def _notes(against: Against, *, by_control: bool) -> Iterator[str]:
    run, baseline = against.blocks
    beside = ": arms held against the control of the same run don't suffer from that" if by_control else ""
    yield (
        f"the baseline was run at another time, {against.started_utc}: what differs between times, such as the hour, "
        "the provider's load or this machine's, is part of each difference, and no interval here counts it. Where the "
        "pace drifts by 2 to 5 % from run to run, 10 to 35 in 100 such comparisons show a difference that nobody made"
        f"{beside}"
    )
    yield (
        f"{run} blocks against {baseline}, as independent samples; each metric of each arm at a one-sided error of "
        f"{against.alpha:g}: the more there are, the likelier it is that one fails by chance at its margin"
    )
    if min(run, baseline) < MIN_VERDICT_BLOCKS:
        yield (
            f"nothing passes or fails against a baseline on fewer than {MIN_VERDICT_BLOCKS} complete blocks; "
            f"{plural(min(run, baseline), 'block')} {'is' if min(run, baseline) == 1 else 'are'} in"
        )
    if against.unlike:
        yield f"the runs differ, by leave, in {say.clean('; '.join(against.unlike))}"
