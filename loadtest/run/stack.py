"""What a run dials into: LiveKit, started for it or named by the environment, and all that it starts besides."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping

from loadtest.errors import StackError
from loadtest.record.layout import RunFolder
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.load import LoadedScenario
from loadtest.stack.proxy.exchange import Exchange
from loadtest.stack.services import Services, ServicesSpec
from loadtest.stack.workers import ArmSpec, Worker, reference_name, workers_of

__all__ = ["RunStack"]


class RunStack:
    """The stack of one run, whichever kind it is. Call `stop` whatever became of `start`.

    exchange: puts calls through for agents that dial; None if none does.
    """

    def __init__(self, loaded: LoadedScenario, folder: RunFolder, exchange: Exchange | None) -> None:
        self._scenario = loaded.scenario
        external = self._scenario.stack == "external"
        # Other runs may use the same LiveKit server, and it would share our calls out to their agents.
        self._suffix = f"-{secrets.token_hex(4)}" if external else ""
        self._arms = self._started_arms(loaded)
        self._services = Services(
            ServicesSpec(
                arms=tuple(self._arms.values()),
                livekit=LiveKitAccess.from_environ(os.environ) if external else None,
                logs_dir=folder.logs.absolute(),
                truth_dir=folder.truth.absolute(),
                probe_dir=folder.probe.absolute(),
                seed=loaded.scenario.seed,
                exchange=exchange,
                transcripts=self._scenario.transcripts,
                asking=loaded.script.asking,
            )
        )

    def what_starts(self) -> str:
        """For the user, before `start`."""
        parts = ["agents"] if self._arms else []
        parts += ["simulated endpoints"] if any(arm.profile is not None for arm in self._arms.values()) else []
        if self._scenario.stack == "external":
            starting = f" Starting {' and '.join(parts)}." if parts else ""
            return f"Using the LiveKit server of LIVEKIT_URL, {os.environ['LIVEKIT_URL']}.{starting}"
        return f"Starting {' and '.join([', '.join(['livekit-server', *parts[:-1]]), *parts[-1:]])} on loopback."

    async def start(self) -> None:
        """Start what must be started and wait until it is ready. Raises StackError."""
        await self._services.start()

    async def begin(self, origin: float, shift_s: float) -> tuple[str, ...]:
        """The run starts at `origin` (monotonic seconds): faults on, truth in run time.

        shift_s: how much later than planned everything is.
        Returns the arms whose simulated endpoint was not used in the warm-up.
        """
        return await self._services.start_faults(origin, shift_s)

    async def stop(self) -> None:
        """Take everything down that `start` started."""
        await self._services.stop()

    async def failed(self) -> StackError:
        """Wait until a service dies, and say which."""
        return await self._services.failed()

    async def watch_lag(self, report: Callable[[str, float], None]) -> None:
        """Report blocked event loops of services, by service and in ms, until cancelled."""
        await self._services.watch_lag(report)

    def callee_env(self) -> dict[str, str]:
        """LIVEKIT_URL and keys for the callee processes."""
        return self._services.livekit.environ()

    def agent_name(self, arm: str) -> str | None:
        """Whom to dispatch; None for an agent that joins by itself."""
        agent = self._scenario.arms[arm].agent
        return f"{reference_name(agent.plugin)}{self._suffix}" if agent.reference else agent.name

    def base_url(self, arm: str) -> str | None:
        """Where the agent finds the arm's endpoint, as its dispatch says; None for Google's."""
        if arm in self._arms:
            return self._services.base_url(arm)
        endpoint = self._scenario.arms[arm].endpoint
        return None if endpoint is None else endpoint.base_url

    def workers(self) -> tuple[Worker, ...]:
        """The workers that are started, for which arms."""
        return workers_of(tuple(self._arms.values()))

    def pids(self) -> Mapping[str, Iterable[int]]:
        """Processes of the services that were started, by service."""
        return self._services.pids()

    def _started_arms(self, loaded: LoadedScenario) -> dict[str, ArmSpec]:
        """The arms whose agent this run starts, by name."""
        arms = {}
        for name, arm in loaded.scenario.arms.items():
            if arm.agent.external:
                continue
            profile = loaded.profiles.get(name)
            assert arm.endpoint is not None
            arms[name] = ArmSpec(
                name=name,
                api=arm.api.value,
                agent_name=self.agent_name(name),
                command=arm.agent.command,
                env=arm.env,
                profile=None if profile is None else profile.model_dump(mode="json"),
                base_url=arm.endpoint.base_url,
                ca_file=loaded.ca_files.get(name),
                plugin=arm.agent.plugin,
            )
        return arms
