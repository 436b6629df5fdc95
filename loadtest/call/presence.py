"""What the callee's participant looks like in the room: as one that LiveKit's SIP bridge puts there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from loadtest.plan.calls import PlannedCall

__all__ = ["DialRequest", "Presence", "presence_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A participant of kind SIP. attributes: all but its status."""

    identity: str
    name: str
    metadata: str = ""
    attributes: Mapping[str, str]

    def of_call(self, call: PlannedCall) -> Presence:
        """The same, with the call's name among its attributes."""
        return replace(self, attributes={**self.attributes, "loadtest.callID": call.call_id})


def presence_of(call: PlannedCall) -> Presence:
    """The callee of a call that the tester dials."""
    attributes = {
        "sip.callID": f"SCL_{call.call_id}",
        "sip.phoneNumber": f"+{call.number}",
        "sip.trunkID": "ST_loadtest",
        "sip.trunkPhoneNumber": "+12025550100",
    }
    return Presence(identity=f"sip_{call.number}", name=f"Phone {call.number}", attributes=attributes).of_call(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRequest:
    """What an agent asked for that dials by itself; crosses the process boundary as JSON."""

    number: str
    presence: Presence
    """Of the participant that it wants for the callee."""
    wait_until_answered: bool
    """It waits for the pick-up, not only for the participant."""
    ringing_limit_s: float
    max_call_s: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "presence": Presence(**value["presence"])})
