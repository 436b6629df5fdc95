"""`loadtest doctor`: look at everything that a run needs, before the run."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loadtest.errors import ScenarioError, StackError
from loadtest.jobs.checks.capacity import check_capacity
from loadtest.jobs.checks.finding import Finding, State
from loadtest.jobs.checks.machine import (
    check_cores,
    check_disk,
    check_keys,
    check_livekit_server,
    check_open_files,
    check_versions,
)
from loadtest.plan.build import build_plan
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cap import resolve_cap
from loadtest.plan.cost import billed_arms, check_limits, expected_use, use_text
from loadtest.plan.outlook import Outlook, outlook
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import host
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.google import credential_problems
from loadtest.scenario.hosts import (
    LIVEKIT_URL_EXAMPLE,
    LIVEKIT_URL_EXPECTED,
    LIVEKIT_VARIABLES,
    check_environment,
    check_hosts,
    is_livekit_url,
    is_loopback,
)
from loadtest.scenario.load import LoadedScenario, load_scenario

if TYPE_CHECKING:
    from loadtest.jobs.checks.calls import ProbeCalls

__all__ = ["examine"]

MOST_AT_ONCE = 10
"""Probe calls at the same time: each is a call to the model that the agent pays for."""


def examine(
    scenario: Path | None, *, overrides: Sequence[str], live: bool, results: Path, say: Callable[[str], None]
) -> list[Finding]:
    """Look at this machine and, if one is given, at what a scenario needs; without one at the server of LIVEKIT_URL.

    live: look at what it needs against Google's endpoints. say: told of each look that takes a while. Raises
    ScenarioError if the scenario cannot be loaded.
    """
    cores = host()["cores"]
    if scenario is None:
        found = [
            check_versions(),
            check_cores(cores),
            check_livekit_server(needed=False),
            check_disk(results),
            check_open_files(),
            check_keys(os.environ),
        ]
        if not all(os.environ.get(name) for name in LIVEKIT_VARIABLES):
            return found
        access = LiveKitAccess.from_environ(os.environ)
        if not is_livekit_url(access.url):
            return [*found, Finding("LIVEKIT_URL", State.FAILED, LIVEKIT_URL_EXPECTED, LIVEKIT_URL_EXAMPLE)]
        return found + _run(_server(access, say))
    loaded = load_scenario(scenario, overrides, live=live)
    plan = build_plan(loaded)
    expected = outlook(loaded, plan, resolve_cap(loaded.scenario, cores))
    talk_s = expected.call_s * len(plan)
    found = [
        check_versions(),
        check_cores(cores),
        *([check_livekit_server(needed=True)] if loaded.scenario.stack == "embedded" else []),
        check_disk(results, call_seconds=talk_s),
        check_open_files(calls=expected.peak),
        check_capacity(expected, cores, all_here=_all_here(loaded)),
        *_permissions(loaded),
        *_limits(loaded, plan, expected),
    ]
    if any(one.state is State.FAILED for one in found):
        return [*found, _not_looked_at("agents", "what failed above comes first")]
    return found + _run(_stack(loaded, plan, expected, cores, say))


def _run(work: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    """To its end; asked to stop, by whomever, take down what was started before."""

    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # what matters is in the findings

    async def until_stopped() -> list[Finding]:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(until_stopped())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _permissions(loaded: LoadedScenario) -> list[Finding]:
    """Hosts and keys, as far as they can be judged without contacting anybody."""
    found = []
    for name, check, fine in (
        ("hosts", check_hosts, "all permitted"),
        ("keys", check_environment, "all that the scenario needs are set"),
    ):
        try:
            check(loaded, os.environ)
            found.append(Finding(name, State.OK, fine))
        except ScenarioError as error:
            found.append(Finding(name, State.FAILED, error.message, error.remedy))
    google = billed_arms(loaded.scenario)
    if google and not list(credential_problems(loaded.scenario, os.environ)):
        found.append(
            Finding(
                "Google's keys",
                State.UNKNOWN,
                f"there for {', '.join(google)}; whether Google takes them was not asked",
                "The agent's probe call below uses them, if the run starts the agent: when it speaks, they are taken.",
            )
        )
    return found


def _limits(loaded: LoadedScenario, plan: tuple[PlannedCall, ...], expected: Outlook) -> list[Finding]:
    """Of minutes and cost at Google's endpoints, if calls go there."""
    use = expected_use(loaded, plan, expected)
    try:
        check_limits(loaded, use)
    except ScenarioError as error:
        return [Finding("limits", State.FAILED, error.message, error.remedy)]
    return [Finding("limits", State.OK, use_text(use))] if use else []


