"""What is recorded of a call, and told of it while it goes on."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.call.ends import CallEnd
from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock
from loadtest.errors import LoadtestError, RecordError
from loadtest.record.events import CallFailed, CallStarted, EndCause, Event, Outcome
from loadtest.record.layout import CallFolder
from loadtest.record.writer import EventWriter

__all__ = ["CallEvents"]


class CallEvents:
    """One call's events. Raises RecordError if there can be none.

    progress: is told every event, also those that could not be written. lost: is told how the call ends because of
    the first of those.
    """

    def __init__(
        self,
        folder: CallFolder,
        clock: RunClock,
        *,
        progress: Callable[[Event], None],
        lost: Callable[[CallEnd], None],
    ) -> None:
        self._writer = EventWriter(folder.events)
        self._clock = clock
        self._progress = progress
        self._lost = lost
        self.complete = True
        """Every event could be written."""
        self.unwritable: str | None = None
        """What could not be written into the results folder, if anything."""

    def emit(self, event: Event) -> None:
        if self.complete:
            try:
                self._writer.add(event)
            except RecordError as e:
                # Callers are often callbacks of the SDK, which would swallow the error. What would be written after
                # the hole could not be trusted: what is on disk stays the beginning of the call.
                self.complete = False
                self.unwritable = e.message
                self._lost(CallEnd(Outcome.TESTER_ERROR, EndCause.TESTER, e.message))
        self._progress(event)

    def started(self, spec: CallSpec, process: str) -> None:
        call = spec.call
        self.emit(
            CallStarted(
                t=self._clock.now(),
                call_id=call.call_id,
                arm=call.arm,
                block=call.block,
                slot=call.slot,
                due_s=call.due_s,
                process=process,
                number=call.number,
                room=spec.room,
                ring_s=call.ring_s,
                pickup=call.pickup.value,
                patience_s=call.patience_s,
            )
        )

    def failed(self, error: BaseException, outcome: Outcome) -> CallEnd:
        """How a call ends for an error of ours, which is told with it."""
        message = error.message if isinstance(error, LoadtestError) else str(error)
        if isinstance(error, RecordError):
            self.unwritable = message
        self.emit(CallFailed(t=self._clock.now(), error=type(error).__name__, message=message))
        return CallEnd(outcome, EndCause.TESTER, message)

    def close(self) -> None:
        self._writer.close()
