"""The two methods of LiveKit's SIP service that the proxy answers itself. No request to dial ever goes further."""

from __future__ import annotations

import secrets
from typing import TypeVar

from aiohttp import web
from google.protobuf.message import Message
from livekit.protocol.room import RoomParticipantIdentity
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPParticipantInfo,
    SIPTransferReason,
    SIPTransferStatus,
    TransferSIPParticipantRequest,
    TransferSIPParticipantResponse,
)

from loadtest.stack.proxy.dial_errors import NO_NUMBERS, NO_SUCH_SESSION, invalid
from loadtest.stack.proxy.exchange import Exchange
from loadtest.stack.proxy.passthrough import Upstream
from loadtest.stack.proxy.sip_requests import dial_problem, identity_of, new_call_id, transfer_problem
from loadtest.stack.proxy.twirp import TwirpFailure, decode_request, encode_response, failure_response

__all__ = ["CREATE", "TRANSFER", "SipService"]

M = TypeVar("M", bound=Message)

CREATE = "/twirp/livekit.SIP/CreateSIPParticipant"
TRANSFER = "/twirp/livekit.SIP/TransferSIPParticipant"
GET_PARTICIPANT = "/twirp/livekit.RoomService/GetParticipant"
OK, UNAUTHORISED = 200, 401
NO_TARGET = "missing transfer to"


class SipService:
    """Answers as the server would if it had a bridge and a trunk.

    Whether a token is good is for the server to say: it is shown each request with what would have an effect taken
    out, and what it says of the rest is handed on.
    """

    def __init__(self, upstream: Upstream, exchange: Exchange) -> None:
        self._upstream = upstream
        self._exchange = exchange

    async def create(self, request: web.Request) -> web.StreamResponse:
        """CreateSIPParticipant."""
        dial = await self._decoded(CreateSIPParticipantRequest, request)
        if isinstance(dial, TwirpFailure):
            return failure_response(dial)
        # An empty request is refused whatever the token, but for the token first.
        verdict = await self._upstream.call(CREATE, request, CreateSIPParticipantRequest())
        if verdict.status == UNAUTHORISED:
            return verdict.response()
        if (problem := dial_problem(dial)) is not None:
            return failure_response(invalid(problem))
        if not dial.sip_trunk_id and not dial.sip_number:
            return failure_response(NO_NUMBERS)
        call_id = new_call_id()
        answer = await self._exchange.dial(dial, call_id=call_id)
        if isinstance(answer, TwirpFailure):
            return failure_response(answer)
        info = SIPParticipantInfo(
            participant_id=answer.participant_id,
            participant_identity=identity_of(dial),
            room_name=dial.room_name,
            sip_call_id=call_id,
        )
        return encode_response(info, request.headers.get("Content-Type", ""))

    async def transfer(self, request: web.Request) -> web.StreamResponse:
        """TransferSIPParticipant."""
        transfer = await self._decoded(TransferSIPParticipantRequest, request)
        if isinstance(transfer, TwirpFailure):
            return failure_response(transfer)
        # Without a target it is refused last for having none.
        aimless = TransferSIPParticipantRequest()
        aimless.CopyFrom(transfer)
        aimless.transfer_to = ""
        verdict = await self._upstream.call(TRANSFER, request, aimless)
        if not transfer.transfer_to or verdict.failure() != invalid(NO_TARGET):
            return verdict.response()
        if (problem := transfer_problem(transfer)) is not None:
            return failure_response(invalid(problem))
        if not self._exchange.has_callee(transfer.room_name, transfer.participant_identity):
            return await self._no_session(request, transfer)
        if (failure := await self._exchange.transfer(transfer)) is not None:
            return failure_response(failure)
        done = TransferSIPParticipantResponse(
            transfer_id=f"STR_{secrets.token_hex(6)}",
            status=SIPTransferStatus.STS_TRANSFER_SUCCESSFUL,
            reason=SIPTransferReason.STR_COMPLETED,
        )
        return encode_response(done, request.headers.get("Content-Type", ""))

    async def _no_session(self, request: web.Request, transfer: TransferSIPParticipantRequest) -> web.Response:
        whom = RoomParticipantIdentity(room=transfer.room_name, identity=transfer.participant_identity)
        found = await self._upstream.call(GET_PARTICIPANT, request, whom)
        return found.response() if found.status != OK else failure_response(NO_SUCH_SESSION)

    async def _decoded(self, kind: type[M], request: web.Request) -> M | TwirpFailure:
        content_type = request.headers.get("Content-Type", "")
        return decode_request(kind, content_type, await request.read(), path=request.path)
