"""Following a run while it lasts: one line that rewrites itself on a terminal, plain lines elsewhere.

Its latencies are the callees' provisional estimates; none of them reaches a table.
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadtest.call.spec import CallSpec
from loadtest.record.events import Answered, CallStarted, Event, Heard, LineEnded, Outcome

__all__ = ["PlainProgress", "Progress", "Tally", "TerminalProgress", "progress_for"]


class Tally:
    """Counts what the callees report, by arm."""

    def __init__(self, planned: Mapping[str, int]) -> None:
        self.planned = dict(planned)
        self.dialled: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.latencies_s: dict[str, list[float]] = defaultdict(list)
        self._awaiting: dict[str, float] = {}

    def event(self, call: CallSpec, event: Event) -> None:
        arm, call_id = call.call.arm, call.call.call_id
        match event:
            case CallStarted():
                self.dialled[arm] += 1
            case Answered():
                self.answered[arm] += 1
            case LineEnded(turn=turn, t=t) if turn is not None:
                self._awaiting[call_id] = t
            case Heard(speaking=True, t=t) if call_id in self._awaiting:
                self.latencies_s[arm].append(t - self._awaiting.pop(call_id))
            case _:
                pass

    def released(self, call: CallSpec, outcome: Outcome) -> None:
        self.outcomes[call.call.arm][outcome.value] += 1
        self._awaiting.pop(call.call.call_id, None)

    def ended(self, arm: str) -> int:
        """Calls of the arm that are over or were dropped."""
        return self.outcomes[arm].total() + self.dropped[arm]

    def done(self) -> int:
        return sum(self.ended(arm) for arm in self.planned)

    def arm_text(self, arm: str) -> str:
        """One arm's state in a phrase."""
        outcomes = self.outcomes[arm]
        other = outcomes.total() - outcomes[Outcome.COMPLETED.value]
        latencies = self.latencies_s[arm]
        median = f"{statistics.median(latencies):.1f} s" if latencies else "–"
        parts = [f"{self.ended(arm)}/{self.planned[arm]} calls", f"{self.answered[arm]} answered"]
        if other:
            parts.append(f"{other} not completed")
        if self.dropped[arm]:
            parts.append(f"{self.dropped[arm]} dropped")
        return ", ".join([*parts, f"reply ~{median} (provisional, n={len(latencies)})"])


class Progress(Protocol):
    """How a run tells what it is doing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...

    def stage(self, text: str) -> None:
        """A new stage of the run has begun."""

    def update(self, tally: Tally, active: int, now_s: float) -> None:
        """Something changed, or time has passed."""


class PlainProgress:
    """A line now and then, for logs and pipes."""

    EVERY_S = 15.0

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        pass

    def stage(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, tally: Tally, active: int, now_s: float) -> None:
        if now_s < self._next_s:
            return
        self._next_s = now_s + self.EVERY_S
        arms = " | ".join(f"{arm}: {tally.arm_text(arm)}" for arm in tally.planned)
        self.stage(f"{_clock(now_s)}  {active} active  {arms}")


class TerminalProgress:
    """A small live table."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._console = console

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self._live.stop()

    def stage(self, text: str) -> None:
        self._console.print(Text(text, style="dim"))

    def update(self, tally: Tally, active: int, now_s: float) -> None:
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(_clock(now_s), style="bold"), Text(f"{active} calls in progress"))
        for arm in tally.planned:
            table.add_row(Text(arm, style="cyan"), Text(tally.arm_text(arm)))
        table.add_row("", Text("Ctrl-C hangs up and measures what there is; twice stops at once.", style="dim"))
        self._live.update(table, refresh=True)


def progress_for(console: Console) -> Progress:
    """The form of progress that suits where it is shown."""
    return TerminalProgress(console) if console.is_terminal and sys.stderr.isatty() else PlainProgress(console)


def _clock(seconds: float) -> str:
    return f"{int(max(seconds, 0)) // 60:2d}:{int(max(seconds, 0)) % 60:02d}"
