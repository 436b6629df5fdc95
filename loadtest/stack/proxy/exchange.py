"""Who puts calls through: what the proxy asks of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from livekit.protocol.sip import CreateSIPParticipantRequest, TransferSIPParticipantRequest

from loadtest.stack.proxy.twirp import TwirpFailure

__all__ = ["Exchange", "PutThrough"]


@dataclass(frozen=True, slots=True)
class PutThrough:
    """The callee is in the room. participant_id: its sid there."""

    participant_id: str


class Exchange(Protocol):
    """Called in the event loop of the proxy."""

    async def dial(self, request: CreateSIPParticipantRequest, *, call_id: str) -> PutThrough | TwirpFailure:
        """Let the callee of the request's room ring. Returns when it does; with wait_until_answered, when it has
        picked up or will not.

        call_id: the SIP call's name. The callee rings on if this is cancelled, as LiveKit's bridge does.
        """

    def has_callee(self, room: str, identity: str) -> bool:
        """Whether a participant is a callee of ours."""

    async def transfer(self, request: TransferSIPParticipantRequest) -> TwirpFailure | None:
        """Let the callee be transferred. Returns once it has been; None: it was."""

    def agent_connected(self, room: str, identity: str) -> None:
        """An agent opened its signalling connection to a room."""

    def agent_disconnected(self, room: str, identity: str) -> None:
        """The agent's signalling connection ended; it may come back."""
