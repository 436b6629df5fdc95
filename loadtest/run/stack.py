"""What a run dials into: the embedded stack that it starts, or LiveKit as the environment names it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping

from loadtest.errors import StackError
from loadtest.record.layout import RunFolder
from loadtest.scenario.load import LoadedScenario
from loadtest.stack.embedded import ArmSpec, EmbeddedStack, EmbeddedStackSpec
from loadtest.stack.workers import REFERENCE_AGENT

__all__ = ["RunStack"]


class RunStack:
    """The stack of one run, whichever kind it is. Call `stop` whatever became of `start`."""

    def __init__(self, loaded: LoadedScenario, folder: RunFolder) -> None:
        self._scenario = loaded.scenario
        self._embedded: EmbeddedStack | None = None
        if self._scenario.stack == "embedded":
            self._embedded = EmbeddedStack(_spec(loaded, folder))

    @property
    def embedded(self) -> bool:
        return self._embedded is not None

    def what_starts(self) -> str:
        """For the user, before `start`."""
        if self._embedded is None:
            return f"Using the LiveKit server of LIVEKIT_URL, {os.environ['LIVEKIT_URL']}."
        return "Starting livekit-server, agents and simulated endpoints on loopback."

    async def start(self) -> None:
        """Start what must be started and wait until it is ready. Raises StackError."""
        if self._embedded is not None:
            await self._embedded.start()

    async def begin(self, origin: float) -> None:
        """The run starts at `origin` (monotonic seconds): faults on, truth in run time."""
        if self._embedded is not None:
            await self._embedded.start_faults(origin)

    async def stop(self) -> None:
        """Take everything down that `start` started."""
        if self._embedded is not None:
            await self._embedded.stop()

    async def failed(self) -> StackError:
        """Wait until a service dies, and say which."""
        if self._embedded is None:
            await asyncio.Event().wait()
        assert self._embedded is not None
        return await self._embedded.failed()

    async def watch_lag(self, report: Callable[[str, float], None]) -> None:
        """Report blocked event loops of services, by service and in ms, until cancelled."""
        if self._embedded is not None:
            await self._embedded.watch_lag(report)

    def callee_env(self) -> dict[str, str]:
        """LIVEKIT_URL and keys for the callee processes."""
        if self._embedded is not None:
            return dict(self._embedded.livekit_env())
        return {name: os.environ[name] for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")}

    def agent_name(self, arm: str) -> str | None:
        """Whom to dispatch; None for an agent that joins by itself."""
        agent = self._scenario.arms[arm].agent
        return REFERENCE_AGENT if agent.reference else agent.name

    def base_url(self, arm: str) -> str | None:
        """Where the reference agent finds the arm's endpoint; None for Google's."""
        endpoint = self._scenario.arms[arm].endpoint
        if self._embedded is not None:
            return self._embedded.base_url(arm)
        return None if endpoint is None else endpoint.base_url

    def pids(self) -> Mapping[str, Iterable[int]]:
        """Processes of the embedded services, by service."""
        return {} if self._embedded is None else self._embedded.pids()


def _spec(loaded: LoadedScenario, folder: RunFolder) -> EmbeddedStackSpec:
    arms = []
    for name, arm in loaded.scenario.arms.items():
        profile = loaded.profiles.get(name)
        assert arm.endpoint is not None
        arms.append(
            ArmSpec(
                name=name,
                api=arm.api.value,
                agent_name=REFERENCE_AGENT if arm.agent.reference else arm.agent.name,
                command=arm.agent.command,
                env=arm.env,
                profile=None if profile is None else profile.model_dump(mode="json"),
                base_url=arm.endpoint.base_url,
                ca_file=loaded.ca_files.get(name),
            )
        )
    return EmbeddedStackSpec(
        arms=tuple(arms),
        logs_dir=folder.logs.absolute(),
        truth_dir=folder.truth.absolute(),
        probe_dir=folder.probe.absolute(),
        seed=loaded.scenario.seed,
    )
