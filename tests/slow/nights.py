"""How often nights alarm that are like the others, and how soon a step is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from loadtest.analyse.compare.baseline import hold_against
from loadtest.analyse.compare.effect import Settings
from loadtest.analyse.compare.metrics import METRICS
from loadtest.analyse.compare.result import Verdict
from loadtest.analyse.compare.simulate import ArmTruth, Truth, simulate
from loadtest.analyse.nightly.alarms import BASELINE_NIGHTS, LEAST_NIGHTS, least_spread, watch
from loadtest.analyse.nightly.change_points import change_points
from loadtest.analyse.nightly.levels import stated_rate
from loadtest.analyse.nightly.prediction import prediction
from loadtest.analyse.nightly.series import Point, Series
from loadtest.analyse.nightly.steps import watch_tonight
from loadtest.analyse.nightly.watched import watched
from tests.slow.coverage import Run
from tests.slow.verdicts import Rate

__all__ = ["drifting", "intervals", "made_series", "stable_nights", "steps"]

NIGHTS: Final = 60
STEP_AT: Final = 40
STEP: Final = float(np.log(1.1))
SPREADS: Final = (0.02, 0.03, 0.04)
"""Standard deviations of a night's log ratio."""
FOUND_AFTER: Final = {3: 0.50, 5: 0.75, 10: 0.89}
"""Nights at the new level: the share of steps that have to be found by then."""
SOON: Final = 5
"""Nights."""
AGAIN: Final = 0.03
"""A second alarm after a step, by chance: of the dozen nights that are watched again until night 60, about 2 in 100."""
PROMISED_AT: Final = 0.03
"""The spread up to which that is promised."""
NEAR: Final = 2
"""Nights: a change that is put further from the step is another."""
STABLE: Final = 0.05
"""Of 60 stable nights: how often change points may be seen on any of them, by who looks every night."""
WIDER: Final = (1, 3)
"""Where nights vary so much more, no change is too small to count."""
TOGETHER: Final = 8
BLOCKS: Final = 12
"""Of a night."""
PER_NIGHT: Final = 0.03
"""How much the log ratio of the arms' latencies differs from night to night."""
NIGHT_METRICS: Final = ("reply_latency_p50", "reply_latency_p95", "greeting_latency_p50", "lost_turns")
RATIO: Final = "reply_latency_p95"
DRIFTS: Final = (0.0, 0.02, 0.05)
"""Standard deviations of the logarithm of an endpoint's pace, from run to run."""
FIRST: Final = date(2026, 1, 1)

Floats = npt.NDArray[np.float64]
Quiet = Callable[[int], None]


def made_series(values: Sequence[float] | Floats, metric: str = RATIO, arm: str = "preview") -> Series:
    """One night after another, all of one fingerprint."""
    points = (Point(FIRST + timedelta(days=i), f"run-{i}", "0" * 12, float(v)) for i, v in enumerate(values))
    return Series(metric, arm, "ga", tuple(points))


