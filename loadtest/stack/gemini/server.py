"""The simulator as a server: one TLS port for the arms' endpoints and for the control of the process."""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini import access, recordings
from loadtest.stack.gemini.arm import Arm
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.reception import Reception
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.truth import TruthFolder

__all__ = ["Config", "Simulator"]

LAG_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Config:
    """What the process is started with.

    truth_dir: folder for the ground truth. cert, key: PEM files. arms: the endpoint profile of each arm. asking: WAV
    files, 16 kHz mono, of the lines that ask for the agent's tool.
    """

    truth_dir: Path
    cert: Path
    key: Path
    control_token: str
    api_key: str
    seed: int
    arms: Mapping[str, EndpointProfile]
    asking: tuple[Path, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Raises KeyError or ValueError (pydantic's included) when the text is not a config."""
        raw = json.loads(text)
        return cls(
            truth_dir=Path(raw["truth_dir"]),
            cert=Path(raw["tls"]["cert"]),
            key=Path(raw["tls"]["key"]),
            control_token=str(raw["control_token"]),
            api_key=str(raw["api_key"]),
            seed=int(raw["seed"]),
            arms={name: EndpointProfile.model_validate(profile) for name, profile in raw["arms"].items()},
            asking=tuple(Path(path) for path in raw["asking"]),
        )


class Simulator:
    """Serves every arm until closed. Faults are off until `POST /control/start`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._truth = TruthFolder(config.truth_dir)
        loaded: dict[tuple[float | None, ...], Recordings] = {}
        self._arms: dict[str, Arm] = {}
        asking = Asking.read(config.asking)

        def said(profile: EndpointProfile, part_ms: float) -> Recordings:
            shape = (profile.longest_pause_ms, profile.longest_reply_ms)
            if (key := (part_ms, *shape)) not in loaded:
                loaded[key] = recordings.load(part_ms, longest_pause_ms=shape[0], longest_ms=shape[1])
            return loaded[key]

        for name, profile in config.arms.items():
            by_api: dict[Api, Recordings] = {
                "gemini": said(profile, profile.part_ms_gemini),
                "vertex": said(profile, profile.part_ms_vertex),
            }
            self._arms[name] = Arm(name, profile, by_api, asking)
        self._started = False
        self._origin = 0.0
        self._open: set[asyncio.Task[Any]] = set()
        self._lag_s = 0.0
        self._lag_task: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listens, and gives the port."""
        app = web.Application()
        app.router.add_post("/control/start", self._control_start)
        app.router.add_get("/control/health", self._control_health)
        app.router.add_get("/arms/{arm}/{path:.*}", self._connect)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._config.cert, self._config.key)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=context)
        await site.start()
        self._lag_task = asyncio.create_task(self._watch_lag())
        return int(self._runner.addresses[0][1])

    def begin(self, origin: float, shift_s: float = 0.0) -> None:
        """The run begins: faults are on, and truth is in run time. origin: monotonic seconds of its start.

        shift_s: how much later than planned everything is; times of the run in faults are those of the plan.
        """
        self._started = True
        self._origin = origin + shift_s
        self._lag_s = 0.0
        self._truth.start(origin)

    async def close(self) -> None:
        """Drops every connection and stops listening."""
        for task in (*self._open, self._lag_task):
            if task is not None:
                task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        for arm in self._arms.values():
            arm.account(time.monotonic(), self._truth.current)
        self._truth.close()

    async def _watch_lag(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_TICK_S)
            self._lag_s = max(self._lag_s, time.monotonic() - before - LAG_TICK_S)

    # Control

    def _controlled(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._config.control_token.encode()):
            raise web.HTTPForbidden

    async def _control_start(self, request: web.Request) -> web.Response:
        self._controlled(request)
        try:
            asked = await request.json()
            origin, shift_s = float(asked["origin"]), float(asked.get("shift_s", 0.0))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise web.HTTPBadRequest(text='expected {"origin": monotonic seconds, "shift_s": seconds}') from None
        if self._started:
            raise web.HTTPConflict(text="already started")
        self.begin(origin, shift_s)
        return web.json_response({"unconnected": [name for name, arm in self._arms.items() if not arm.connections]})

    async def _control_health(self, request: web.Request) -> web.Response:
        self._controlled(request)
        lag_s, self._lag_s = self._lag_s, 0.0  # each look tells what was since the one before
        return web.json_response({"loop_lag_ms": round(lag_s * 1000, 3), "connections": len(self._open)})

    # Endpoints

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        arm = self._arms.get(request.match_info["arm"])
        asked = access.route(request.match_info["path"])
        if arm is None or asked is None:
            raise web.HTTPNotFound
        reception = Reception(
            request,
            arm,
            asked,
            arm.profile.faults if self._started else (),
            self._config.seed,
            self._config.api_key,
            self._origin,
            self._truth.current,
        )
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await reception.receive()
        finally:
            self._open.discard(task)
