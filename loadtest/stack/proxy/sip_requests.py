"""What a request to dial or to transfer means: LiveKit's checks and defaults, after the source of its server."""

from __future__ import annotations

import secrets
import string

from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundConfig, TransferSIPParticipantRequest

__all__ = ["NO_NUMBER", "dial_problem", "identity_of", "new_call_id", "sip_attributes", "transfer_problem"]

NO_NUMBER = "+12025550100"
"""Stands for the number of a trunk that nobody here knows; from the range kept for fiction."""
ALPHABET = string.ascii_letters + string.digits


def dial_problem(request: CreateSIPParticipantRequest) -> str | None:
    """Why the server would refuse the request, in its words; None if it would not.

    Any trunk id is taken to exist. Header names, codecs and destinations are not looked at.
    """
    inline = request.HasField("trunk")
    if not request.sip_trunk_id and not inline and not request.sip_number:
        return "missing sip trunk id and sip number"
    if inline and (problem := _trunk_problem(request.trunk)) is not None:
        return problem
    if not request.sip_call_to:
        return "missing sip callee number"
    if "@" in request.sip_call_to:
        return "SipCallTo should be a phone number or SIP user, not a full SIP URI"
    if not request.room_name:
        return "missing room name"
    if len(request.display_name.encode()) > 128:
        return "DisplayName too long (max 128 characters)"
    return None


def _trunk_problem(trunk: SIPOutboundConfig) -> str | None:
    if not trunk.hostname:
        return "no outbound hostname specified"
    for value, name in ((trunk.hostname, "trunk hostname"), (trunk.from_host, "from_host")):
        if "transport=" in value:
            return f"{name} should not contain transport parameter"
        if set("@;") & set(value) or value.startswith(("sip:", "sips:")):
            return f"{name} should be a hostname or IP, not SIP URI"
    return None


def transfer_problem(request: TransferSIPParticipantRequest) -> str | None:
    """Why the server would refuse the target of a transfer; None if it would not."""
    target = request.transfer_to
    if target.startswith("<") and target.endswith(">"):
        target = target[1:-1]
    if not target.startswith(("sip:", "sips:", "tel:")):
        return "transfer_to must be a valid SIP(s) or TEL URI (sip:, sips: or tel:)"
    return None


def new_call_id() -> str:
    return "SCL_" + "".join(secrets.choice(ALPHABET) for _ in range(12))


def identity_of(request: CreateSIPParticipantRequest) -> str:
    return request.participant_identity or f"sip_{request.sip_call_to}"


def sip_attributes(request: CreateSIPParticipantRequest, call_id: str) -> dict[str, str]:
    """The participant's attributes when it enters the room, but for its status."""
    attributes = dict(request.participant_attributes)
    attributes["sip.callID"] = call_id
    attributes["sip.trunkID"] = request.sip_trunk_id
    if not request.hide_phone_number:
        attributes["sip.phoneNumber"] = request.sip_call_to
        attributes["sip.trunkPhoneNumber"] = request.sip_number or NO_NUMBER
        if request.trunk.hostname:
            attributes["sip.hostname"] = request.trunk.hostname
    return attributes
