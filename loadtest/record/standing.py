"""How much of a plan is done: what a run that is taken up again has still to place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.plan.calls import PlannedCall
from loadtest.record.events import Dropped, Ended, Event, Outcome
from loadtest.record.health import read_health
from loadtest.record.layout import RunFolder
from loadtest.record.reader import read_events

__all__ = ["Standing", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What there is on disk of a plan."""

    blocks: int
    """In the plan."""
    complete: int
    """Blocks of which every call has come to an end of its own."""
    rest: tuple[PlannedCall, ...]
    """All calls of the other blocks, in the plan's order: each of these blocks is placed again from its first slot."""
    tried: tuple[str, ...]
    """Ids of those of them of which there is something on disk."""
    last_s: float
    """The last moment of which something is known, run seconds; 0 if nothing is."""

    def next_blocks(self, count: int | None) -> tuple[PlannedCall, ...]:
        """The calls of the next so many blocks of the rest; None: all of it."""
        blocks = list(dict.fromkeys(call.block for call in self.rest))[:count]
        return tuple(call for call in self.rest if call.block in blocks)


def standing(folder: RunFolder, plan: Sequence[PlannedCall]) -> Standing:
    """Look at what every call left. Raises RecordError if something there is unreadable.

    A call that was dropped, or that failed, has its outcome: making up for it would choose among outcomes. One that the
    tester hung up, because the run ended, or that nobody hung up, because the tester was killed, has none.
    """
    samples = read_health(folder.health) if folder.health.exists() else ()
    last_s = max((sample.t_s for sample in samples), default=0.0)
    begun: set[str] = set()
    unfinished: set[int | None] = set()
    for call in plan:
        path = folder.call(call.call_id).events
        events = read_events(path).events if path.exists() else ()
        if path.exists():
            begun.add(call.call_id)
        if not _ended(events):
            unfinished.add(call.block)
        last_s = max([last_s, *(event.t for event in events)])
    rest = tuple(call for call in plan if call.block in unfinished)
    blocks = len({call.block for call in plan})
    return Standing(
        blocks=blocks,
        complete=blocks - len(unfinished),
        rest=rest,
        tried=tuple(call.call_id for call in rest if call.call_id in begun),
        last_s=last_s,
    )


def _ended(events: Sequence[Event]) -> bool:
    return any(
        isinstance(event, Dropped) or (isinstance(event, Ended) and event.outcome is not Outcome.ABORTED)
        for event in events
    )
