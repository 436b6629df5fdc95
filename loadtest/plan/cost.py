"""What a plan is expected to use of Google's endpoints, held against the scenario's limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from loadtest.plan.calls import PlannedCall
from loadtest.plan.outlook import Outlook, outlook
from loadtest.plan.prices import call_usd, price_of
from loadtest.scenario.callee import Pickup
from loadtest.scenario.load import LoadedScenario
from loadtest.scenario.models import Scenario
from loadtest.scenario.problems import Problem, ScenarioProblems

__all__ = ["Use", "add_use", "billed_arms", "check_limits", "expected_use", "planned_use", "total_use", "use_text"]

WARMUP_S = 20.0
"""Length of a warm-up call; about what it takes to greet, to say one line and to hear the reply."""
WARMUP_REPLIES = 2


@dataclass(frozen=True, slots=True)
class Use:
    """Of Google's endpoint: minutes from answers to hang-ups, and the estimated cost in US dollars.

    usd: None if no price is known; of a total, that of the arms whose price is.
    """

    call_minutes: float
    usd: float | None


def billed_arms(scenario: Scenario) -> tuple[str, ...]:
    """The arms whose endpoint is Google's, or is said to be."""
    return tuple(name for name, arm in scenario.arms.items() if arm.at_google)


def expected_use(loaded: LoadedScenario, calls: Sequence[PlannedCall], expected: Outlook) -> dict[str, Use]:
    """By billed arm: every planned call and a warm-up call, none of them dropped."""
    replies = 1 + len(loaded.script.lines) + (loaded.script.goodbye is not None)  # the greeting is one more
    found = {}
    for name in billed_arms(loaded.scenario):
        price = price_of(loaded.scenario.arms[name])
        talks = [(WARMUP_S, WARMUP_S, WARMUP_REPLIES)]
        talks += [
            (talk_s, talk_s + call.ring_s, replies)
            for call, talk_s in zip(calls, expected.talk_by_call_s, strict=True)
            if call.arm == name and call.pickup is Pickup.ANSWER
        ]
        costs = [0.0 if price is None else call_usd(price, session_s=s, talk_s=t, replies=n) for t, s, n in talks]
        found[name] = Use(sum(t for t, *_ in talks) / 60, None if price is None else sum(costs))
    return found


def planned_use(loaded: LoadedScenario, calls: Sequence[PlannedCall], cap: int) -> dict[str, Use]:
    """As expected_use, for those who need no outlook otherwise: the plan is simulated only if an arm is billed."""
    return expected_use(loaded, calls, outlook(loaded, calls, cap)) if billed_arms(loaded.scenario) else {}


def total_use(use: Mapping[str, Use]) -> Use:
    """Of all arms together."""
    known = [one.usd for one in use.values() if one.usd is not None]
    return Use(sum(one.call_minutes for one in use.values()), sum(known) if known else None)


def add_use(one: Use, other: Use | None) -> Use:
    """Both together; the cost is known if that of the first is."""
    if other is None:
        return one
    return Use(one.call_minutes + other.call_minutes, None if one.usd is None else one.usd + (other.usd or 0.0))


def use_text(use: Mapping[str, Use]) -> str:
    """What is expected of all arms together, in words."""
    total = total_use(use)
    cost = "at no known price" if total.usd is None else f"an estimated ${total.usd:.2f}"
    return f"about {total.call_minutes:.1f} call minutes are expected, {cost}"


def check_limits(loaded: LoadedScenario, use: Mapping[str, Use]) -> None:
    """Raise ScenarioError if what is expected to be used exceeds a limit, or has none that it needs."""
    problems = list(_limit_problems(loaded, use))
    if problems:
        raise ScenarioProblems(problems, scenario=str(loaded.path))


def _limit_problems(loaded: LoadedScenario, use: Mapping[str, Use]) -> Iterator[Problem]:
    limits, total = loaded.scenario.limits, total_use(use)
    minutes = f"{total.call_minutes:.1f}"
    for name, one in use.items():
        if one.usd is None and limits.call_minutes is None:
            arm = loaded.scenario.arms[name]
            field = "limits.call_minutes"
            yield Problem(
                loaded.place(field),
                field,
                f"expected a number: no price of {arm.model} (arm {name}, {arm.api} API) is known, so its cost cannot "
                "be limited; found none",
                f"The plan comes to about {minutes} minutes: for example --set {field}={ceil(total.call_minutes)}. "
                "Or add the model's price to loadtest/plan/prices.yaml.",
            )
            break
    if limits.call_minutes is not None and total.call_minutes > limits.call_minutes:
        yield _exceeded(
            loaded, "limits.call_minutes", f"{limits.call_minutes:g}", minutes, str(ceil(total.call_minutes))
        )
    if total.usd is not None and total.usd > limits.cost_usd:
        yield _exceeded(loaded, "limits.cost_usd", f"{limits.cost_usd:g}", f"{total.usd:.2f}", str(ceil(total.usd)))


def _exceeded(loaded: LoadedScenario, field: str, limit: str, found: str, enough: str) -> Problem:
    text = f"expected a plan of at most {limit}; found one of about {found}, estimated"
    return Problem(loaded.place(field), field, text, f"Plan fewer blocks, or raise the limit: --set {field}={enough}.")
