"""The agent workers of a stack: which processes the arms need, what they are given, and when they are ready."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import ScenarioError, StackError
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.generations.environment import generation_environ, generation_python
from loadtest.stack.ports import LOOPBACK, free_port
from loadtest.stack.server import LiveKitServer
from loadtest.stack.service import Service

__all__ = [
    "ECHO_SCRIPT",
    "REFERENCE_AGENT",
    "ArmSpec",
    "Worker",
    "agent_environment",
    "reference_name",
    "registered_as",
    "start_worker",
    "workers_of",
]

REFERENCE_AGENT = "loadtest-reference"
REFERENCE_SCRIPT = Path(__file__).parent / "agent" / "agent.py"
ECHO_SCRIPT = Path(__file__).parent / "agent" / "echo.py"
REGISTRATION_TIMEOUT_S = 90.0
# Longer than the reference agent's own limits (drain 2 s, processes 5 s).
GRACE_S = 9.0
# What would make an agent talk to, or register with, something else than this stack.
NOT_INHERITED = {
    "LIVEKIT_AGENT_NAME",
    "LIVEKIT_AGENT_NAME_OVERRIDE",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
}
REGISTERED = "registered worker"
"""In the log of livekit-agents, for Python (plain or JSON) and for Node.js."""
AGENT_NAME_IN_LOG = re.compile(r'"agent_?name": ?"([^"]*)"', re.IGNORECASE)
BASE_URL_VARIABLE = {"gemini": "GOOGLE_GEMINI_BASE_URL", "vertex": "GOOGLE_VERTEX_BASE_URL"}


@dataclass(frozen=True, slots=True)
class ArmSpec:
    """What the stack must provide for one arm.

    api: gemini or vertex. command: what to start as the agent, with `env` added to its environment; None for the
    reference agent. agent_name: what the worker registers as; None if it joins every room by itself (a command), or
    under its usual name (the reference agent). plugin: the generation of the Google plugin that the reference agent
    runs with; None for the installed one. The endpoint is simulated if `profile` (resolved) is given, else at
    `base_url`, trusting `ca_file` too; else Google's.
    """

    name: str
    api: str
    agent_name: str | None
    command: tuple[str, ...] | None
    env: Mapping[str, str]
    profile: Mapping[str, object] | None
    base_url: str | None
    ca_file: Path | None
    plugin: str | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process to be started, for one arm or more. agent_name: "" if it joins every room by itself."""

    agent_name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    arms: tuple[ArmSpec, ...]

    @property
    def reference(self) -> bool:
        return self.arms[0].command is None

    @property
    def plugin(self) -> str | None:
        """The generation of the Google plugin that the reference agent runs with; None for the installed one."""
        return self.arms[0].plugin

    @property
    def title(self) -> str:
        name = reference_name(self.plugin) if self.reference else self.agent_name
        return f"agent-{name}" if name else "agent"

    @property
    def log_name(self) -> str:
        return re.sub(r"[^\w.-]+", "_", self.title) + ".log"


def reference_name(plugin: str | None) -> str:
    """The agent name of the reference agent with that generation of the plugin."""
    return REFERENCE_AGENT if plugin is None else f"{REFERENCE_AGENT}-{plugin}"


def workers_of(arms: Sequence[ArmSpec]) -> tuple[Worker, ...]:
    """The worker processes that the arms need: one for each agent name.

    Raises ScenarioError when arms give one agent name to different commands, as LiveKit would choose between them.
    """
    workers: dict[str, Worker] = {}
    for arm in arms:
        name = arm.agent_name or (reference_name(arm.plugin) if arm.command is None else "")
        python = sys.executable if arm.plugin is None else str(generation_python(arm.plugin))
        command = arm.command or (python, str(REFERENCE_SCRIPT), "start")
        same = workers.get(name)
        if same is not None and (same.command, dict(same.env)) != (command, dict(arm.env)):
            raise ScenarioError(
                f"arms {same.arms[0].name} and {arm.name} start different agents under one name ({name!r})",
                remedy="Give each its own agent name.",
            )
        workers[name] = Worker(name, command, arm.env, (*(same.arms if same else ()), arm))
    return tuple(workers.values())


