"""Follows the websockets of a realtime session: made, refused, announced to end, closed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from loadtest_probe.budget import Budget
from loadtest_probe.closes import read_close, read_refusal
from loadtest_probe.wire import Closed, Connected, GoAway, Message, Phase, Refused, Repeated

__all__ = ["Connections"]

_SEEN = "_loadtest_probe_seen"
_TELL_EVERY_S = 1.0
_DIFFERENT_ENDS = 16


class Connections:
    """Counts connection attempts and tells closes from refusals: what fails while none is open was refused.

    Attempts beyond the budget are counted and told together, every `_TELL_EVERY_S`; the last one, if it holds so long,
    is told after all. phase: what the model is at now.
    """

    def __init__(
        self,
        report: Callable[..., None],
        phase: Callable[[], Phase] = lambda: "idle",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._phase = phase
        self._now = now
        self._budget = Budget(now=now)
        self._held: tuple[float, Connected] | None = None
        self._untold = _Untold()
        self.n = 0
        self.is_open = False

    def connected(self, setup_ms: float | None, resumed: bool, host: str | None, model: str | None = None) -> None:
        if self._held is not None:
            self._end_held("replaced")
        self.n += 1
        self.is_open = True
        message = Connected(self.n, setup_ms, resumed, host, model)
        if self._budget.take():
            self._tell(message)
        else:
            self._held = (self._now(), message)
            self._untold.began(self.n, self._now() - (setup_ms or 0.0) / 1000)

    def going_away(self, time_left_s: float | None) -> None:
        self.is_open = False  # the plugin drops the connection now and makes another
        if self._held is not None:
            self._end_held("go_away")
        else:
            self._tell(GoAway(self.n, time_left_s))

    def failed(self, error: BaseException, *, connecting: bool = False) -> None:
        """An error of the connection. The plugin logs one error several times: only the first counts."""
        if getattr(error, _SEEN, False):
            return
        with contextlib.suppress(Exception):
            setattr(error, _SEEN, True)
        was_open, self.is_open = self.is_open, False
        if was_open and not connecting:
            close = read_close(error)
            if self._held is not None:
                self._end_held("closed", close.code, close.side, None, close.reason)
            else:
                self._tell(Closed(self.n, close.code, close.reason, close.side, close.message, self._phase_now()))
            return
        if self._held is not None:
            self._end_held("replaced")
        self.n += 1
        refusal = read_refusal(error)
        if self._budget.take():
            self._tell(Refused(self.n, refusal.http_status, refusal.code, refusal.reason))
        else:
            self._untold.began(self.n, self._now())
            self._untold.ended("refused", refusal.code, None, refusal.http_status, refusal.reason, False, 0.0)

    def look(self) -> None:
        """Tell what is due to be told by now."""
        if self._untold.is_due(self._now()):
            self.flush()

    def flush(self) -> None:
        """Tell all that there is."""
        held, self._held = self._held, None
        if held is not None:
            self._untold.taken_back()
        if self._untold.count:
            self._report(self._untold.message(self._now()))
        self._untold = _Untold()
        if held is not None:
            self._report(held[1], held[0])

    def _phase_now(self) -> Phase | None:
        try:
            return self._phase()
        except Exception:  # another generation of the plugin
            return None

    def _tell(self, message: Message) -> None:
        if self._untold.count:
            self.flush()
        self._report(message)

    def _end_held(
        self,
        end: str,
        code: int | None = None,
        side: str | None = None,
        http_status: int | None = None,
        reason: str = "",
    ) -> None:
        held, self._held = self._held, None
        if held is not None:
            ready_s, message = held
            self._untold.ended(end, code, side, http_status, reason, message.resumed, self._now() - ready_s)


class _Untold:
    """Attempts that were not told one by one."""

    def __init__(self) -> None:
        self.count = 0
        self._first_n = 0
        self._since = 0.0
        self._ends: dict[tuple[Any, ...], dict[str, Any]] = {}

    def began(self, n: int, at: float) -> None:
        if not self.count:
            self._first_n, self._since = n, at
        self.count += 1

    def taken_back(self) -> None:
        """The last one is told after all."""
        self.count -= 1

    def ended(
        self,
        end: str,
        code: int | None,
        side: str | None,
        http_status: int | None,
        reason: str,
        resumed: bool | None,
        open_s: float,
    ) -> None:
        key: tuple[Any, ...] = (end, code, side, http_status, resumed)
        if key not in self._ends and len(self._ends) >= _DIFFERENT_ENDS:
            key = next(iter(self._ends))
        named = {"end": end, "code": code, "side": side, "http_status": http_status, "resumed": resumed}
        entry = self._ends.setdefault(key, {**named, "count": 0, "open_s": 0.0})
        entry["reason"] = reason
        entry["count"] += 1
        entry["open_s"] = round(entry["open_s"] + open_s, 6)

    def is_due(self, now: float) -> bool:
        return self.count > 0 and now - self._since >= _TELL_EVERY_S

    def message(self, now: float) -> Repeated:
        last_n = self._first_n + self.count - 1
        return Repeated(self._first_n, last_n, round(now - self._since, 6), list(self._ends.values()))
