"""Everybody who follows the calls in progress, told by the fleet through one listener."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.call.spec import CallSpec
from loadtest.errors import RecordError
from loadtest.record.events import Event, Outcome
from loadtest.run.ending import Ending
from loadtest.run.health import HealthSampler
from loadtest.run.live import LiveWatch
from loadtest.run.progress import Tally
from loadtest.run.switchboard import Switchboard

__all__ = ["Followers"]


@dataclass(slots=True, kw_only=True)
class Followers:
    """Passes on what happens in the fleet. Warm-up calls are in no tally."""

    tally: Tally
    ending: Ending
    warn: Callable[[str], None]
    live: LiveWatch
    switchboard: Switchboard | None = None
    sampler: HealthSampler | None = None
    """There from the first dial on."""
    warmups: dict[str, Outcome] = field(default_factory=dict)
    """Of the warm-up calls that are over, by call id."""

    def call_event(self, call: CallSpec, event: Event) -> None:
        if self.switchboard is not None:
            self.switchboard.call_event(call, event)
        self.live.event(call, event)
        if not call.warmup:
            self.tally.event(call, event)

    def call_released(self, call: CallSpec, outcome: Outcome) -> None:
        if self.switchboard is not None:
            self.switchboard.call_released(call)
        self.live.released(call)
        if call.warmup:
            self.warmups[call.call.call_id] = outcome
        else:
            self.tally.released(call, outcome)

    def process_lagged(self, process: str, lag_ms: float) -> None:
        if self.sampler is not None:
            self.sampler.lagged(process, lag_ms)

    def process_late(self, process: str, frames: int) -> None:
        if self.sampler is not None:
            self.sampler.late(process, frames)

    def process_died(self, process: str, what: str) -> None:
        self.warn(f"{what[0].upper()}{what[1:]}; the calls that it was in are errors of the tester.")

    def unwritable(self, message: str) -> None:
        self.ending.cannot_write(
            RecordError(message, remedy="Make room, or give --results a folder that can be written, and run again.")
        )
