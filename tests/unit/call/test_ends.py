"""Which end of a call is told how."""

from __future__ import annotations

import pytest
from livekit import rtc

from loadtest.call.ends import (
    CallEnd,
    Stage,
    agent_left,
    disconnect_reason,
    not_picked_up,
    room_closed,
    sip_status,
)
from loadtest.record.events import EndCause, Outcome
from loadtest.scenario.callee import Pickup

BUSY, REJECTED, NO_ANSWER = (not_picked_up(p) for p in (Pickup.BUSY, Pickup.REJECTED, Pickup.NO_ANSWER))
RANG_OUT = CallEnd(Outcome.NO_ANSWER, EndCause.LIMIT, "the agent's ringing_timeout 5 s")


@pytest.mark.parametrize(
    ("stage", "outcome", "reason"),
    [
        (Stage.RINGING, Outcome.AGENT_LEFT, "client_initiated while it rang"),
        (Stage.TALKING, Outcome.AGENT_LEFT, "client_initiated"),
        (Stage.NOTHING_LEFT, Outcome.COMPLETED, "client_initiated"),
    ],
)
def test_an_agent_that_leaves(stage: Stage, outcome: Outcome, reason: str) -> None:
    assert agent_left("client_initiated", stage) == CallEnd(outcome, EndCause.AGENT_HANGUP, reason)


@pytest.mark.parametrize(
    ("stage", "outcome", "reason"),
    [
        (Stage.RINGING, Outcome.AGENT_LEFT, "room_deleted while it rang"),
        (Stage.TALKING, Outcome.AGENT_LEFT, "room_deleted"),
        (Stage.NOTHING_LEFT, Outcome.COMPLETED, "room_deleted"),
    ],
)
def test_a_room_that_is_deleted(stage: Stage, outcome: Outcome, reason: str) -> None:
    assert room_closed("room_deleted", stage) == CallEnd(outcome, EndCause.ROOM_CLOSED, reason)


@pytest.mark.parametrize("stage", Stage)
def test_a_connection_that_is_lost_is_nobodys_doing(stage: Stage) -> None:
    assert room_closed("state_mismatch", stage) == CallEnd(Outcome.ABORTED, EndCause.ROOM_CLOSED, "state_mismatch")


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (NO_ANSWER, 480, rtc.DisconnectReason.USER_UNAVAILABLE),
        (BUSY, 486, rtc.DisconnectReason.USER_REJECTED),
        (REJECTED, 603, rtc.DisconnectReason.USER_REJECTED),
        (RANG_OUT, None, rtc.DisconnectReason.USER_UNAVAILABLE),
        (room_closed("room_deleted", Stage.RINGING), None, rtc.DisconnectReason.CLIENT_INITIATED),
    ],
)
def test_a_dial_that_fails_as_it_does_on_a_trunk(
    end: CallEnd, status: int | None, reason: rtc.DisconnectReason.ValueType
) -> None:
    assert (sip_status(end), disconnect_reason(end)) == (status, reason)


def test_an_agent_that_goes_because_its_room_was_deleted_did_not_hang_up() -> None:
    """Of two in a deleted room, either can be the first to be told."""
    assert agent_left("room_deleted", Stage.TALKING) == room_closed("room_deleted", Stage.TALKING)
    assert agent_left("client_initiated", Stage.TALKING).cause is EndCause.AGENT_HANGUP
