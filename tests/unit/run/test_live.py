"""Following the arms whose endpoint is Google's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from loadtest.call.spec import CallSpec
from loadtest.errors import EndedEarlyError, StackError
from loadtest.record.events import Answered, CallStarted, Event, ProbeMessage
from loadtest.record.run_json import RunKind
from loadtest.run.live import LiveWatch
from loadtest.scenario.models import Scenario
from loadtest_probe import wire
from tests.unit.calls import planned_call

GOOGLE = "generativelanguage.googleapis.com"
THEIRS = {"external": True, "name": "a"}


class Watched:
    def __init__(
        self, endpoint: Any = "google", agent: Any = "reference", api: str = "gemini", **limits: float
    ) -> None:
        arm = {"model": "gemini-3.8-live", "endpoint": endpoint, "agent": agent, "api": api}
        scenario = Scenario.model_validate(
            {
                "version": 1,
                "name": "n",
                "stack": "external",
                "arms": {"ga": arm},
                "blocks": 1,
                "arrivals": [{"rate_per_minute": 6}],
                "script": "s.yaml",
                "limits": limits,
            }
        )
        self.early: list[EndedEarlyError] = []
        self.watch = LiveWatch(scenario, cap=6, active=lambda: 4, end_early=self.early.append)

    def tell(self, message: wire.Message, *, warmup: bool = False) -> Watched:
        body = json.loads(wire.encode(wire.Line(0, 1.0, message)))
        return self.happen(ProbeMessage(t=0, via="data", received_s=0, message=body), warmup=warmup)

    def happen(self, event: Event, *, warmup: bool = False) -> Watched:
        spec = CallSpec(call=planned_call(), room="r", agent_name=None, metadata="{}", warmup=warmup)
        self.watch.event(spec, event)
        return self


TOO_MANY = wire.Refused(1, 429, None, "server rejected WebSocket connection: HTTP 429")
FORBIDDEN = wire.Refused(1, 403, None, "server rejected WebSocket connection: HTTP 403")


def test_a_quota_ends_the_run_with_what_was_going_on() -> None:
    (early,) = Watched().tell(TOO_MANY).early
    assert early.message == (
        "ended early: a quota of arm ga's endpoint is reached (HTTP 429), with 4 calls in progress"
    )
    assert "--set cap=3" in early.remedy


def test_a_close_for_a_quota_is_quoted() -> None:
    (early,) = Watched().tell(wire.Closed(1, 1011, "RESOURCE_EXHAUSTED: Maximum", "server", "APIError")).early
    assert "(close 1011: RESOURCE_EXHAUSTED: Maximum)" in early.message


@pytest.mark.parametrize("endpoint", [{"profile": "p.yaml"}, {"base_url": "https://127.0.0.1:1"}])
def test_the_same_answer_of_a_rehearsals_endpoint_is_a_fault_like_others(endpoint: Any) -> None:
    assert Watched(endpoint).tell(TOO_MANY).tell(FORBIDDEN, warmup=True).early == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Export a valid key of the Gemini API in GOOGLE_API_KEY."),
        ({"api": "vertex"}, "roles/aiplatform.user"),
        ({"agent": THEIRS}, "it has its own"),
    ],
)
def test_a_wrong_key_ends_the_run_in_the_warm_up(options: Any, said: str) -> None:
    (early,) = Watched(**options).tell(FORBIDDEN, warmup=True).early
    assert "the endpoint of arm ga refuses the credentials (HTTP 403)" in early.message
    assert said in early.remedy


def test_a_403_among_calls_that_were_let_in_is_a_fault_like_others() -> None:
    assert Watched().tell(FORBIDDEN).early == []


def test_an_arm_that_connects_elsewhere_is_refused() -> None:
    watched = Watched().tell(wire.Connected(1, 50.0, False, "127.0.0.1"), warmup=True)
    with pytest.raises(StackError, match=r"arm ga has `endpoint: google`, but its agent connects to 127\.0\.0\.1"):
        watched.watch.check_hosts()


@pytest.mark.parametrize(
    ("agent", "host", "kind", "label"),
    [
        ("reference", GOOGLE, RunKind.LIVE, "Google"),
        ("reference", None, RunKind.LIVE, "Google"),
        (THEIRS, GOOGLE, RunKind.LIVE, "Google"),
        (THEIRS, None, RunKind.OTHER, "declared Google's, not verified"),
    ],
)
def test_an_external_agents_declaration_needs_evidence(agent: Any, host: str | None, kind: str, label: str) -> None:
    watched = Watched(agent=agent).tell(wire.Connected(1, 50.0, False, host), warmup=True)
    watched.watch.check_hosts()
    assert (watched.watch.kind(), watched.watch.label("ga")) == (kind, label)


async def test_a_limit_is_looked_at_while_calls_are_in_progress() -> None:
    watched = Watched(call_minutes=1e-9)
    started = CallStarted(
        t=0,
        call_id="0000-ga",
        arm="ga",
        block=0,
        slot=0,
        due_s=0,
        process="callee-0",
        number="1",
        room="r",
        ring_s=1,
        pickup="answer",
        patience_s=5,
    )
    watched.happen(started)
    watched.watch.look()
    assert watched.early == []
    watched.happen(Answered(t=1))
    watching = asyncio.create_task(watched.watch.watch())
    await asyncio.sleep(0)
    watching.cancel()
    (early,) = watched.early
    assert "the limit of 1e-09 is reached" in early.message
    assert watched.watch.usage()["ga"]["prices_as_of"] == "2026-10-10"
