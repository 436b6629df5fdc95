"""Which answers of an endpoint end a live run, in the wordings that have been seen."""

from __future__ import annotations

import pytest

from loadtest.run.denials import Denial, denial, quota_remedy
from loadtest_probe import wire

MAXIMUM = (
    "Request trace id: 1f2e, [ORIGINAL ERROR] generic::resource_exhausted: RESOURCE_EXHAUSTED: Maximum concurrent se"
)
EXCEEDED = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error"
)


@pytest.mark.parametrize(
    "message",
    [
        wire.Refused(1, 429, None, "server rejected WebSocket connection: HTTP 429"),
        wire.Refused(1, None, 1011, MAXIMUM),
        wire.Refused(1, None, 1011, EXCEEDED),
        wire.Refused(1, None, 1013, "Resource has been exhausted (e.g. check quota)."),
        wire.Refused(1, 403, None, "Quota exceeded for quota metric 'Bidi sessions'"),
        wire.Closed(1, 1011, MAXIMUM, "server", "APIError"),
        wire.Closed(1, 1011, EXCEEDED, "server", "APIError"),
        wire.Closed(1, 1008, "Too many requests", "unknown", "APIError"),
    ],
)
def test_a_quota(message: wire.Message) -> None:
    assert denial(message) is Denial.QUOTA


@pytest.mark.parametrize(
    "message",
    [
        wire.Refused(1, 401, None, "server rejected WebSocket connection: HTTP 401"),
        wire.Refused(1, 403, None, "server rejected WebSocket connection: HTTP 403"),
        wire.Refused(1, None, 1007, "API key not valid. Please pass a valid API key."),
        wire.Refused(1, None, 1008, "API key expired. Please renew the API key."),
        wire.Refused(
            1, None, 1008, "Method doesn't allow unregistered callers (callers without established identity)."
        ),
        wire.Refused(1, None, 1008, "Request had invalid authentication credentials."),
        wire.Refused(1, None, 1008, "Your API key was reported as leaked. Please use another API key."),
        wire.Refused(1, None, 1008, "generic::permission_denied: PERMISSION_DENIED: Permission denied on resource"),
    ],
)
def test_credentials(message: wire.Message) -> None:
    assert denial(message) is Denial.CREDENTIALS


@pytest.mark.parametrize(
    "message",
    [
        wire.Refused(1, 503, None, "server rejected WebSocket connection: HTTP 503"),
        wire.Refused(1, None, None, "TimeoutError"),
        wire.Refused(1, None, 1011, "Internal error encountered."),
        wire.Closed(1, 1011, "Internal error encountered.", "server", "APIError"),
        wire.Closed(1, 1011, "The service is currently unavailable.", "server", "APIError"),
        wire.Closed(1, 1011, "Deadline expired before operation could complete.", "server", "APIError"),
        wire.Closed(1, 1011, "keepalive ping timeout", "client", "APIError"),
        wire.Closed(1, 1011, EXCEEDED, "client", "APIError"),
        wire.Closed(1, 1008, "Requested entity was not found", "server", "APIError"),
        wire.Closed(1, 1008, "models/x is not found for API version v1, or is not supported for", "server", "APIError"),
        wire.Closed(1, 1006, "", "none", "APIError"),
        wire.Error(True, "APIError: 429 RESOURCE_EXHAUSTED"),
        wire.GoAway(1, 50.0),
    ],
)
def test_nothing_of_the_kind(message: wire.Message) -> None:
    assert denial(message) is None


@pytest.mark.parametrize(
    ("calls", "cap", "said"),
    [(5, 8, "--set cap=4,"), (9, 8, "--set cap=7,"), (2, 8, "--set cap=1 (below one call for each of the 2 arms),")],
)
def test_the_suggestion_is_fewer_calls_than_were_in_progress(calls: int, cap: int, said: str) -> None:
    remedy = quota_remedy(calls=calls, arms=2, cap=cap)
    assert said in remedy
    assert "ask Google for a higher quota" in remedy


def test_no_cap_is_suggested_where_one_call_was_too_many() -> None:
    assert "--set" not in quota_remedy(calls=1, arms=2, cap=8)
