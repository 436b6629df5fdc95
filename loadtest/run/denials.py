"""Answers of Google's endpoints after which there is no use in calling on: a quota reached, credentials refused."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from loadtest.record.quota import says_quota
from loadtest_probe import wire

__all__ = ["Denial", "denial", "quota_remedy"]

_CREDENTIALS: Final = re.compile(
    r"api[_ ]key[_ ](not[_ ](valid|found)|invalid|expired)|permission[_ ]denied|unauthenticated|unregistered callers"
    r"|authentication credential|reported as leaked",
    re.IGNORECASE,
)
_NOT_ALLOWED: Final = frozenset({401, 403})


class Denial(StrEnum):
    """What the endpoint refused to go on for."""

    QUOTA = "quota"
    CREDENTIALS = "credentials"


def denial(message: wire.Message) -> Denial | None:
    """What a probe's message tells of it; None for every other close and refusal, and all other messages."""
    match message:
        case wire.Refused(http_status=status, reason=reason):
            pass
        case wire.Closed(side="server" | "unknown", reason=reason):
            status = None
        case _:
            return None
    if says_quota(status, reason):
        return Denial.QUOTA
    if status in _NOT_ALLOWED or _CREDENTIALS.search(reason):
        return Denial.CREDENTIALS
    return None


def quota_remedy(*, calls: int, arms: int, cap: int) -> str:
    """What to do about a quota that was reached with so many calls in progress, the denied one included."""
    fewer = min(cap, calls) - 1
    if fewer >= 1:
        less = f"Run again with --set cap={fewer}"
        if fewer < arms:
            less += f" (below one call for each of the {arms} arms)"
        return f"{less}, or with slower arrivals, or ask Google for a higher quota of this key's project."
    return (
        "No lower cap helps with one call in progress: wait until there is quota again, or ask Google for a higher one."
    )
