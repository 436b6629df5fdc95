"""driver.py, with a meter on the probe: prints the CPU time that was spent in it, on stderr.

All of the probe runs below one of these: its guard, its ticker, its log handler, the task that sends, the thread that
writes, or `attach`. CPU time of a thread does not count what others do to a busy machine.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import types
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import driver  # type: ignore[import-not-found]  # its folder is the script's

from loadtest_probe.guard import Guard
from loadtest_probe.plugin_log import PluginLog
from loadtest_probe.sinks import ChannelSink
from loadtest_probe.ticker import Ticker


class Meter:
    """Adds up what is spent in the outermost of nested calls, in the agent's loop and in other threads."""

    def __init__(self) -> None:
        self.loop_s = 0.0
        self.threads_s = 0.0
        self._here = threading.local()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        if getattr(self._here, "nested", False):
            return function(*args)
        self._here.nested = True
        began = time.thread_time()
        try:
            return function(*args)
        finally:
            spent_s = time.thread_time() - began
            self._here.nested = False
            if threading.current_thread() is threading.main_thread():
                self.loop_s += spent_s
            else:
                self.threads_s += spent_s

    def on(self, cls: type, name: str) -> None:
        inner = getattr(cls, name)
        setattr(cls, name, lambda *args: self.call(inner, *args))

    @types.coroutine
    def steps(self, coroutine: Any) -> Generator[Any, Any, None]:
        """Each step of a task."""
        given = None
        while True:
            try:
                awaited = self.call(coroutine.send, given)
            except StopIteration:
                return
            given = yield awaited


meter = Meter()


def put_on_the_probe() -> None:
    meter.on(Guard, "run")
    meter.on(PluginLog, "emit")
    meter.on(Ticker, "_tick")
    attach = driver.attach
    driver.attach = lambda *args, **named: meter.call(lambda: attach(*args, **named))
    inner_call = Guard.__call__

    def guarded(self: Guard, function: Callable[..., Any]) -> Callable[..., None]:
        noticed = inner_call(self, function)
        return lambda *args: meter.call(noticed, *args)

    sending = ChannelSink._run

    async def metered_sending(self: ChannelSink) -> None:
        await meter.steps(sending(self))

    changes: list[tuple[Any, str, Any]] = [
        (Guard, "__call__", guarded),
        (ChannelSink, "_run", metered_sending),
    ]
    for cls, name, changed in changes:
        setattr(cls, name, changed)


if __name__ == "__main__":
    put_on_the_probe()
    asyncio.run(driver.main(Path(sys.argv[1]), *sys.argv[2:]))
    sys.stderr.write(f"spent {meter.loop_s} {meter.threads_s}\n")