async def _server(access: LiveKitAccess, say: Callable[[str], None]) -> list[Finding]:
    from loadtest.jobs.checks.media import check_media, delete_room
    from loadtest.jobs.checks.server import check_server

    say(f"Looking at the LiveKit server at {access.url}.")
    room = f"loadtest-doctor-{secrets.token_hex(4)}"
    found = [finding async for finding in check_server(access, room)]
    if any(one.state is State.FAILED for one in found):
        return [*found, _not_looked_at("media", "the server cannot be used")]
    await delete_room(access, room)
    return [*found, await check_media(access, f"{room}-media")]


async def _stack(
    loaded: LoadedScenario, plan: tuple[PlannedCall, ...], expected: Outlook, cores: int, say: Callable[[str], None]
) -> list[Finding]:
    from loadtest.jobs.checks.calls import ProbeCalls

    found: list[Finding] = []
    external = loaded.scenario.stack == "external"
    if external:
        found += await _server(LiveKitAccess.from_environ(os.environ), say)
        if any(one.state is State.FAILED for one in found):
            return [*found, _not_looked_at("agents", "the server cannot be used")]
    with tempfile.TemporaryDirectory(prefix="loadtest-doctor-") as private:
        say("Starting what the scenario starts.")
        try:
            calls = ProbeCalls(loaded, plan, RunFolder(Path(private)), processes=max(1, cores // 2))
            async with calls:
                found.append(Finding("services", State.OK, "all that the scenario starts have started"))
                if not external:
                    found += await _server(calls.livekit, say)
                return found + await _agents(calls, loaded, min(expected.peak, expected.cap, MOST_AT_ONCE), say)
        except StackError as error:
            return [*found, Finding("services", State.FAILED, error.message, error.remedy)]


async def _agents(calls: ProbeCalls, loaded: LoadedScenario, at_once: int, say: Callable[[str], None]) -> list[Finding]:
    from loadtest.jobs.checks import agents
    from loadtest.jobs.checks.calls import ALONE

    arms, limit_s = loaded.scenario.arms, loaded.scenario.callee.agent_join_limit_s
    say(f"Calling the agent of {', '.join(arms)}.")
    more = at_once > min(len(arms), ALONE)
    found = []
    seen = {one.arm: one for one in await calls.one_each()}
    for name, arm in arms.items():
        taken = None
        if seen[name].joined_s is None and not arm.agent.reference:
            say(f"Asking for the agent of {name} once more, to see whether a worker takes the job.")
            taken = await agents.taken_by_a_worker(calls.livekit, arm.agent.name)
        finding = agents.registration(seen[name], arm, join_limit_s=limit_s, taken=taken)
        if finding.state is not State.OK:
            finding = replace(finding, found="\n".join([finding.found, *calls.log_of(name)]))
        found.append(finding)
        found.append(agents.mode(name, arm, seen[name].mode))
    if any(one.state is State.FAILED for one in found):
        return [*found, _not_looked_at("calls at once", "an agent does not answer a single call")]
    if not more:
        text = f"{at_once} expected, and seen above" if at_once > 1 else "one at a time expected"
        return [*found, Finding("calls at once", State.OK, text)]
    say(f"Making {at_once} calls at once.")
    return [*found, agents.at_once(await calls.at_once(at_once), join_limit_s=limit_s)]


def _all_here(loaded: LoadedScenario) -> bool:
    """Whether LiveKit or an agent is on this machine."""
    scenario = loaded.scenario
    host_name = urlsplit(os.environ.get("LIVEKIT_URL", "")).hostname
    here = scenario.stack == "embedded" or (host_name is not None and is_loopback(host_name))
    return here or any(not arm.agent.external for arm in scenario.arms.values())


def _not_looked_at(name: str, why: str) -> Finding:
    return Finding(name, State.UNKNOWN, f"not looked at: {why}", "Mend that, then run loadtest doctor again.")
