"""What one run starts: livekit-server unless another is named, simulated endpoints, agents.

Only what the arms need is started: nothing at all for external agents with endpoints of their own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.audio.wav import Samples
from loadtest.errors import StackError
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.generations.environment import provide_generation
from loadtest.stack.install import find_server
from loadtest.stack.proxy.exchange import Exchange
from loadtest.stack.proxy.server import LiveKitProxy
from loadtest.stack.server import LiveKitServer, start_livekit_server
from loadtest.stack.service import Service
from loadtest.stack.simulator import SimulatorProcess, start_simulator
from loadtest.stack.tls import ServerTls, write_ca_bundle, write_server_tls
from loadtest.stack.workers import ArmSpec, Worker, agent_environment, start_worker, workers_of

__all__ = ["ArmSpec", "Services", "ServicesSpec"]


@dataclass(frozen=True, slots=True)
class ServicesSpec:
    """What to start.

    arms: those whose agent or endpoint is started here. livekit: the LiveKit server to use; None to start one.
    logs_dir, truth_dir, probe_dir: absolute folders of the run, for the services' logs, the simulator's ground truth
    and the probe's local files; made if missing. seed: of the simulator's draws. exchange: puts calls through for
    agents that dial; None if none does. transcripts: whether agents' logs may hold what was said. asking: recordings
    of the lines that ask for the agent's tool.
    """

    arms: tuple[ArmSpec, ...]
    livekit: LiveKitAccess | None
    logs_dir: Path
    truth_dir: Path
    probe_dir: Path
    seed: int
    exchange: Exchange | None = None
    transcripts: bool = False
    asking: tuple[Samples, ...] = ()


class Services:
    """Starts the services of a run, watches them, takes them down. They die with this process, too.

    An async context manager, or `start` and, whatever became of it, `stop`.
    """

    def __init__(self, spec: ServicesSpec) -> None:
        self._spec = spec
        self._server: LiveKitServer | None = None
        self._simulator: SimulatorProcess | None = None
        self._proxy: LiveKitProxy | None = None
        self._services: list[Service] = []
        self._stopping = False
        self._private: tempfile.TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start everything and return when every agent has registered. Raises StackError, naming the service."""
        spec = self._spec
        workers = workers_of(spec.arms)
        binary = None if spec.livekit is not None else find_server()
        for plugin in sorted({worker.plugin for worker in workers if worker.plugin is not None}):
            await asyncio.to_thread(provide_generation, plugin)
        for folder in (spec.logs_dir, spec.truth_dir, spec.probe_dir):
            folder.mkdir(parents=True, exist_ok=True)
        api_key = _api_key(spec.arms)
        self._private = tempfile.TemporaryDirectory(prefix="loadtest-stack-")
        private = Path(self._private.name)
        temporary = private / "tmp"
        temporary.mkdir()
        tls = write_server_tls(private)
        ca_bundle = private / "ca-bundle.pem"
        named = [arm.ca_file for arm in spec.arms if arm.ca_file is not None]
        inherited = os.environ.get("SSL_CERT_FILE")
        write_ca_bundle(ca_bundle, ca_pem=tls.ca_pem, ca_files=(*named, *([Path(inherited)] if inherited else [])))
        if binary is not None:
            self._server = await start_livekit_server(binary.path, spec.logs_dir / "livekit-server.log")
            self._services.append(self._server.service)
        if spec.exchange is not None:
            self._proxy = LiveKitProxy(self.livekit.url, spec.exchange)
            await self._proxy.start()

        # The reference agent finds its endpoint in the dispatch metadata: it can start beside the simulator.
        simulator = asyncio.ensure_future(self._start_simulator(tls, private, api_key))

        async def start_agent(worker: Worker) -> None:
            if not worker.reference:
                await asyncio.shield(simulator)
            env = agent_environment(
                worker,
                livekit=self.livekit_of_workers(),
                api_key=api_key,
                ca_bundle=ca_bundle,
                probe_dir=spec.probe_dir,
                temporary=temporary,
                base_url=self.base_url,
            )
            self._services.append(
                await start_worker(
                    worker,
                    server=self._server,
                    env=env,
                    logs_dir=spec.logs_dir,
                    remove=private,
                    words=spec.transcripts,
                )
            )

        await _all([simulator, *map(start_agent, workers)])

    async def _start_simulator(self, tls: ServerTls, private: Path, api_key: str | None) -> None:
        profiles = {arm.name: arm.profile for arm in self._spec.arms if arm.profile is not None}
        if not profiles:
            return
        assert api_key is not None
        self._simulator = await start_simulator(
            profiles,
            tls,
            folder=private,
            truth_dir=self._spec.truth_dir,
            log_path=self._spec.logs_dir / "gemini-simulator.log",
            api_key=api_key,
            seed=self._spec.seed,
            asking=self._spec.asking,
        )
        self._services.append(self._simulator.service)

    @property
    def livekit(self) -> LiveKitAccess:
        """The LiveKit server of the run: the one that was named, or the one that was started."""
        if self._spec.livekit is not None:
            return self._spec.livekit
        assert self._server is not None, "not started"
        return self._server.access

    def livekit_of_workers(self) -> LiveKitAccess:
        """What the workers are told of LiveKit."""
        return self.livekit if self._proxy is None else replace(self.livekit, url=self._proxy.url)

    def base_url(self, arm: str) -> str | None:
        """Where the arm's endpoint is; None for Google's own."""
        spec = next(spec for spec in self._spec.arms if spec.name == arm)
        if spec.profile is None:
            return spec.base_url
        assert self._simulator is not None, "not started"
        return self._simulator.base_url(arm)

    async def start_faults(self, origin: float, shift_s: float = 0.0) -> tuple[str, ...]:
        """The run begins: the simulator's faults are on and its truth is in run time. origin: monotonic seconds.

        shift_s: how much later than planned everything is.

        Returns the arms whose simulated endpoint nobody has connected to so far.
        """
        return () if self._simulator is None else await self._simulator.start_faults(origin, shift_s)

    def pids(self) -> dict[str, tuple[int, ...]]:
        """The living processes of each service, by its name."""
        return {service.name: service.pids() for service in self._services}

    async def watch_lag(self, report: Callable[[str, float], None]) -> None:
        """Report how late the simulator's event loop is, by service and in ms, again and again until cancelled."""
        if self._simulator is not None:
            name = self._simulator.service.name
            await self._simulator.watch_lag(lambda lag_ms: report(name, lag_ms))

    async def failed(self) -> StackError:
        """Wait until a service ends that nobody stopped, and say which, with the end of its log."""
        if self._services:
            await asyncio.wait([service.exited for service in self._services], return_when=asyncio.FIRST_COMPLETED)
        if self._stopping or not self._services:
            await asyncio.Event().wait()
        dead = next(service for service in self._services if service.exited.done())
        return dead.error(
            f"ended with code {dead.exited.result()} during the run", remedy="What was recorded until then is kept."
        )

    async def stop(self) -> None:
        """Take everything down: agents first, as they say goodbye to the server. Nothing is left when it returns."""
        self._stopping = True
        first = [service for service in self._services if not self._is_below_agents(service)]
        await asyncio.gather(*(service.stop() for service in first))
        if self._proxy is not None:
            await self._proxy.stop()
        await asyncio.gather(*(service.stop() for service in self._services))
        if self._private is not None:
            self._private.cleanup()

    def _is_below_agents(self, service: Service) -> bool:
        below = (self._simulator, self._server)
        return any(one is not None and one.service is service for one in below)


def _api_key(arms: tuple[ArmSpec, ...]) -> str | None:
    """What agents present to endpoints: the user's GOOGLE_API_KEY if any is not simulated, else one for the run."""
    if all(arm.profile is not None for arm in arms):
        return secrets.token_hex(16)
    key = os.environ.get("GOOGLE_API_KEY")
    for arm in arms:
        google = arm.profile is None and arm.base_url is None
        if key is None and google and arm.api == "gemini" and arm.command is None:
            raise StackError(
                f"arm {arm.name} needs Google's endpoint, and GOOGLE_API_KEY is not set",
                remedy="Put the key into the environment variable GOOGLE_API_KEY.",
            )
    return key or secrets.token_hex(16)


async def _all(starting: list[Awaitable[None]]) -> None:
    """Wait for all; when one fails, end the others first, so that nothing starts after the failure."""
    tasks = [asyncio.ensure_future(one) for one in starting]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
