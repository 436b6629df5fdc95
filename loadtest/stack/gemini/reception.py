"""One connect to an arm's endpoint, from its request to the end of the session, if one comes of it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from loadtest.scenario.faults import Fault
from loadtest.stack.gemini import access, messages
from loadtest.stack.gemini.access import Route
from loadtest.stack.gemini.arm import Arm
from loadtest.stack.gemini.bounds import Ration
from loadtest.stack.gemini.connection import Connection, gone
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import Answer
from loadtest.stack.gemini.faults.reasons import SESSION_NOT_FOUND
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.session import Session
from loadtest.stack.gemini.state import CallState, Snapshot
from loadtest.stack.gemini.truth import TruthFile

__all__ = ["Reception"]

GAVE_UP = "the client gave up waiting for the upgrade"


@dataclass(slots=True)
class Reception:
    """Receives one client.

    faults: those in force. origin: monotonic seconds of the run's start.
    """

    request: web.Request
    arm: Arm
    asked: Route
    faults: tuple[Fault, ...]
    seed: int
    api_key: str
    origin: float
    truth: TruthFile
    connection_id: str = field(init=False)
    call_id: str | None = field(init=False)
    call: CallState = field(init=False)
    hazards: Hazards = field(init=False)
    _ration: Ration = field(init=False)

    def __post_init__(self) -> None:
        self.arm.connections += 1
        self.connection_id = f"{self.arm.name}-{self.arm.connections}"
        self.call_id = self.request.headers.get("x-loadtest-call")
        self._ration = Ration() if self.call_id is None else self.arm.rations.setdefault(self.call_id, Ration())
        self._belongs_to(self.arm.call(self.call_id, self.connection_id))

    async def receive(self) -> web.StreamResponse:
        """Answers the request, whatever that is, and returns when all is over."""
        held_s = self.arm.loops.wait_s(self.call_id, time.monotonic())
        if held_s:
            await asyncio.sleep(held_s)
            self._record(time.monotonic(), "held", {"held_ms": round(held_s * 1000)})
        began = time.monotonic()
        try:
            refused = await self._upgrade_refused()
            return await self._connected() if refused is None else web.Response(status=refused)
        except ConnectionResetError:
            return web.Response(status=499)  # nobody is there to read it
        finally:
            now = time.monotonic()
            self.arm.loops.ended(self.call_id, now, now - began)
            if self.call_id is None:
                self._write(now, self._ration.rest())

    # At the upgrade

    async def _upgrade_refused(self) -> int | None:
        """The HTTP status that refuses the upgrade, if it is refused; all is recorded."""
        met = self._meet(lambda answer: answer.upgrade_s > 0)
        if met is not None and await gone(self.request, met.upgrade_s):
            self._record(time.monotonic(), "refused", {"http_status": None, "code": None, "reason": GAVE_UP})
            raise ConnectionResetError(GAVE_UP)
        status = self._key_answer()
        if status is None and (met := self._meet(lambda answer: answer.http_status is not None)) is not None:
            status = met.http_status
        if isinstance(status, int):
            self._record(time.monotonic(), "refused", {"http_status": status, "code": None, "reason": ""})
            return status
        return None

    def _key_answer(self) -> int | Close | None:
        return access.check_key(self.request.headers, self.request.query, self.asked.api, self.api_key)

    # After it

    async def _connected(self) -> web.StreamResponse:
        connection = await Connection.upgrade(self.request, self._record)
        try:
            about = {"path": self.request.path, "api": self.asked.api}
            message = await connection.first_message(lambda handle: self.arm.resumed(handle) is not None, about)
            if message is None:
                return connection.ws
            checked, snapshot = self._check(message)
            setup = checked if isinstance(checked, Close) else await self._disturbed(connection, checked)
            if isinstance(setup, Close):
                await connection.refuse(setup)
            elif setup is not None:
                await connection.serve(self._session(setup, snapshot))
        finally:
            connection.release()
        return connection.ws

    def _check(self, message: messages.ClientMessage) -> tuple[messages.Setup | Close, Snapshot | None]:
        refused = self._key_answer()
        setup = (
            refused if isinstance(refused, Close) else access.check_setup(message, self.asked, self.arm.profile.model)
        )
        if isinstance(setup, Close) or setup.handle is None:
            return setup, None
        snapshot = self.arm.resumed(setup.handle)
        if snapshot is None:
            return Close(1008, SESSION_NOT_FOUND), None
        if self.call_id is None:
            # The handle names the call that the client did not.
            self._belongs_to(snapshot.call)
        return setup, snapshot

    async def _disturbed(self, connection: Connection, setup: messages.Setup) -> messages.Setup | Close | None:
        """The setup, or the close that a fault answers it with; None when the client has left in the meantime."""
        resumes = setup.handle is not None
        self.call.poisoned = self.call.poisoned and resumes
        late = self._meet(lambda answer: answer.setup_s > 0)
        if late is not None and not await connection.hold(None if late.setup_s == math.inf else late.setup_s):
            return None
        met = self._meet(
            lambda answer: (
                (answer.close is not None or answer.model_not_found) and (resumes or not answer.resumptions_only)
            )
        )
        if met is not None:
            return met.close or access.model_not_found(setup.model, self.asked)
        if resumes and self._met(lambda answer: answer.poisons) is not None:
            self.call.poisoned = True
        return setup

    def _session(self, setup: messages.Setup, snapshot: Snapshot | None) -> Session:
        return Session(
            self.arm.profile,
            self.asked.api,
            setup,
            self.arm.recordings[self.asked.api],
            self.hazards.draws,
            self.hazards,
            self.call,
            self.arm.issue,
            self.origin,
            asking=self.arm.asking,
            model_turns=snapshot.model_turns if snapshot is not None else 0,
            poisoned=self.call.poisoned,
        )

    # Faults and truth

    def _belongs_to(self, call: CallState) -> None:
        call.connections += 1
        self.call = call
        self.hazards = Hazards(self.faults, Draws(self.seed, self.arm.name, call.key), call, call.connections)

    def _met(self, wanted: Callable[[Answer], bool]) -> tuple[Fault, Answer] | None:
        """The first fault that meets this connect with a wanted answer."""
        answers = self.hazards.answers(time.monotonic() - self.origin)
        return next(((fault, answer) for fault, answer in answers if wanted(answer)), None)

    def _meet(self, wanted: Callable[[Answer], bool]) -> Answer | None:
        """As `_met`, and it takes effect now."""
        met = self._met(wanted)
        if met is None:
            return None
        fault, answer = met
        self._record(time.monotonic(), "fault", {"fault": fault.fault, "phase": "setup", "turn": self.call.turns})
        return answer

    def _record(self, now: float, kind: str, fields: dict[str, Any]) -> None:
        self._write(now, self._ration.admit(now, kind, fields))

    def _write(self, now: float, lines: Any) -> None:
        about = {
            "connection_id": self.connection_id,
            "call_id": self.call_id,
            "arm": self.arm.name,
            "model": self.arm.profile.model,
        }
        for kind, fields in lines:
            self.truth.write(now, kind, {**about, **fields})
