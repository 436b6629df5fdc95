"""The probe must never hurt the agent: whatever goes wrong inside it stays inside it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

__all__ = ["Guard"]

logger = logging.getLogger("loadtest_probe")


class Guard:
    """Wraps callbacks so that they never raise. Of one probe's failures the first is logged, at debug."""

    def __init__(self) -> None:
        self._told = False

    def __call__(self, function: Callable[..., Any]) -> Callable[..., None]:
        def guarded(*args: Any) -> None:
            self.run(function, *args)

        return guarded

    def run(self, function: Callable[..., Any], *args: Any) -> None:
        """Call now; errors are kept."""
        try:
            function(*args)
        except Exception as error:
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        """Take note of an error that was kept from the agent."""
        if self._told:
            return
        self._told = True
        with contextlib.suppress(Exception):
            logger.debug("the probe failed and goes on as it can: %s", type(error).__name__, exc_info=error)
