"""What an entry's text and traceback say about a websocket: who closed it, with which code, or why there was none.

google-genai tells a close as `APIError: <code> None. <reason>`, with the code of the frame that it received, or 1006.
websockets, further up in the traceback, tells both sides: `received 1011 (internal error) X; then sent 1011 ...`.
"""

from __future__ import annotations

import re
from typing import Final

from loadtest.record.agent_log.entries import Entry
from loadtest_probe import wire

__all__ = ["closed", "goes_through", "quoted", "refused"]

_API = re.compile(r"(?:^|: )(\d{4}) None\. ?(.*)")
_FRAME: Final = r"(\d{4}) (?:\([^)]*\)|\[[^\]]*\])(?: (.*?))?"
_FIRST = re.compile(
    rf"ConnectionClosed(?:Error|OK): (?:(received|sent) {_FRAME}; (?:then|no close)|no close frame)", re.MULTILINE
)
_HTTP = re.compile(r"server rejected WebSocket connection: HTTP (\d{3})")
_HINT = re.compile(r"(?: This (?:often|may|usually)|\s*Hint:|\n).*", re.DOTALL)
_KEEPALIVE: Final = "keepalive ping timeout"
_ABNORMAL: Final = 1006
_MOST: Final = 123
"""Bytes that a close frame can carry; of other texts no more is kept either."""


def closed(entry: Entry) -> wire.Closed:
    """How an established connection ended, by an `error in receive task` or `error in send task`."""
    api = _API.search(entry.message)
    frames = _FIRST.search(entry.trace) or _FIRST.search(entry.message)
    if frames is not None:
        who, code, reason = frames.groups()
        if who is None:
            return wire.Closed(0, _ABNORMAL, "", "none", "")
        return wire.Closed(0, int(code), quoted(reason or ""), "server" if who == "received" else "client", "")
    if api is None:
        return wire.Closed(0, None, "", "unknown", quoted(entry.message.partition(": ")[2]))
    code, reason = int(api[1]), quoted(api[2])
    if _KEEPALIVE in reason:
        return wire.Closed(0, code, reason, "client", "")
    # 1006 stands for no frame received: without the traceback nothing tells whether the client had sent one.
    return wire.Closed(0, code, "" if code == _ABNORMAL else reason, "unknown" if code == _ABNORMAL else "server", "")


def refused(entry: Entry) -> wire.Refused:
    """Why a connection was not made, by a `Gemini Realtime API error`."""
    text = f"{entry.message}\n{entry.trace}"
    if (status := _HTTP.search(text)) is not None:
        return wire.Refused(0, int(status[1]), None, status[0])
    as_closed = closed(entry)
    if as_closed.code is None:
        return wire.Refused(0, None, None, quoted(entry.message.partition(": ")[2]))
    return wire.Refused(0, None, as_closed.code, as_closed.reason)


def goes_through(entry: Entry, *functions: str) -> bool:
    """The traceback passes through one of these functions of google-genai's live client, or of the plugin."""
    return any(
        f", in {name}\n" in f"{entry.trace}\n" and ("genai/live.py" in entry.trace or "realtime_api.py" in entry.trace)
        for name in functions
    )


def quoted(text: str) -> str:
    """A reason on one line and of no more length than a close frame's; the plugin's advice behind it left out."""
    line = " ".join(_HINT.sub("", text).split())
    return line.encode()[:_MOST].decode(errors="ignore")