def intervals(n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """How often a night like those before it lies outside their 95 % prediction interval."""
    seen = run(_outside_once, n, progress)
    names = ["log ratios as drawn, 14 nights before", "log ratios as drawn, 8 nights before"]
    names += [f"{metric} of {BLOCKS} blocks a night, 14 nights before" for metric in NIGHT_METRICS]
    found = []
    for i, what in enumerate(names):
        least, most = (0.0, 0.057) if "lost_turns" in what else (0.04, 0.057)
        found.append(Rate(what=what, count=sum(outside[i] for outside in seen), n=n, least=least, most=most))
    return found


def stable_nights(n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """What is told of 60 nights in which nothing changed."""
    seen = run(_stable_once, n, progress)
    stated = [stated_rate(min(before, BASELINE_NIGHTS)) for before in range(LEAST_NIGHTS, NIGHTS)]
    found = []
    for i, series in enumerate((1, TOGETHER, 2 * TOGETHER)):
        alarms = [of[i] for of, _ in seen]
        nights, ever = n * len(stated), sum(count > 0 for count in alarms)
        what = f"{series} series: a night with an alarm"
        found.append(Rate(what=what, count=sum(alarms), n=nights, most=sum(stated) / len(stated)))
        found.append(Rate(what=f"{series} series: an alarm in {NIGHTS} nights", count=ever, n=n, most=sum(stated)))
    for i, times in enumerate(WIDER):
        what = f"1 series that varies by {3 * times} %: a change point, seen on any of {NIGHTS} nights"
        found.append(Rate(what=what, count=sum(points[i] for _, points in seen), n=n, most=STABLE))
    return found


def steps(n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """A step of +10 % at night 40: who finds it, by how many nights of the new level."""
    found = []
    for spread in SPREADS:
        seen = run(partial(_step_once, spread), n, progress)
        of = f"nights vary by {100 * spread:g} %"
        for k, (nights, least) in enumerate(FOUND_AFTER.items()):
            asked = least if spread <= PROMISED_AT else 0.0
            count = sum(by_points[k] for by_points, *_ in seen)
            found.append(Rate(what=f"{of}: a change point after {nights} nights", count=count, n=n, least=asked))
        for i, series in enumerate((1, TOGETHER)):
            count = sum(alarms[i] for _, alarms, *_ in seen)
            among = f", one of {series} series" if i else ", alone"
            found.append(Rate(what=f"{of}: an alarm within {SOON} nights{among}", count=count, n=n))
        for nights, least in FOUND_AFTER.items():
            asked = least if spread <= PROMISED_AT else 0.0
            count = sum(len(told) > 0 and told[0] < nights for *_, told in seen)
            found.append(Rate(what=f"{of}: told by the job within {nights} nights", count=count, n=n, least=asked))
        again = sum(len(told) > 1 for *_, told in seen)
        found.append(Rate(what=f"{of}: told by the job a second time by night {NIGHTS}", count=again, n=n, most=AGAIN))
        twice = sum(second for _, _, second, _ in seen)
        found.append(Rate(what=f"{of}: a second alarm by night {NIGHTS}", count=twice, n=n, most=AGAIN))
    return found


def _outside_once(seed: int) -> list[bool]:
    draws = np.random.default_rng((10, seed))
    outside = [_is_outside(draws.normal(0, 0.03, n + 1)) for n in (BASELINE_NIGHTS, LEAST_NIGHTS)]
    nights = np.array(list(_nights(seed)))
    return outside + [_is_outside(nights[:, i], least_spread(metric)) for i, metric in enumerate(NIGHT_METRICS)]


def _is_outside(values: Floats, spread: float = 0.0) -> bool:
    expected = prediction(values[:-1].tolist(), 0.95, least_spread=spread)
    return not expected.low <= values[-1] <= expected.high


def _nights(seed: int) -> Iterator[list[float]]:
    """What is watched of a baseline's nights and one more: whole experiments of 12 blocks."""
    draws = np.random.default_rng((11, seed))
    ga = ArmTruth(lost_share=0.004, talked_over_share=0.001)
    for night in range(BASELINE_NIGHTS + 1):
        drift, apart = np.exp(draws.normal(0, 0.1)), np.exp(draws.normal(0, PER_NIGHT))
        control = replace(
            ga, median_ms=ga.median_ms * drift, p95_ms=ga.p95_ms * drift, greeting_ms=ga.greeting_ms * drift
        )
        candidate = replace(
            control,
            median_ms=control.median_ms * apart,
            p95_ms=control.p95_ms * apart,
            greeting_ms=control.greeting_ms * apart,
        )
        truth = Truth(arms={"ga": control, "preview": candidate}, lost_precision=None)
        made = simulate(truth, BLOCKS, (12, seed, night))
        yield [_figure(metric, made.arms["preview"], made.arms["ga"]) for metric in NIGHT_METRICS]


def _figure(metric: str, candidate: object, control: object) -> float:
    settings = Settings(resamples=200, p_values=False)  # so many tell that the p95 is below the limit
    effect = METRICS[metric].estimate(candidate, control, settings)  # type: ignore[arg-type]
    value = watched(metric, effect.value)
    assert value is not None
    return value


def _stable_once(seed: int) -> tuple[list[int], list[bool]]:
    """Nights with an alarm among 1, 8 and 16 series; whether who looks every night ever sees a change point."""
    values = np.random.default_rng((13, seed)).normal(0, 0.03, (2 * TOGETHER, NIGHTS))
    series = [made_series(row, arm=f"candidate {i}") for i, row in enumerate(values)]
    alarms = [len({alarm.night for alarm in watch(series[:k]).alarms}) for k in (1, TOGETHER, 2 * TOGETHER)]
    points = [
        any(change_points(made_series(times * values[0, :night])) for night in range(LEAST_NIGHTS, NIGHTS + 1))
        for times in WIDER
    ]
    return alarms, points


def _step_once(spread: float, seed: int) -> tuple[list[bool], list[bool], bool, list[int]]:
    """By nights of the new level: whether change points have it; whether it alarms soon, alone and with others; whether
    it alarms again; on which of its nights the job tells of it, as one of 8 series."""
    values = np.random.default_rng((14, round(1000 * spread), seed)).normal(0, spread, (TOGETHER, NIGHTS))
    values[0, STEP_AT:] += STEP
    by_points = [
        any(abs(found.index - STEP_AT) <= NEAR for found in change_points(made_series(values[0, : STEP_AT + nights])))
        for nights in FOUND_AFTER
    ]
    series = [made_series(row, arm=f"candidate {i}") for i, row in enumerate(values)]
    step = series[0].points[STEP_AT].night
    told = [
        [alarm.night - step for alarm in watch(series[:k]).alarms if alarm.arm == series[0].arm and alarm.night >= step]
        for k in (1, TOGETHER)
    ]
    soon = [any(after < timedelta(days=SOON) for after in nights) for nights in told]
    return by_points, soon, len(told[0]) > 1, _nights_told(series)


def _nights_told(series: Sequence[Series]) -> list[int]:
    """The nights of the new level, from 0, on which the job tells of a change in the first series."""
    found = []
    for i, point in enumerate(series[0].points[STEP_AT:]):
        told = watch_tonight(series, point.night)
        arms = {alarm.arm for alarm in told.watched.tonight} | {step.arm for step in told.steps}
        if series[0].arm in arms:
            found.append(i)
    return found


def drifting(n: int, run: Run, progress: Quiet = lambda done: None) -> list[Rate]:
    """The same endpoint in two runs, held against each other as by `loadtest gate --baseline`: how often their blocks
    show a difference of the p50, by how much the endpoint drifts between runs."""
    found = []
    for drift in DRIFTS:
        seen = run(partial(_drifting_once, drift), n, progress)
        what = f"drift of {100 * drift:g} %: a difference" if drift else "no drift: a difference"
        found.append(Rate(what=what, count=sum(differ for differ, _ in seen), n=n, most=1.0 if drift else 0.06))
        what = f"drift of {100 * drift:g} %: worse than 5 %" if drift else "no drift: worse than 5 %"
        found.append(Rate(what=what, count=sum(worse for _, worse in seen), n=n, most=1.0 if drift else 0.025))
    return found


def _drifting_once(drift: float, seed: int) -> tuple[bool, bool]:
    """Whether the interval of the p50's ratio excludes 1; whether it lies beyond the margin."""
    draws = np.random.default_rng((15, round(1000 * drift), seed))
    runs = []
    for i in range(2):
        pace = float(np.exp(draws.normal(0, drift)))
        arm = ArmTruth(median_ms=1200 * pace, p95_ms=2000 * pace)
        runs.append(simulate(Truth(arms={"ga": arm}), 2 * BLOCKS, (16, seed, i)))
    (result,) = (
        result
        for result in hold_against(runs[0], runs[1], {"reply_latency_p50": 0.05}, alpha=0.025, seed=seed)["ga"]
        if result.metric == "reply_latency_p50"
    )
    interval = result.effect.interval
    assert interval is not None
    assert interval.high is not None
    return not interval.low <= 1 <= interval.high, result.verdict is Verdict.INFERIOR
