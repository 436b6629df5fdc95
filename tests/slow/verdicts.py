"""How often verdicts are wrong, and how often they come when they should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

from loadtest.analyse.compare.experiment import Arm, Experiment
from loadtest.analyse.compare.power import PROMISE, Goal, compared, needs, rates_at
from loadtest.analyse.compare.result import Candidate, Choice
from loadtest.analyse.compare.simulate import ArmTruth, Truth, simulate
from loadtest.analyse.compare.verdict import harm_of
from loadtest.scenario.compare_spec import CompareSpec
from tests.slow.coverage import Run, binomial

__all__ = ["Rate", "a_a", "first_blocks", "power", "sequential"]

GA: Final = ArmTruth(lost_share=0.012, talked_over_share=0.006, rate_1011=0.3)
SAME: Final = Truth(arms={"ga": GA, "preview": GA})
BLOCKS: Final = 48
LOOKS: Final = 4
SIDES: Final = ("superior", "inferior")

PLANNED: Final = (
    Goal(metric="rate_1011", verdict="superior"),
    Goal(metric="reply_latency_p95", verdict="non-inferior"),
)

Quiet = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something came out, and how often it may, or has to."""

    what: str
    count: int
    n: int
    most: float = 1.0
    least: float = 0.0

    @property
    def share(self) -> float:
        return self.count / self.n

    @property
    def kept(self) -> bool:
        low, high = binomial(self.count, self.n)
        return low <= self.most and high >= self.least


def a_a(n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """The same endpoint twice, 48 blocks: what is chosen, and on which side of no difference each interval lies."""
    seen = run(_a_a_once, n, progress)
    chosen = sum(choice in {Choice.ADOPT, Choice.REJECT} for choice, _ in seen)
    return [
        Rate(what="adopt or reject", count=chosen, n=n, most=0.05),
        *_by_metric([sides for _, sides in seen], 0.025),
    ]


def sequential(n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """The same endpoint twice, looked at four times, at 24, 48, 72 and 96 blocks: a difference at any look."""
    seen = run(_sequential_once, n, progress)
    metrics = dict.fromkeys(key for sides in seen for key in sides)
    return [
        Rate(what=f"{key}: any difference", count=sum(bool(sides.get(key)) for sides in seen), n=n, most=0.055)
        for key in metrics
    ]


def power(simulations: int, n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """The blocks that a plan names are enough as often as it says, give or take its own error.

    The plan is made from so many simulations; n others, with as many blocks as it names, are held against it.
    """
    truth = Truth(
        arms={"ga": ArmTruth(lost_share=0.02, rate_1011=0.3), "preview": ArmTruth(lost_share=0.012, rate_1011=0.12)}
    )
    spec = CompareSpec(control="ga")
    ask = partial(rates_at, truth, spec, "preview", "ga", run=run, progress=progress)
    shares = {blocks: ask(blocks, simulations=simulations) for blocks in (24, 48, 96)}
    found = []
    for goal in PLANNED:
        enough = needs(shares, goal).blocks
        assert enough is not None
        share = ask(enough, simulations=n)[goal]
        what = f"{goal.metric} {goal.verdict} with the {enough} blocks planned for it"
        found.append(Rate(what=what, count=round(share * n), n=n, least=PROMISE - 0.07, most=PROMISE + 0.1))
    return found


def first_blocks(experiment: Experiment, n: int) -> Experiment:
    """What a look at the first n blocks sees."""

    def cut(arm: Arm) -> Arm:
        def rows(of: Any) -> Any:
            return type(of)(**{f.name: getattr(of, f.name)[of.block < n] for f in fields(of)})

        def heads(of: Any) -> Any:
            return type(of)(**{f.name: getattr(of, f.name)[:n] for f in fields(of)})

        return replace(
            arm,
            turns=rows(arm.turns),
            greetings=rows(arm.greetings),
            closes=heads(arm.closes),
            silences=heads(arm.silences),
            first_closes=rows(arm.first_closes),
        )

    return replace(experiment, n_blocks=n, arms={name: cut(arm) for name, arm in experiment.arms.items()})


def _a_a_once(seed: int) -> tuple[Choice, dict[str, str]]:
    candidate = compared(
        simulate(SAME, BLOCKS, (1, seed)), CompareSpec(control="ga"), "preview", "ga", planned=BLOCKS, seed=seed
    )
    return candidate.choice, _sides(candidate)


def _sequential_once(seed: int) -> dict[str, str]:
    whole = simulate(SAME, LOOKS * 24, (2, seed))
    spec = CompareSpec(control="ga", looks=LOOKS, success=(), margins={})
    seen: dict[str, str] = {}
    for look in range(1, LOOKS + 1):
        candidate = compared(first_blocks(whole, 24 * look), spec, "preview", "ga", planned=LOOKS * 24, seed=seed)
        for key, side in _sides(candidate).items():
            seen[key] = seen.get(key) or side
    return seen


def _sides(candidate: Candidate) -> dict[str, str]:
    """By metric: on which side of no difference the interval lies; empty if it holds it, or isn't there."""
    found = {}
    for result in candidate.metrics:
        harm = harm_of(result.effect, lower_is_better=result.lower_is_better)
        better, worse = (harm.high < 0, harm.low > 0) if harm is not None else (False, False)
        found[result.metric] = "superior" if better else "inferior" if worse else ""
    return found


def _by_metric(seen: list[dict[str, str]], most: float) -> list[Rate]:
    metrics = dict.fromkeys(key for sides in seen for key in sides)
    return [
        Rate(what=f"{key}: {side}", count=sum(sides.get(key) == side for sides in seen), n=len(seen), most=most)
        for key in metrics
        for side in SIDES
    ]
