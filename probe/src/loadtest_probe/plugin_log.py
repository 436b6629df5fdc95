"""The Google plugin's own log: the one place where every generation of it tells each close, as it happens."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

from loadtest_probe.connections import Connections
from loadtest_probe.guard import Guard

__all__ = ["PluginLog", "raised_while_connecting"]

PLUGIN_LOGGER = "livekit.plugins.google"
_TIME_LEFT = re.compile(r"Time left:\s*([\d.]+)")


class PluginLog(logging.Handler):
    """Reads closes, refusals and goAway from the plugin's log.

    A process may serve several sessions: only what `rt_session` itself logs counts, told by the stack of the call.
    """

    def __init__(self, connections: Connections, rt_session: Callable[[], Any], guard: Guard) -> None:
        super().__init__(logging.WARNING)
        self._connections = connections
        self._rt_session = rt_session
        self._guard = guard
        self._thread = threading.get_ident()

    def install(self) -> None:
        logging.getLogger(PLUGIN_LOGGER).addHandler(self)

    def remove(self) -> None:
        logging.getLogger(PLUGIN_LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._guard.run(self._read, record)

    def _read(self, record: logging.LogRecord) -> None:
        # Each of a thread worker's jobs has a loop of its own, and a session must be left to its loop's thread.
        if threading.get_ident() != self._thread or not _is_called_by(self._rt_session()):
            return
        text = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        if text.startswith("Gemini server indicates disconnection soon"):
            left = _TIME_LEFT.search(text)
            self._connections.going_away(float(left.group(1)) if left else None)
        elif error is not None and text.startswith(("error in receive task", "error in send task")):
            self._connections.failed(error)
        elif error is not None and text.startswith("Gemini Realtime API error"):
            self._connections.failed(error, connecting=raised_while_connecting(error))


def _is_called_by(rt_session: Any) -> bool:
    frame = sys._getframe(1) if rt_session is not None else None
    while frame is not None:
        if frame.f_locals.get("self") is rt_session:
            return True
        frame = frame.f_back
    return False


def raised_while_connecting(error: BaseException) -> bool:
    """True when the traceback passes through google-genai's connect: a replaced connection leaves no other trace."""
    trace: Any = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == "connect" and code.co_filename.replace("\\", "/").endswith("genai/live.py"):
            return True
        trace = trace.tb_next
    return False
