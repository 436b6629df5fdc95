"""What a run uses of Google's endpoints while it lasts: counted from the answers, held against the limits.

Times are monotonic seconds of the tester. Calls in progress count up to now, warm-up calls like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from loadtest.plan.cost import Use, billed_arms, total_use
from loadtest.plan.prices import Price, call_usd, price_of
from loadtest.record.events import Answered, CallStarted, Event, LineEnded
from loadtest.scenario.models import Scenario

__all__ = ["Spending"]


@dataclass(slots=True)
class _Call:
    arm: str
    dialled_s: float
    answered_s: float | None = None
    ended_s: float | None = None
    utterances: int = 0

    def talk_s(self, now_s: float) -> float:
        return 0.0 if self.answered_s is None else (self.ended_s or now_s) - self.answered_s

    def usd(self, price: Price, now_s: float) -> float:
        if self.answered_s is None:
            return 0.0  # nobody spoke, so no turn of the model was charged
        replies = 1 + self.utterances  # the greeting is one more
        session_s = (self.ended_s or now_s) - self.dialled_s
        return call_usd(price, session_s=session_s, talk_s=self.talk_s(now_s), replies=replies)


class Spending:
    """Follows the calls to arms whose endpoint is Google's."""

    def __init__(self, scenario: Scenario, before: Mapping[str, Use] = MappingProxyType({})) -> None:
        """before: by arm, what earlier parts of the run have used."""
        self._before = before
        self._limits = scenario.limits
        self._prices = {name: price_of(scenario.arms[name]) for name in billed_arms(scenario)}
        self._calls: dict[str, _Call] = {}

    def event(self, arm: str, call_id: str, event: Event, now_s: float) -> None:
        """Something happened in a call."""
        if arm not in self._prices:
            return
        call = self._calls.get(call_id)
        if isinstance(event, CallStarted):
            self._calls[call_id] = _Call(arm, now_s)
        elif call is not None and isinstance(event, Answered):
            call.answered_s = now_s
        elif call is not None and isinstance(event, LineEnded):
            call.utterances += 1

    def ended(self, call_id: str, now_s: float) -> None:
        """The call was hung up."""
        if call_id in self._calls:
            self._calls[call_id].ended_s = now_s

    def use(self, now_s: float) -> dict[str, Use]:
        """By billed arm."""
        found = {}
        for arm, price in self._prices.items():
            calls = [call for call in self._calls.values() if call.arm == arm]
            before = self._before.get(arm, Use(0.0, 0.0))
            usd = None if price is None else (before.usd or 0.0) + sum(call.usd(price, now_s) for call in calls)
            found[arm] = Use(before.call_minutes + sum(call.talk_s(now_s) for call in calls) / 60, usd)
        return found

    def exceeded(self, now_s: float) -> tuple[str, str] | None:
        """What was reached, and what to do; None while there is something left."""
        total, limits = total_use(self.use(now_s)), self._limits
        if limits.call_minutes is not None and total.call_minutes >= limits.call_minutes:
            text = f"{total.call_minutes:.1f} call minutes: the limit of {limits.call_minutes:g} is reached"
            return text, "Plan fewer blocks, or raise the limit: --set limits.call_minutes=N."
        if total.usd is not None and total.usd >= limits.cost_usd:
            text = f"an estimated cost of ${total.usd:.2f}: the limit of ${limits.cost_usd:g} is reached"
            return text, "Plan fewer blocks, or raise the limit: --set limits.cost_usd=N."
        return None

    def record(self, now_s: float) -> Mapping[str, Mapping[str, Any]]:
        """For run.json."""
        return {
            arm: {
                "call_minutes": round(use.call_minutes, 3),
                "estimated_usd": None if use.usd is None else round(use.usd, 4),
                "prices_as_of": None if (price := self._prices[arm]) is None else price.as_of.isoformat(),
            }
            for arm, use in self.use(now_s).items()
        }
