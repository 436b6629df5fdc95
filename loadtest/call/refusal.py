"""What to say of a server that refuses our token: it is made from keys and the wall clock, and either can be wrong."""

from __future__ import annotations

from livekit import api

__all__ = ["why_refused"]

_CLOCK = ("token is expired", "token is not valid yet")


def why_refused(error: BaseException) -> str | None:
    """In words, if `error` is LiveKit's refusal of a token."""
    said = str(error)
    if any(word in said for word in _CLOCK):
        return (
            "LiveKit refused our token for its time: this machine's clock and the server's differ (`loadtest doctor`)"
        )
    if "invalid token" in said:
        return "LiveKit refused our token: the API key or its secret is not the server's (`loadtest doctor`)"
    if isinstance(error, api.TwirpError) and error.status == 401:  # the API gives no reason
        return (
            "LiveKit refused our token: either this machine's clock is wrong, or the API key or its secret is "
            "(`loadtest doctor` says which)"
        )
    return None
