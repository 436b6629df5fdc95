"""`loadtest plan --power`: how many blocks, hours and dollars each verdict takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadtest.errors import ScenarioError

if TYPE_CHECKING:
    from loadtest.analyse.compare.power import Goal
    from loadtest.analyse.compare.simulate import ArmTruth, Truth
    from loadtest.plan.outlook import Outlook
    from loadtest.scenario.compare_spec import CompareSpec
    from loadtest.scenario.load import LoadedScenario

__all__ = ["PowerPlan", "Row", "plan_power"]

SIMULATIONS: Final = 200

Progress = Callable[[str, int, int], None]
"""(what, done, of)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one verdict takes."""

    metric: str
    """Or `choice`, for all of them together."""
    verdict: str
    """What is true by the assumptions, and is to be shown."""
    blocks: int | None
    """With which it is shown in 4 of 5 experiments, about; None: not with as many as were tried."""
    hours: float | None
    usd: float | None
    """None: no price is known, or nothing is billed."""
    planned: float | None
    """In which share of the experiments the scenario's own blocks show it; None: too few for a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPlan:
    """The answer, and what it rests on."""

    control: str
    candidate: str
    planned_blocks: int
    tried: tuple[int, ...]
    """Numbers of blocks that were simulated."""
    simulations: int
    promise: float
    assumptions: tuple[str, ...]
    rows: tuple[Row, ...]
    interrupted: bool


def plan_power(
    loaded: LoadedScenario,
    expected: Outlook,
    usd: float | None,
    *,
    candidate: str | None = None,
    pilot: Path | None = None,
    assumed: Mapping[str, float] | None = None,
    effects: Mapping[str, float] | None = None,
    simulations: int = SIMULATIONS,
    workers: int | None = None,
    progress: Progress,
) -> PowerPlan:
    """Simulate experiments of more and more blocks until they show what is true by the assumptions.

    expected, usd: of the plan as it stands. pilot: a results folder that tells what the control is. assumed: by field
    of `ArmTruth`, over that. effects: by metric, what the candidate does otherwise. Ctrl-C ends it with what is there.

    Raises ScenarioError for arms, effects and assumptions that cannot be, RecordError for a pilot that cannot be read.
    """
    from loadtest.analyse.compare.many import simulated
    from loadtest.analyse.compare.metrics import MIN_VERDICT_BLOCKS
    from loadtest.analyse.compare.power import LADDER, PROMISE, enough, goals, needs, rates_at
    from loadtest.scenario.compare_spec import CompareSpec

    scenario = loaded.scenario
    spec = scenario.compare or CompareSpec(control=next(iter(scenario.arms)))
    other = _candidate(loaded, spec, candidate)
    truth, assumptions = _truth(loaded, expected, spec, other, pilot, assumed or {}, effects)
    aims = goals(truth, spec, other, spec.control)
    rungs = sorted({*LADDER, *([scenario.blocks] if MIN_VERDICT_BLOCKS <= scenario.blocks <= LADDER[-1] else [])})
    shares: dict[int, Mapping[Goal, float]] = {}
    interrupted = False
    try:
        with simulated(workers) as run:
            for blocks in rungs:
                if enough(shares, aims) and blocks > scenario.blocks:
                    break

                def show(done: int, blocks: int = blocks) -> None:
                    progress(f"{blocks} blocks", done, simulations)

                shares[blocks] = rates_at(truth, spec, other, spec.control, blocks, simulations, run, show)
    except KeyboardInterrupt:
        interrupted = True
    minutes = expected.minutes / scenario.blocks
    rows = []
    for aim in aims:
        found = needs(shares, aim).blocks
        rows.append(
            Row(
                metric=aim.metric,
                verdict=aim.verdict,
                blocks=found,
                hours=None if found is None else found * minutes / 60,
                usd=None if found is None or usd is None else found * usd / scenario.blocks,
                planned=shares[scenario.blocks][aim] if scenario.blocks in shares else None,
            )
        )
    return PowerPlan(
        control=spec.control,
        candidate=other,
        planned_blocks=scenario.blocks,
        tried=tuple(shares),
        simulations=simulations,
        promise=PROMISE,
        assumptions=assumptions,
        rows=tuple(rows),
        interrupted=interrupted,
    )


def _candidate(loaded: LoadedScenario, spec: CompareSpec, named: str | None) -> str:
    others = [arm for arm in loaded.scenario.arms if arm != spec.control]
    if named is not None and named not in others:
        raise ScenarioError(
            f"--candidate {named}: expected one of {', '.join(others) or 'no arm: there is only one'}",
            remedy=f"The control is {spec.control}; name another arm.",
        )
    if not others:
        raise ScenarioError(
            "the scenario has one arm: there is nothing to compare",
            remedy="Add a second arm, or leave --power out.",
        )
    return named or others[0]