def agent_environment(
    worker: Worker,
    *,
    livekit: LiveKitAccess,
    api_key: str | None,
    ca_bundle: Path,
    probe_dir: Path | None,
    temporary: Path,
    base_url: Callable[[str], str | None],
) -> dict[str, str]:
    """The environment of a worker: ours, what it needs to reach this stack, then what the arm adds.

    base_url gives the address of an arm's endpoint. A command that serves one endpoint is pointed at it by
    google-genai's own variable, so that it needs to know nothing of loadtest. Others, and the reference agent, find it
    in the dispatch metadata. temporary: for its temporary files, which an agent that must be killed leaves behind, and
    for the way to the probe of an agent with another generation of the plugin.
    """
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    env |= livekit.environ()
    env |= {
        "SSL_CERT_FILE": str(ca_bundle),
        "NO_PROXY": ",".join(filter(None, [env.get("NO_PROXY") or env.get("no_proxy"), LOOPBACK, "localhost"])),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(temporary),
        "LOADTEST_AGENT_PORT": str(free_port()),
        "LOADTEST_AGENT_IDLE_PROCESSES": str(len(os.sched_getaffinity(0))),
    }
    env["no_proxy"] = env["NO_PROXY"]
    if probe_dir is not None:
        env["LOADTEST_PROBE_DIR"] = str(probe_dir)
    if api_key is not None:
        env["GOOGLE_API_KEY"] = api_key
    if worker.agent_name:
        env["LIVEKIT_AGENT_NAME"] = worker.agent_name
    if not worker.reference:
        endpoints = {(arm.api, base_url(arm.name)) for arm in worker.arms}
        if len(endpoints) == 1:
            api, address = endpoints.pop()
            if address is not None:
                env[BASE_URL_VARIABLE[api]] = address
    if worker.plugin is not None:
        env = generation_environ(env, temporary / "probe")
    return env | dict(worker.env)


async def start_worker(
    worker: Worker,
    *,
    server: LiveKitServer | None,
    env: Mapping[str, str],
    logs_dir: Path,
    remove: Path,
    words: bool,
) -> Service:
    """Start a worker and return when it has registered. Raises StackError, with the end of its log, when it doesn't.

    server: whose log tells of the registration; None for one whose log is elsewhere, so that the worker's own counts.
    remove: the stack's private folder, which is to go with the worker. words: whether what was said is logged.
    """
    service = await Service.start(
        worker.title,
        worker.command,
        env=env,
        log_path=logs_dir / worker.log_name,
        grace_s=GRACE_S,
        remove=remove,
        words=words,
        ice_tcp=any(arm.command is not None for arm in worker.arms),  # others' agents are left as they are
    )
    try:
        if server is None:
            await _says_registered(worker, service)
        else:
            await _server_says_registered(worker, service, server)
    except BaseException:
        await service.stop()
        raise
    return service


async def _server_says_registered(worker: Worker, service: Service, server: LiveKitServer) -> None:
    registration = asyncio.create_task(server.wait_for_worker(worker.agent_name, timeout_s=REGISTRATION_TIMEOUT_S))
    try:
        await asyncio.wait({registration, service.exited}, return_when=asyncio.FIRST_COMPLETED)
        if not registration.done():
            raise service.error(
                f"ended with code {service.exited.result()} before it registered with LiveKit",
                remedy="Start the command by hand to see what it lacks.",
            )
        try:
            registration.result()
        except StackError as error:
            if server.service.exited.done():
                raise
            raise service.error(
                f"runs but did not register {_called(worker)} within {REGISTRATION_TIMEOUT_S:g} s",
                remedy="Let it use LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET and the arm's agent name.",
            ) from error
    finally:
        registration.cancel()


async def _says_registered(worker: Worker, service: Service) -> None:
    found = await service.wait_for_line(
        registered_as,
        what=f"it said `{REGISTERED}` in its log",
        timeout_s=REGISTRATION_TIMEOUT_S,
        remedy="Let it use LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and log at the level INFO.",
    )
    if found.agent_name is not None and found.agent_name != worker.agent_name:
        raise service.error(
            f"registered with LiveKit as {found.agent_name!r}, not {_called(worker)}",
            remedy="Let it use the arm's agent name, which it finds in LIVEKIT_AGENT_NAME, or change the scenario.",
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """What a worker's log says of its registration. agent_name: None if it does not say."""

    agent_name: str | None


def registered_as(line: str) -> Registration | None:
    """The registration that a line of a worker's log tells of: as livekit-agents for Python or Node.js write it."""
    if REGISTERED not in line:
        return None
    named = AGENT_NAME_IN_LOG.search(line)
    return Registration(None if named is None else named.group(1))


def _called(worker: Worker) -> str:
    return f"under the name {worker.agent_name!r}" if worker.agent_name else "as a worker without agent_name"
