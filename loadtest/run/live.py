"""Watching the arms whose endpoint is Google's: what they use, what they are denied, and where they really connect."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from loadtest.call.spec import CallSpec
from loadtest.errors import EndedEarlyError, StackError
from loadtest.plan.cost import Use, billed_arms
from loadtest.record.endpoints import endpoint_label, other_hosts, run_kind
from loadtest.record.events import Event, ProbeMessage
from loadtest.record.run_json import RunKind
from loadtest.run.denials import Denial, denial, quota_remedy
from loadtest.run.spending import Spending
from loadtest.scenario.arms import Api
from loadtest.scenario.google import KEY
from loadtest.scenario.models import Scenario
from loadtest_probe import wire

__all__ = ["LiveWatch"]

LOOK_EVERY_S = 0.5


class LiveWatch:
    """Follows the calls of a run and ends it early when it may not, or cannot, go on.

    active: calls in progress; end_early: asked once or more, the first reason counts. Other arms are not its concern.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        cap: int,
        active: Callable[[], int],
        end_early: Callable[[EndedEarlyError], None],
        used: Mapping[str, Use] = MappingProxyType({}),
    ) -> None:
        """used: by arm, by earlier parts of the run."""
        self._scenario = scenario
        self._cap = cap
        self._active = active
        self._end_early = end_early
        self._spending = Spending(scenario, used)
        self._hosts: dict[str, set[str]] = defaultdict(set)
        self.arms = billed_arms(scenario)
        """Those that are followed."""

    def event(self, spec: CallSpec, event: Event) -> None:
        """Something happened in a call."""
        arm = spec.call.arm
        if arm not in self.arms:
            return
        self._spending.event(arm, spec.call.call_id, event, time.monotonic())
        if isinstance(event, ProbeMessage) and (line := wire.decode(json.dumps(event.message))) is not None:
            if isinstance(line.message, wire.Connected) and line.message.host is not None:
                self._hosts[arm].add(line.message.host)
            self._heed(arm, line.message, warmup=spec.warmup)

    def released(self, spec: CallSpec) -> None:
        """A call was hung up."""
        self._spending.ended(spec.call.call_id, time.monotonic())

    async def watch(self) -> None:
        """Hold the use against the limits again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Hold the use against the limits."""
        reached = self._spending.exceeded(time.monotonic())
        if reached is not None:
            text, remedy = reached
            self._end_early(EndedEarlyError(f"ended early at {text}", remedy=remedy))

    def check_hosts(self) -> None:
        """Raise StackError if an arm that is said to be Google's was seen to connect to another host."""
        for arm in self.arms:
            if strange := other_hosts(self._hosts[arm]):
                raise StackError(
                    f"arm {arm} has `endpoint: google`, but its agent connects to {', '.join(strange)}",
                    remedy="Let the agent use Google's default endpoint, or say endpoint: {base_url: URL}, as it is.",
                )

    def kind(self) -> RunKind:
        """Of the run, as far as it is known now."""
        return run_kind(self._scenario.arms, self._hosts)

    def label(self, arm: str) -> str:
        """Whose an arm's endpoint is, as far as it is known now."""
        return endpoint_label(self._scenario.arms[arm], self._hosts[arm])

    def usage(self) -> Mapping[str, Mapping[str, Any]]:
        """For run.json."""
        return self._spending.record(time.monotonic())

    def _heed(self, arm: str, message: wire.Message, *, warmup: bool) -> None:
        match denial(message):
            case Denial.QUOTA:
                calls = max(1, self._active())
                self._end_early(
                    EndedEarlyError(
                        f"ended early: a quota of arm {arm}'s endpoint is reached ({_told(message)}), with {calls} "
                        f"{'call' if calls == 1 else 'calls'} in progress",
                        remedy=quota_remedy(calls=calls, arms=len(self._scenario.arms), cap=self._cap),
                    )
                )
            case Denial.CREDENTIALS if warmup:
                self._end_early(
                    EndedEarlyError(
                        f"ended early: the endpoint of arm {arm} refuses the credentials ({_told(message)})",
                        remedy=self._credentials_remedy(arm),
                    )
                )
            case _:
                pass

    def _credentials_remedy(self, name: str) -> str:
        arm = self._scenario.arms[name]
        if arm.agent.external:
            return "Give the agent credentials that may use this model: it has its own."
        if arm.api is Api.GEMINI:
            return f"Export a valid key of the Gemini API in {KEY}."
        return "Give the credentials' account the role roles/aiplatform.user in GOOGLE_CLOUD_PROJECT."


def _told(message: wire.Message) -> str:
    assert isinstance(message, wire.Refused | wire.Closed)
    if isinstance(message, wire.Refused) and message.http_status is not None:
        return f"HTTP {message.http_status}"
    return f"close {message.code}: {message.reason}" if message.code is not None else message.reason