def _truth(
    loaded: LoadedScenario,
    expected: Outlook,
    spec: CompareSpec,
    candidate: str,
    pilot: Path | None,
    assumed: Mapping[str, float],
    effects: Mapping[str, float] | None,
) -> tuple[Truth, tuple[str, ...]]:
    from loadtest.analyse.compare.assumed import LIKELY_GAIN, from_pilot, with_effects
    from loadtest.analyse.compare.read import read_runs
    from loadtest.analyse.compare.simulate import Truth
    from loadtest.record.layout import RunFolder
    from loadtest.scenario.endpoint import LognormalDelay

    scenario, control = loaded.scenario, spec.control
    base, said = _of_simulated_endpoint(loaded, control), []
    answered = round(scenario.calls_per_block * scenario.callee.pickup.answer)
    truth = Truth(
        arms={control: base},
        calls_per_block=max(1, answered),
        turns_per_call=max(1, round(expected.turns[control] / max(1, expected.calls[control]))),
        call_s=max(1.0, expected.call_s),
    )
    if pilot is not None:
        found = read_runs([RunFolder(pilot)], control=control, candidates=[], allowed=())
        truth, untold = from_pilot(found.experiment, control, truth)
        said.append(f"{control} is what it was in {pilot.name}: {found.experiment.n_blocks} blocks")
        said += untold
    elif control in loaded.profiles and isinstance(loaded.profiles[control].reply_delay, LognormalDelay):
        said.append(f"{control} replies as its endpoint's profile says")
    base = _assume(truth.arms[control], assumed)
    if effects is None:
        effects = {}
        if "rate_1011" in spec.success:
            effects = {**effects, "rate_1011": LIKELY_GAIN}
        if "lost_turns" in spec.success:
            effects = {**effects, "lost_turns": -100 * base.lost_share * (1 - LIKELY_GAIN)}
        said.append(f"{candidate} has half of the 1011s and lost turns, as far as these are to be better: say --effect")
    other = with_effects(base, effects)
    said += [f"{name}: {_text(arm)}" for name, arm in ((control, base), (candidate, other))]
    said.append(f"answered calls of an arm in a block: {truth.calls_per_block}, with {truth.turns_per_call} turns each")
    said.append(f"{100 * truth.block_share:.0f} % of the variance of reply latency lies between blocks")
    if truth.burst is not None:
        said.append(f"1011s come in bursts (gamma shape {truth.burst:.2g})")
    return replace(truth, arms={control: base, candidate: other}), tuple(said)


def _of_simulated_endpoint(loaded: LoadedScenario, arm: str) -> ArmTruth:
    from loadtest.analyse.compare.simulate import ArmTruth
    from loadtest.plan.outlook import PATH_S
    from loadtest.scenario.endpoint import LognormalDelay

    profile = loaded.profiles.get(arm)
    if profile is None or not isinstance(profile.reply_delay, LognormalDelay):
        return ArmTruth(median_ms=1500, p95_ms=3000)
    before_ms = profile.end_of_speech_silence_ms + 1000 * PATH_S
    delay = profile.reply_delay
    return ArmTruth(median_ms=delay.median_ms + before_ms, p95_ms=delay.p95_ms + before_ms)


def _assume(arm: ArmTruth, assumed: Mapping[str, float]) -> ArmTruth:
    names = [f.name for f in fields(arm)]
    for name, value in assumed.items():
        if name not in names or value < 0 or (name.endswith("_share") and value >= 1):
            raise ScenarioError(
                f"--assume {name}={value:g}: expected one of {', '.join(names)}, with a value that it can have",
                remedy="For example --assume rate_1011=0.05, per connected minute.",
            )
    found = replace(arm, **assumed)
    if found.p95_ms <= found.median_ms or found.median_ms <= 0:
        raise ScenarioError(
            f"a median of {found.median_ms:g} ms and a p95 of {found.p95_ms:g} ms are assumed",
            remedy="Assume both: --assume median_ms=1200 --assume p95_ms=2000.",
        )
    return found


def _text(arm: ArmTruth) -> str:
    return (
        f"p50 {arm.median_ms:.0f} ms, p95 {arm.p95_ms:.0f} ms of the replies that come, "
        f"{100 * arm.lost_share:.2g} lost turns in 100, {arm.rate_1011:.2g} 1011s per connected minute"
    )
