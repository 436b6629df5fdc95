"""Follows the websockets of a realtime session: made, refused, announced to end, closed."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

from loadtest_probe.closes import read_close, read_refusal
from loadtest_probe.guard import Guard
from loadtest_probe.wire import Closed, Connected, GoAway, Message, Refused

__all__ = ["Connections", "PluginLog"]

PLUGIN_LOGGER = "livekit.plugins.google"
_SEEN = "_loadtest_probe_seen"
_TIME_LEFT = re.compile(r"Time left:\s*([\d.]+)")


class Connections:
    """Counts connection attempts and tells closes from refusals: what fails while none is open was refused."""

    def __init__(self, report: Callable[[Message], None]) -> None:
        self._report = report
        self.n = 0
        self.is_open = False

    def connected(self, setup_ms: float | None, resumed: bool, host: str | None) -> None:
        self.n += 1
        self.is_open = True
        self._report(Connected(self.n, setup_ms, resumed, host))

    def going_away(self, time_left_s: float | None) -> None:
        self.is_open = False  # the plugin drops the connection now and makes another
        self._report(GoAway(self.n, time_left_s))

    def failed(self, error: BaseException, *, connecting: bool = False) -> None:
        """An error of the connection. The plugin logs one error several times: only the first counts."""
        if getattr(error, _SEEN, False):
            return
        setattr(error, _SEEN, True)
        if self.is_open and not connecting:
            self.is_open = False
            close = read_close(error)
            self._report(Closed(self.n, close.code, close.reason, close.side, close.message))
        else:
            self.is_open = False
            self.n += 1
            refusal = read_refusal(error)
            self._report(Refused(self.n, refusal.http_status, refusal.code, refusal.reason))


class PluginLog(logging.Handler):
    """Reads the plugin's own log: the one place where every generation of it tells each close, as it happens.

    A process may serve several sessions: only what `rt_session` itself logs counts, told by the stack of the call.
    """

    def __init__(self, connections: Connections, rt_session: Callable[[], Any], guard: Guard) -> None:
        super().__init__(logging.WARNING)
        self._connections = connections
        self._rt_session = rt_session
        self._guard = guard

    def install(self) -> None:
        logging.getLogger(PLUGIN_LOGGER).addHandler(self)

    def remove(self) -> None:
        logging.getLogger(PLUGIN_LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._guard.run(self._read, record)

    def _read(self, record: logging.LogRecord) -> None:
        if not _is_called_by(self._rt_session()):
            return
        text = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        if text.startswith("Gemini server indicates disconnection soon"):
            left = _TIME_LEFT.search(text)
            self._connections.going_away(float(left.group(1)) if left else None)
        elif error is not None and text.startswith(("error in receive task", "error in send task")):
            self._connections.failed(error)
        elif error is not None and text.startswith("Gemini Realtime API error"):
            self._connections.failed(error, connecting=_raised_while_connecting(error))


def _is_called_by(rt_session: Any) -> bool:
    frame = sys._getframe(1) if rt_session is not None else None
    while frame is not None:
        if frame.f_locals.get("self") is rt_session:
            return True
        frame = frame.f_back
    return False


def _raised_while_connecting(error: BaseException) -> bool:
    """True when the traceback passes through google-genai's connect: a replaced connection leaves no other trace."""
    trace: Any = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == "connect" and code.co_filename.replace("\\", "/").endswith("genai/live.py"):
            return True
        trace = trace.tb_next
    return False
