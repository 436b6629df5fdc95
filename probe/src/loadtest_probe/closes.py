"""What an exception says about a websocket: who closed it, with which code, or why it was never made.

The realtime plugins hand on errors of google-genai, which hide the websockets exception: `APIError("1011 None. ...")`
has it as its context. So the whole chain is searched, by attribute, since the probe depends on neither library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadtest_probe.redact import clean
from loadtest_probe.wire import Side

__all__ = ["Close", "Refusal", "describe_error", "is_loss", "read_close", "read_refusal"]

ABNORMAL = 1006
_REASON_BYTES = 123  # what a close frame can carry
_CHAIN_LIMIT = 12
# Texts of these say how the network or the SDK failed. Anybody else's may quote what was said in the call.
_HARMLESS_MODULES = ("asyncio", "builtins", "livekit.", "socket", "ssl", "websockets.")
_HARMLESS_BUILTINS = (OSError, EOFError)


@dataclass(frozen=True)
class Close:
    """How an established connection ended; code is None when the error was no close."""

    code: int | None
    reason: str
    side: Side
    message: str


@dataclass(frozen=True)
class Refusal:
    """Why a connection was not made."""

    http_status: int | None
    code: int | None
    reason: str


def is_loss(error: BaseException) -> bool:
    """Whether this says that a connection was lost or never made, and not that the model could not do as asked."""
    for link in _chain(error):
        named = {cls.__name__ for cls in type(link).__mro__}  # of livekit.agents, which is no dependency
        if named & {"APIConnectionError", "APITimeoutError"} or isinstance(link, (OSError, EOFError)):
            return True
        if _has(link, "rcvd") or _api_code(link) is not None:
            return True
    return False


def read_close(error: BaseException) -> Close:
    """Read the first close frame from the error's chain. An error that cannot be read is of unknown side."""
    try:
        return _read_close(error)
    except Exception:
        return Close(None, "", "unknown", clean(type(error).__name__, _REASON_BYTES))


def _read_close(error: BaseException) -> Close:
    name = clean(type(error).__name__, _REASON_BYTES)
    for link in _chain(error):
        if not (_has(link, "rcvd") and _has(link, "sent")):
            continue
        received, sent = link.rcvd, link.sent
        if received is not None and (sent is None or getattr(link, "rcvd_then_sent", True) is not False):
            return Close(_code(received), _reason(received), "server", name)
        if sent is not None:
            # A keepalive time-out looks like this: we sent 1011 and heard nothing.
            return Close(_code(sent), _reason(sent), "client", name)
        return Close(ABNORMAL, "", "none", name)
    code = _api_code(error)
    return Close(code, _api_reason(error) if code is not None else "", "unknown", name)


def read_refusal(error: BaseException) -> Refusal:
    """Read the HTTP status of a refused upgrade, or the close frame that came in place of setupComplete."""
    try:
        return _read_refusal(error)
    except Exception:
        return Refusal(None, None, clean(type(error).__name__, _REASON_BYTES))


def _read_refusal(error: BaseException) -> Refusal:
    for link in _chain(error):
        status = getattr(getattr(link, "response", None), "status_code", None)
        if isinstance(status, int) and not isinstance(status, bool):
            return Refusal(status, None, clean(_text(link), _REASON_BYTES))
    for link in _chain(error):
        if (_has(link, "rcvd") and _has(link, "sent")) or _api_code(link) is not None:
            close = read_close(error)
            return Refusal(None, close.code, close.reason)
    return Refusal(None, None, describe_error(_innermost_harmless(error)))


def describe_error(error: Any) -> str:
    """One short line about an error: its class, with its text only where that cannot quote the conversation."""
    if isinstance(error, str):
        return clean(error, 0)
    name = clean(type(error).__name__, _REASON_BYTES)
    if _api_code(error) is not None:
        close = read_close(error)
        return f"{name}: {close.code} {close.reason}".rstrip()
    text = clean(_text(error), _REASON_BYTES) if _is_harmless(error) else ""
    return f"{name}: {text}" if text else name


def _chain(error: BaseException) -> Iterator[Any]:
    seen: list[int] = []
    waiting: list[BaseException] = [error]
    while waiting and len(seen) < _CHAIN_LIMIT:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.append(id(link))
        yield link
        waiting += [e for e in (link.__cause__, link.__context__) if isinstance(e, BaseException)]


def _has(link: Any, name: str) -> bool:
    try:
        return hasattr(link, name)
    except Exception:  # a property that raises
        return False


def _innermost_harmless(error: BaseException) -> BaseException:
    harmless = [link for link in _chain(error) if _is_harmless(link)]
    return harmless[0] if harmless else error


def _is_harmless(error: Any) -> bool:
    module = type(error).__module__ or ""
    if module == "builtins":
        return isinstance(error, _HARMLESS_BUILTINS)
    return module.startswith(_HARMLESS_MODULES)


def _code(frame: Any) -> int:
    return int(frame.code)


def _reason(frame: Any) -> str:
    return clean(frame.reason if isinstance(frame.reason, str) else "", _REASON_BYTES)


def _api_code(error: Any) -> int | None:
    """The close code or status that google-genai put on its error."""
    code = getattr(error, "code", None)
    genai = (type(error).__module__ or "").startswith("google.")
    return code if genai and isinstance(code, int) and not isinstance(code, bool) else None


def _api_reason(error: Any) -> str:
    details = getattr(error, "details", None)  # the reason itself when it was made from a close
    return clean(details if isinstance(details, str) else "", _REASON_BYTES)


def _text(error: Any) -> str:
    try:
        return str(error)
    except Exception:  # a hostile __str__
        return ""
