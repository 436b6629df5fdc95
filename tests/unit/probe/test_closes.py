from __future__ import annotations

from collections.abc import Callable

import pytest
from google.genai.errors import APIError
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close as Frame
from websockets.http11 import Response

from loadtest_probe.closes import Close, Refusal, describe_error, read_close, read_refusal

INTERNAL = "Internal error encountered."


def as_google_reports(closed: Exception) -> Exception:
    """google-genai's own way: raised while the websockets error is handled, the code 1006 without a frame."""
    received = closed.rcvd  # type: ignore[attr-defined]
    code, reason = (received.code, received.reason) if received else (1006, "Abnormal closure.")
    try:
        try:
            raise closed
        except type(closed):
            APIError.raise_error(code, reason, None)
    except APIError as error:
        return error
    raise AssertionError


def bare(closed: Exception) -> Exception:
    return closed


@pytest.mark.parametrize("wrap", [bare, as_google_reports])
@pytest.mark.parametrize(
    ("closed", "code", "reason", "side"),
    [
        (ConnectionClosedError(Frame(1011, INTERNAL), Frame(1011, INTERNAL), True), 1011, INTERNAL, "server"),
        (ConnectionClosedError(Frame(1008, "not found"), None, None), 1008, "not found", "server"),
        (ConnectionClosedOK(Frame(1000, ""), Frame(1000, ""), True), 1000, "", "server"),
        (
            ConnectionClosedError(None, Frame(1011, "keepalive ping timeout"), None),
            1011,
            "keepalive ping timeout",
            "client",
        ),
        (
            ConnectionClosedError(Frame(1011, ""), Frame(1011, "ours came first"), False),
            1011,
            "ours came first",
            "client",
        ),
        (ConnectionClosedError(None, None, None), 1006, "", "none"),
    ],
    ids=["server 1011", "server 1008, no answer", "server 1000", "keepalive", "client first", "no frame"],
)
def test_the_first_close_frame_decides(
    wrap: Callable[[Exception], Exception], closed: Exception, code: int, reason: str, side: str
) -> None:
    close = read_close(wrap(closed))
    assert (close.code, close.reason, close.side) == (code, reason, side)


def test_without_the_websocket_error_the_side_is_unknown() -> None:
    error = APIError(1011, INTERNAL, None)
    assert read_close(error) == Close(1011, INTERNAL, "unknown", "APIError")


def test_an_error_that_is_no_close_has_no_code_and_quotes_nothing() -> None:
    assert read_close(ValueError("Failed to parse: 'the caller said hello'")) == Close(
        None, "", "unknown", "ValueError"
    )


def test_a_refused_upgrade_gives_its_http_status() -> None:
    refusal = read_refusal(InvalidStatus(Response(503, "Service Unavailable", Headers())))
    assert (refusal.http_status, refusal.code) == (503, None)
    assert "503" in refusal.reason


def test_a_close_in_place_of_setup_complete_gives_its_code() -> None:
    error = as_google_reports(ConnectionClosedError(Frame(1008, "no such model"), None, None))
    assert read_refusal(error) == Refusal(None, 1008, "no such model")


def test_a_connection_that_was_never_made_has_neither() -> None:
    refusal = read_refusal(TimeoutError("timed out during opening handshake"))
    assert (refusal.http_status, refusal.code) == (None, None)
    assert "opening handshake" in refusal.reason


def test_an_error_wrapped_by_the_sdk_is_still_read() -> None:
    error = RuntimeError("connection failed")
    error.__cause__ = as_google_reports(ConnectionClosedError(None, None, None))
    assert read_close(error) == Close(1006, "", "none", "RuntimeError")


def test_a_loop_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert read_close(first).code is None


def test_error_texts_are_given_only_where_they_cannot_quote_the_call() -> None:
    assert describe_error(ValueError("the caller said hello")) == "ValueError"
    assert describe_error(ConnectionRefusedError("refused")) == "ConnectionRefusedError: refused"
    error = as_google_reports(ConnectionClosedError(Frame(1011, INTERNAL), None, None))
    assert describe_error(error) == f"APIError: 1011 {INTERNAL}"
    keepalive = as_google_reports(ConnectionClosedError(None, Frame(1011, "keepalive ping timeout"), None))
    assert describe_error(keepalive) == "APIError: 1011 keepalive ping timeout"
