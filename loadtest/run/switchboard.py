"""Puts the agents' dials through to the callees: what the proxy asks for, the fleet does."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from livekit.protocol.sip import CreateSIPParticipantRequest, TransferSIPParticipantRequest

from loadtest.call.presence import DialRequest, Presence
from loadtest.call.spec import CallSpec
from loadtest.record.events import Answered, DialFailed, Ended, Event, Ringing
from loadtest.run.fleet import Fleet
from loadtest.stack.proxy import dial_errors
from loadtest.stack.proxy.exchange import PutThrough
from loadtest.stack.proxy.sip_requests import identity_of, sip_attributes
from loadtest.stack.proxy.twirp import TwirpFailure

__all__ = ["Switchboard", "dial_request"]

RINGING_LIMIT_S = 180.0
"""LiveKit's own, for requests that name none; its Python API always names one."""

_Result = asyncio.Future[PutThrough | TwirpFailure]


def _open() -> _Result:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class _Dial:
    """One dial. The futures resolve when the callee is in the room, and when it has picked up or will not."""

    identity: str
    in_room: _Result = field(default_factory=_open)
    picked_up: _Result = field(default_factory=_open)
    there: PutThrough | None = None
    """The callee, while it is in the room."""
    answered: bool = False


class Switchboard:
    """The run's exchange. It knows of calls by what the fleet reports of them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._dials: dict[str, _Dial] = {}  # by call id, until the call is released
        self._refused: Counter[str] = Counter()

    # What the proxy asks.

    async def dial(self, request: CreateSIPParticipantRequest, *, call_id: str) -> PutThrough | TwirpFailure:
        call = self._fleet.call_in(request.room_name)
        if call is None:
            return self._refuse("no call of this run waits in the room", f": {request.room_name}")
        if call.call.call_id in self._dials:
            return self._refuse("the call's one callee has been dialled before", f", in room {request.room_name}")
        dial = self._dials[call.call.call_id] = _Dial(identity_of(request))
        self._fleet.tell(call, {"command": "dialled", "request": dial_request(request, call_id).to_json()})
        # The agent may give up its request; the callee is not told, and rings on.
        return await asyncio.shield(dial.picked_up if request.wait_until_answered else dial.in_room)

    def has_callee(self, room: str, identity: str) -> bool:
        dial = self._dial_in(room)
        return dial is not None and dial.there is not None and dial.identity == identity

    async def transfer(self, request: TransferSIPParticipantRequest) -> TwirpFailure | None:
        call, dial = self._fleet.call_in(request.room_name), self._dial_in(request.room_name)
        if call is None or dial is None or not dial.answered:
            return dial_errors.NOT_ESTABLISHED
        self._fleet.tell(call, {"command": "transferred", "to": request.transfer_to})
        return None

    def agent_connected(self, room: str, identity: str) -> None:
        self._signals(room, identity, connected=True)

    def agent_disconnected(self, room: str, identity: str) -> None:
        self._signals(room, identity, connected=False)

    # What the fleet reports.

    def call_event(self, call: CallSpec, event: Event) -> None:
        dial = self._dials.get(call.call.call_id)
        if dial is None:
            return
        match event:
            case Ringing():
                dial.there = PutThrough(event.participant_id)
                _settle(dial.in_room, dial.there)
            case Answered() if dial.there is not None:
                dial.answered = True
                _settle(dial.picked_up, dial.there)
            case DialFailed(sip_status=None) if dial.there is not None:  # else it never rang: Ended, next, says why
                self._failed(dial, dial_errors.RANG_OUT)
            case DialFailed(sip_status=int(status)):
                self._failed(dial, dial_errors.sip_answer(status))
            case Ended():
                self._failed(dial, dial_errors.bridge_failed(event.reason))

    def call_released(self, call: CallSpec) -> None:
        if (dial := self._dials.pop(call.call.call_id, None)) is not None:
            self._failed(dial, dial_errors.bridge_failed("the tester lost the call"))

    def warnings(self) -> tuple[str, ...]:
        """What was refused, in sentences."""
        return tuple(f"Dials of agents were refused, as {why}: {count}." for why, count in self._refused.items())

    def _failed(self, dial: _Dial, failure: TwirpFailure) -> None:
        dial.there = None
        _settle(dial.in_room, failure)
        _settle(dial.picked_up, failure)

    def _refuse(self, why: str, where: str) -> TwirpFailure:
        self._refused[why] += 1
        return dial_errors.refused(f"{why}{where}")

    def _dial_in(self, room: str) -> _Dial | None:
        call = self._fleet.call_in(room)
        return None if call is None else self._dials.get(call.call.call_id)

    def _signals(self, room: str, identity: str, *, connected: bool) -> None:
        if (call := self._fleet.call_in(room)) is not None:
            self._fleet.tell(call, {"command": "agent_signals", "identity": identity, "connected": connected})


def _settle(future: _Result, result: PutThrough | TwirpFailure) -> None:
    if not future.done():
        future.set_result(result)


def dial_request(request: CreateSIPParticipantRequest, call_id: str) -> DialRequest:
    """What the callee must know of a request."""
    ringing_s = request.ringing_timeout.ToTimedelta().total_seconds()
    longest_s = request.max_call_duration.ToTimedelta().total_seconds()
    return DialRequest(
        number=request.sip_call_to,
        presence=Presence(
            identity=identity_of(request),
            name=request.participant_name,
            metadata=request.participant_metadata,
            attributes=sip_attributes(request, call_id),
        ),
        wait_until_answered=request.wait_until_answered,
        ringing_limit_s=ringing_s if ringing_s > 0 else RINGING_LIMIT_S,
        max_call_s=longest_s if longest_s > 0 else None,
    )
