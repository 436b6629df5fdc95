"""The simulator as a server: one TLS port for the arms' endpoints and for the control of the process."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini import access, recordings
from loadtest.stack.gemini.connection import Connection, Record
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.session import Session
from loadtest.stack.gemini.state import CallState, Snapshot
from loadtest.stack.gemini.truth import TruthFolder

__all__ = ["Config", "Simulator"]

LAG_TICK_S = 0.05
SESSION_NOT_FOUND = Close(1008, "BidiGenerateContent session not found")


@dataclass(frozen=True, slots=True)
class Config:
    """What the process is started with.

    truth_dir: folder for the ground truth. cert, key: PEM files. arms: the endpoint profile of each arm.
    """

    truth_dir: Path
    cert: Path
    key: Path
    control_token: str
    api_key: str
    seed: int
    arms: Mapping[str, EndpointProfile]

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
        )


@dataclass(slots=True)
class _Arm:
    name: str
    profile: EndpointProfile
    recordings: dict[Api, Recordings]
    calls: dict[str, CallState] = field(default_factory=dict)
    handles: dict[str, Snapshot] = field(default_factory=dict)
    connections: int = 0

    def issue(self, snapshot: Snapshot) -> str:
        handle = secrets.token_urlsafe(24)
        self.handles[handle] = snapshot
        return handle


class Simulator:
    """Serves every arm until closed. Faults are off until `POST /control/start`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._truth = TruthFolder(config.truth_dir)
        loaded: dict[tuple[float | None, ...], Recordings] = {}
        self._arms: dict[str, _Arm] = {}

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
            self._arms[name] = _Arm(name, profile, by_api)
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

    def begin(self, origin: float) -> None:
        """The run begins: faults are on, and truth is in run time. origin: monotonic seconds of its start."""
        self._started = True
        self._origin = origin
        self._lag_s = 0.0
        self._truth.start(origin)

    async def close(self) -> None:
        """Drops every connection and stops listening."""
        for task in (*self._open, self._lag_task):
            if task is not None:
                task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
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
            origin = float((await request.json())["origin"])
        except (ValueError, KeyError, TypeError):
            raise web.HTTPBadRequest(text='expected {"origin": monotonic seconds}') from None
        if self._started:
            raise web.HTTPConflict(text="already started")
        self.begin(origin)
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
        arm.connections += 1
        connection_id = f"{arm.name}-{arm.connections}"
        call_id = request.headers.get("x-loadtest-call")
        call = CallState(None, connection_id)
        if call_id is not None:
            call = arm.calls.setdefault(call_id, CallState(call_id, call_id))
        call.connections += 1
        draws = Draws(self._config.seed, arm.name, call.key)
        faults = arm.profile.faults if self._started else ()
        hazards = Hazards(faults, draws, call, call.connections)
        record = self._recorder(connection_id, call_id, arm)

        refused = access.check_key(request.headers, request.query, asked.api, self._config.api_key)
        fault = hazards.refusal(time.monotonic() - self._origin) if refused is None else None
        if fault is not None and fault[1].http_status is not None:
            refused = fault[1].http_status
            record(time.monotonic(), "fault", {"fault": fault[0].fault, "phase": "setup", "turn": call.turns})
        if isinstance(refused, int):
            record(time.monotonic(), "refused", {"http_status": refused, "code": None, "reason": ""})
            return web.Response(status=refused)

        connection = await Connection.upgrade(request, record)
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            message = await connection.first_message(arm.handles, {"path": request.path, "api": asked.api})
            if message is None:
                return connection.ws
            setup = refused or access.check_setup(message, asked, arm.profile.model)
            if fault is not None and fault[1].close is not None:
                record(time.monotonic(), "fault", {"fault": fault[0].fault, "phase": "setup", "turn": call.turns})
                setup = fault[1].close
            snapshot = None
            if not isinstance(setup, Close) and setup.handle is not None:
                snapshot = arm.handles.get(setup.handle)
                if snapshot is None:
                    setup = SESSION_NOT_FOUND
            if isinstance(setup, Close):
                await connection.refuse(setup)
                return connection.ws
            if snapshot is not None and call_id is None:
                # The handle names the call that the client did not.
                call = snapshot.call
                call.connections += 1
                draws = Draws(self._config.seed, arm.name, call.key)
                hazards = Hazards(faults, draws, call, call.connections)
            model_turns = snapshot.model_turns if snapshot is not None else 0
            await connection.serve(
                Session(
                    arm.profile,
                    asked.api,
                    setup,
                    arm.recordings[asked.api],
                    draws,
                    hazards,
                    call,
                    arm.issue,
                    self._origin,
                    model_turns,
                )
            )
        finally:
            connection.release()
            self._open.discard(task)
        return connection.ws

    def _recorder(self, connection_id: str, call_id: str | None, arm: _Arm) -> Record:
        file = self._truth.current
        about = {"connection_id": connection_id, "call_id": call_id, "arm": arm.name, "model": arm.profile.model}

        def record(now: float, kind: str, fields: dict[str, Any]) -> None:
            file.write(now, kind, {**about, **fields})

        return record
