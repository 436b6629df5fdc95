"""An agent's dial finds the callee of its room, and is answered by what becomes of the call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from google.protobuf.duration_pb2 import Duration
from livekit.protocol.sip import CreateSIPParticipantRequest, TransferSIPParticipantRequest

from loadtest.call.presence import DialRequest
from loadtest.call.spec import CallSpec
from loadtest.record.events import Answered, DialFailed, EndCause, Ended, Event, Outcome, Ringing
from loadtest.run.fleet import Fleet
from loadtest.run.switchboard import Switchboard, dial_request
from loadtest.stack.proxy import dial_errors
from loadtest.stack.proxy.exchange import PutThrough
from loadtest.stack.proxy.twirp import TwirpFailure
from tests.unit.calls import planned_call

ROOM = "outbound-00000000-12005550100"
CALL = CallSpec(call=planned_call(), room=ROOM, agent_name="caller", metadata="{}", dialled_by_agent=True)
RINGING = Ringing(t=1.0, identity="someone", participant_id="PA_1")
ANSWERED = Answered(t=2.0)


@dataclass
class OneCall:
    """A fleet with one call in progress."""

    there: bool = True
    told: list[Mapping[str, Any]] = field(default_factory=list)

    def call_in(self, room: str) -> CallSpec | None:
        return CALL if self.there and room == ROOM else None

    def tell(self, call: CallSpec, command: Mapping[str, Any]) -> None:
        assert call is CALL
        self.told.append(json.loads(json.dumps(command)))  # as it crosses the process boundary


@pytest.fixture
def fleet() -> OneCall:
    return OneCall()


@pytest.fixture
def board(fleet: OneCall) -> Switchboard:
    return Switchboard(cast(Fleet, fleet))


def request(**changes: Any) -> CreateSIPParticipantRequest:
    fields: dict[str, Any] = {
        "room_name": ROOM,
        "sip_trunk_id": "ST_x",
        "sip_call_to": "+12005550100",
        "participant_identity": "someone",
        "wait_until_answered": True,
    }
    return CreateSIPParticipantRequest(**{**fields, **changes})


async def dial(
    board: Switchboard, *events: Event, wait: bool = True
) -> tuple[asyncio.Task[PutThrough | TwirpFailure], list[bool]]:
    """Dial, and let this happen. Returns the dial, and whether it had been answered after each of the events."""
    dialling = asyncio.create_task(board.dial(request(wait_until_answered=wait), call_id="SCL_1"))
    answered = []
    await asyncio.sleep(0)
    for event in events:
        board.call_event(CALL, event)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answered.append(dialling.done())
    return dialling, answered


def ended(outcome: Outcome, reason: str = "") -> Ended:
    return Ended(t=3.0, outcome=outcome, cause=EndCause.TESTER, reason=reason)


async def test_the_callee_is_told_what_the_agent_asked_for(board: Switchboard, fleet: OneCall) -> None:
    await dial(board, RINGING, ANSWERED)
    (command,) = fleet.told
    assert command["command"] == "dialled"
    told = DialRequest.from_json(command["request"])
    assert (told.number, told.presence.identity, told.wait_until_answered) == ("+12005550100", "someone", True)
    assert told.presence.attributes == {
        "sip.callID": "SCL_1",
        "sip.trunkID": "ST_x",
        "sip.phoneNumber": "+12005550100",
        "sip.trunkPhoneNumber": "+12025550100",
    }


def test_what_a_request_asks_for_of_the_callee() -> None:
    full = dial_request(
        request(
            participant_name="Phone",
            participant_metadata="{}",
            participant_attributes={"own": "1"},
            hide_phone_number=True,
            ringing_timeout=Duration(seconds=12),
            max_call_duration=Duration(seconds=90),
        ),
        "SCL_1",
    )
    assert (full.presence.name, full.presence.metadata) == ("Phone", "{}")
    assert full.presence.attributes == {"own": "1", "sip.callID": "SCL_1", "sip.trunkID": "ST_x"}
    assert (full.ringing_limit_s, full.max_call_s) == (12.0, 90.0)
    plain = dial_request(request(participant_identity=""), "SCL_1")
    assert (plain.presence.identity, plain.ringing_limit_s, plain.max_call_s) == ("sip_+12005550100", 180.0, None)


async def test_an_agent_that_waits_is_answered_at_the_pick_up(board: Switchboard) -> None:
    dialling, answered = await dial(board, RINGING, ANSWERED)
    assert answered == [False, True]
    assert await dialling == PutThrough("PA_1")


async def test_one_that_does_not_wait_is_answered_when_it_rings(board: Switchboard) -> None:
    dialling, answered = await dial(board, RINGING, wait=False)
    assert answered == [True]
    assert await dialling == PutThrough("PA_1")


@pytest.mark.parametrize("status", [480, 486, 603])
async def test_the_far_end_refuses(board: Switchboard, status: int) -> None:
    dialling, _ = await dial(board, RINGING, DialFailed(t=2.0, sip_status=status), ended(Outcome.BUSY))
    assert await dialling == dial_errors.sip_answer(status)


async def test_nobody_picks_up_in_time(board: Switchboard) -> None:
    dialling, _ = await dial(board, RINGING, DialFailed(t=2.0, sip_status=None), ended(Outcome.NO_ANSWER))
    assert await dialling == dial_errors.RANG_OUT


async def test_a_callee_that_cannot_enter_the_room_is_the_bridges_failure(board: Switchboard) -> None:
    failed = DialFailed(t=2.0, sip_status=None)
    dialling, _ = await dial(board, failed, ended(Outcome.DIAL_ERROR, "no answer within 15 s"))
    assert await dialling == dial_errors.bridge_failed("no answer within 15 s")


async def test_a_process_that_dies_leaves_no_agent_waiting(board: Switchboard) -> None:
    dialling, _ = await dial(board, RINGING)
    board.call_released(CALL)
    assert await dialling == dial_errors.bridge_failed("the tester lost the call")


async def test_an_agent_that_gives_up_does_not_stop_the_ringing(board: Switchboard) -> None:
    dialling, _ = await dial(board, RINGING)
    dialling.cancel()
    await asyncio.gather(dialling, return_exceptions=True)
    board.call_event(CALL, ANSWERED)
    assert board.has_callee(ROOM, "someone")


async def test_a_second_dial_and_a_foreign_room_are_refused_and_counted(board: Switchboard) -> None:
    await dial(board, RINGING, ANSWERED)
    again = await board.dial(request(), call_id="SCL_2")
    elsewhere = await board.dial(request(room_name="their-own"), call_id="SCL_3")
    assert again == dial_errors.refused(f"the call's one callee has been dialled before, in room {ROOM}")
    assert elsewhere == dial_errors.refused("no call of this run waits in the room: their-own")
    assert board.warnings() == (
        "Dials of agents were refused, as the call's one callee has been dialled before: 1.",
        "Dials of agents were refused, as no call of this run waits in the room: 1.",
    )


async def test_a_transfer_needs_a_callee_that_has_picked_up(board: Switchboard, fleet: OneCall) -> None:
    to = TransferSIPParticipantRequest(room_name=ROOM, participant_identity="someone", transfer_to="tel:+12025550199")
    assert not board.has_callee(ROOM, "someone")
    await dial(board, RINGING)
    assert board.has_callee(ROOM, "someone")
    assert not board.has_callee(ROOM, "agent-1")
    assert await board.transfer(to) == dial_errors.NOT_ESTABLISHED
    board.call_event(CALL, ANSWERED)
    assert await board.transfer(to) is None
    assert fleet.told[-1] == {"command": "transferred", "to": "tel:+12025550199"}
    board.call_event(CALL, ended(Outcome.COMPLETED))
    assert not board.has_callee(ROOM, "someone")


def test_the_callee_hears_of_agents_before_it_is_in_the_room(board: Switchboard, fleet: OneCall) -> None:
    board.agent_connected(ROOM, "agent-1")
    board.agent_disconnected(ROOM, "agent-1")
    board.agent_connected("their-own", "agent-2")
    signals = [(told["command"], told["identity"], told["connected"]) for told in fleet.told]
    assert signals == [("agent_signals", "agent-1", True), ("agent_signals", "agent-1", False)]
