"""What an agent sees that dials through the proxy, by LiveKit's own API client."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from livekit import api
from livekit.protocol.sip import SIPStatus, SIPTransferStatus
from yarl import URL

from loadtest.stack.proxy import dial_errors
from loadtest.stack.proxy.server import LiveKitProxy
from loadtest.stack.proxy.sip import CREATE, TRANSFER
from loadtest.stack.proxy.twirp import TwirpFailure
from tests.unit.stack.proxy.conftest import FakeExchange, StandIn

GET_PARTICIPANT = "/twirp/livekit.RoomService/GetParticipant"
NO_BRIDGE = {"code": "internal", "msg": "twirp error unknown: sip not connected (redis required)"}
NO_TARGET = {"code": "invalid_argument", "msg": "missing transfer to"}


@pytest.fixture(autouse=True)
def good_token(livekit: StandIn) -> None:
    """What livekit-server 1.13.5 says, when there is no bridge, to a token that may dial."""
    livekit.answers(CREATE, 500, NO_BRIDGE)
    livekit.answers(TRANSFER, 400, NO_TARGET)


def dial(**changes: Any) -> api.CreateSIPParticipantRequest:
    fields: dict[str, Any] = {
        "room_name": "r",
        "sip_trunk_id": "ST_x",
        "sip_call_to": "+12025550123",
        "participant_identity": "someone",
        "wait_until_answered": True,
    }
    return api.CreateSIPParticipantRequest(**(fields | changes))


def transfer(**changes: Any) -> api.TransferSIPParticipantRequest:
    fields = {"room_name": "r", "participant_identity": "someone", "transfer_to": "tel:+12025550199"}
    return api.TransferSIPParticipantRequest(**(fields | changes))


async def failure_of(request: Any) -> api.TwirpError:
    with pytest.raises(api.TwirpError) as raised:
        await request
    return raised.value


async def test_a_callee_that_picks_up(client: api.LiveKitAPI, exchange: FakeExchange) -> None:
    info = await client.sip.create_sip_participant(dial())
    assert (info.participant_id, info.participant_identity, info.room_name) == ("PA_callee", "someone", "r")
    ((request, call_id),) = exchange.dials
    assert info.sip_call_id == call_id
    assert call_id.startswith("SCL_")
    assert request.sip_call_to == "+12025550123"
    assert request.ringing_timeout.seconds == 30  # the client's own default reaches the exchange


async def test_without_an_identity_the_number_names_the_participant(client: api.LiveKitAPI) -> None:
    info = await client.sip.create_sip_participant(dial(participant_identity=""))
    assert info.participant_identity == "sip_+12025550123"


@pytest.mark.parametrize(
    ("status", "phrase", "code", "http", "message"),
    [
        (486, "Busy Here", "resource_exhausted", 429, "INVITE failed: sip status: 486: Busy Here"),
        (
            480,
            "Temporarily Unavailable",
            "resource_exhausted",
            429,
            "INVITE failed: sip status: 480: Temporarily Unavailable",
        ),
        (
            603,
            "Decline",
            "permission_denied",
            403,
            "unexpected status from INVITE response: sip status: 603: Decline",
        ),
    ],
)
async def test_a_sip_answer_is_the_error_that_a_trunk_gives(
    client: api.LiveKitAPI,
    exchange: FakeExchange,
    status: int,
    phrase: str,
    code: str,
    http: int,
    message: str,
) -> None:
    exchange.dialled = dial_errors.sip_answer(status)
    error = await failure_of(client.sip.create_sip_participant(dial()))
    assert isinstance(error, api.SipCallError)
    assert (error.sip_status_code, error.sip_status) == (status, phrase)
    assert (error.code, error.status, error.message) == (code, http, f"twirp error unknown: {message}")
    assert error.metadata["sip_status_code"] == str(status)
    details = Status()
    details.ParseFromString(base64.b64decode(error.metadata["error_details"]))
    assert details.message == message
    sip = SIPStatus()
    assert details.details[0].Unpack(sip)
    assert (sip.code, sip.status) == (status, phrase)


async def test_a_telephone_that_rings_too_long_gives_no_sip_status(
    client: api.LiveKitAPI, exchange: FakeExchange
) -> None:
    exchange.dialled = dial_errors.RANG_OUT
    error = await failure_of(client.sip.create_sip_participant(dial()))
    assert not isinstance(error, api.SipCallError)
    assert (error.code, error.status) == ("canceled", 408)
    assert error.message == "twirp error unknown: sip request timed out"
    assert error.metadata == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sip_trunk_id": ""}, "missing sip trunk id and sip number"),
        ({"sip_call_to": ""}, "missing sip callee number"),
        ({"sip_call_to": "x@sip.test"}, "SipCallTo should be a phone number or SIP user, not a full SIP URI"),
        ({"room_name": ""}, "missing room name"),
        ({"display_name": "x" * 129}, "DisplayName too long (max 128 characters)"),
        ({"trunk": api.SIPOutboundConfig()}, "no outbound hostname specified"),
        (
            {"trunk": api.SIPOutboundConfig(hostname="sip:a.test")},
            "trunk hostname should be a hostname or IP, not SIP URI",
        ),
    ],
)
async def test_what_cannot_be_dialled_is_refused_in_the_servers_words(
    client: api.LiveKitAPI, exchange: FakeExchange, changes: dict[str, Any], message: str
) -> None:
    error = await failure_of(client.sip.create_sip_participant(dial(**changes)))
    assert (error.code, error.status, error.message) == ("invalid_argument", 400, message)
    assert exchange.dials == []


async def test_a_trunk_given_inline_needs_a_number(client: api.LiveKitAPI) -> None:
    inline = api.SIPOutboundConfig(hostname="sip.test")
    error = await failure_of(client.sip.create_sip_participant(dial(sip_trunk_id="", trunk=inline)))
    assert (error.code, error.message) == ("failed_precondition", "twirp error unknown: no numbers on outbound trunk")
    await client.sip.create_sip_participant(dial(sip_trunk_id="", trunk=inline, sip_number="+12025550100"))


async def test_the_server_judges_the_token_and_is_never_asked_to_dial(
    client: api.LiveKitAPI, exchange: FakeExchange, livekit: StandIn
) -> None:
    livekit.answers(CREATE, 401, {"code": "unauthenticated", "msg": "permissions denied"})
    error = await failure_of(client.sip.create_sip_participant(dial()))
    assert (error.code, error.status, error.message) == ("unauthenticated", 401, "permissions denied")
    assert exchange.dials == []
    (shown,) = livekit.seen
    assert shown.headers["Authorization"].startswith("Bearer ")
    assert livekit.bodies == [b""]


@pytest.mark.parametrize("path", [CREATE, f"/{CREATE}", CREATE.replace("S", "%53")])
async def test_however_it_is_spelt_no_dial_goes_further(
    proxy: LiveKitProxy, exchange: FakeExchange, livekit: StandIn, path: str
) -> None:
    url = proxy.url.replace("ws", "http") + path
    async with aiohttp.ClientSession() as session:
        body = {"room_name": "r", "sip_trunk_id": "ST_x", "sip_call_to": "1", "participant_identity": "someone"}
        async with session.post(URL(url, encoded=True), json=body) as answer:
            said = await answer.json()
    assert answer.status == 200
    assert (said["participant_identity"], said["participant_id"], said["room_name"]) == ("someone", "PA_callee", "r")
    assert [request.sip_call_to for request, _ in exchange.dials] == ["1"]
    assert livekit.bodies == [b""]


@pytest.mark.parametrize(
    ("content_type", "body", "code", "message"),
    [
        ("application/protobuf", b"\xff\xff", "malformed", "the protobuf request could not be decoded"),
        ("application/json", b"{", "malformed", "the json request could not be decoded"),
        ("text/plain", b"", "bad_route", 'unexpected Content-Type: "text/plain"'),
    ],
)
async def test_what_cannot_be_read_goes_no_further_either(
    proxy: LiveKitProxy, livekit: StandIn, content_type: str, body: bytes, code: str, message: str
) -> None:
    url = proxy.url.replace("ws", "http") + CREATE
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers={"Content-Type": content_type}) as answer,
    ):
        said = await answer.json()
    assert (said["code"], said["msg"]) == (code, message)
    assert livekit.seen == []


async def test_a_transfer(client: api.LiveKitAPI, exchange: FakeExchange, livekit: StandIn) -> None:
    exchange.callees.add(("r", "someone"))
    done = await client.sip.transfer_sip_participant(transfer(play_dialtone=True))
    assert done.status == SIPTransferStatus.STS_TRANSFER_SUCCESSFUL
    (request,) = exchange.transfers
    assert (request.transfer_to, request.play_dialtone) == ("tel:+12025550199", True)
    # The server was shown all of it but the target, for its opinion of the token.
    shown = api.TransferSIPParticipantRequest.FromString(livekit.bodies[0])
    assert (shown.room_name, shown.participant_identity, shown.transfer_to) == ("r", "someone", "")


async def test_a_transfer_that_fails(client: api.LiveKitAPI, exchange: FakeExchange) -> None:
    exchange.callees.add(("r", "someone"))
    exchange.transferred = dial_errors.NOT_ESTABLISHED
    error = await failure_of(client.sip.transfer_sip_participant(transfer()))
    assert (error.code, error.status) == ("failed_precondition", 412)
    assert error.message == "twirp error unknown: can't transfer non established call"


async def test_a_transfer_that_cannot_be_meant(
    client: api.LiveKitAPI, exchange: FakeExchange, livekit: StandIn
) -> None:
    exchange.callees.add(("r", "someone"))
    error = await failure_of(client.sip.transfer_sip_participant(transfer(transfer_to="+12025550199")))
    assert error.message == "transfer_to must be a valid SIP(s) or TEL URI (sip:, sips: or tel:)"
    error = await failure_of(client.sip.transfer_sip_participant(transfer(transfer_to="")))
    assert error.message == "missing transfer to"
    livekit.answers(TRANSFER, 401, {"code": "unauthenticated", "msg": "permissions denied"})
    error = await failure_of(client.sip.transfer_sip_participant(transfer()))
    assert error.message == "permissions denied"
    assert exchange.transfers == []


async def test_a_transfer_of_somebody_else_is_what_the_server_says_of_them(
    client: api.LiveKitAPI, livekit: StandIn
) -> None:
    unknown = {"code": "not_found", "msg": "twirp error unknown: participant does not exist"}
    livekit.answers(GET_PARTICIPANT, 404, unknown)
    error = await failure_of(client.sip.transfer_sip_participant(transfer()))
    assert (error.code, error.message) == (unknown["code"], unknown["msg"])
    livekit.answers(GET_PARTICIPANT, 200, {})
    error = await failure_of(client.sip.transfer_sip_participant(transfer()))
    assert error.code == "invalid_argument"
    assert error.message == "twirp error unknown: no SIP session associated with participant"


async def test_deleting_a_room_is_the_servers_business(client: api.LiveKitAPI, livekit: StandIn) -> None:
    path = "/twirp/livekit.RoomService/DeleteRoom"
    gone = TwirpFailure("not_found", "requested room does not exist")
    livekit.answers(path, 404, {"code": gone.code, "msg": gone.message})
    error = await failure_of(client.room.delete_room(api.DeleteRoomRequest(room="r")))
    assert (error.code, error.message) == (gone.code, gone.message)
    assert api.DeleteRoomRequest.FromString(livekit.bodies[0]).room == "r"
