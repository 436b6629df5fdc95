"""How a dial fails: what LiveKit's SIP bridge reports through the server, word for word.

The bridge is not part of the stack, so this is written after its source (livekit/sip, outbound.go) and that of the
server: a final SIP answer other than 200 becomes an error with the SIP status in its metadata, and a telephone that
rings for too long becomes `canceled` without one.
"""

from __future__ import annotations

from livekit.protocol.sip import SIPStatus, SIPStatusCode

from loadtest.stack.proxy.twirp import TwirpFailure, with_details

__all__ = [
    "NOT_ESTABLISHED",
    "NO_NUMBERS",
    "NO_SUCH_SESSION",
    "RANG_OUT",
    "TIMED_OUT",
    "bridge_failed",
    "invalid",
    "refused",
    "sip_answer",
]

SIP_ANSWERS = {
    480: ("Temporarily Unavailable", "resource_exhausted", "INVITE failed"),
    486: ("Busy Here", "resource_exhausted", "INVITE failed"),
    603: ("Decline", "permission_denied", "unexpected status from INVITE response"),
}
"""By SIP status: its phrase, the Twirp code, and how the bridge introduces it."""


def sip_answer(status: int) -> TwirpFailure:
    """The far end answered the INVITE with this status: 480, 486 or 603."""
    phrase, code, what = SIP_ANSWERS[status]
    meta = {"sip_status_code": str(status), "sip_status": phrase}
    detail = SIPStatus(code=SIPStatusCode.Name(status), status=phrase)
    return with_details(code, f"{what}: sip status: {status}: {phrase}", detail, meta)


def _of_service(code: str, message: str) -> TwirpFailure:
    # What comes from behind the server carries the prefix of its first conversion to Twirp.
    return TwirpFailure(code, f"twirp error unknown: {message}")


RANG_OUT = _of_service("canceled", "sip request timed out")
"""Nobody picked up within ringing_timeout, or the room went while it rang."""
TIMED_OUT = _of_service("deadline_exceeded", "request timed out")
"""The server waits no longer for the bridge."""
NO_NUMBERS = _of_service("failed_precondition", "no numbers on outbound trunk")
NOT_ESTABLISHED = _of_service("failed_precondition", "can't transfer non established call")
NO_SUCH_SESSION = _of_service("invalid_argument", "no SIP session associated with participant")


def bridge_failed(why: str) -> TwirpFailure:
    """The callee could not be put into the room."""
    return _of_service("internal", f"update room failed: {why}")


def invalid(why: str) -> TwirpFailure:
    """The request cannot be meant."""
    return TwirpFailure("invalid_argument", why)


def refused(why: str) -> TwirpFailure:
    """A dial that a trunk would have placed and this run does not."""
    return TwirpFailure("failed_precondition", f"loadtest: {why}")
