"""Stretches of time, and the agent's speech put together to utterances."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Span", "first_onset", "utterances"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in run seconds; `end_s` is exclusive."""

    start_s: float
    end_s: float

    def meets(self, start_s: float, end_s: float) -> bool:
        """True if the two stretches have a moment in common, their ends included."""
        return self.start_s <= end_s and start_s <= self.end_s

    def holds(self, t_s: float) -> bool:
        return self.start_s <= t_s < self.end_s


def utterances(speech: Iterable[Span], finished_after_s: float, cuts_s: Collection[float] = ()) -> tuple[Span, ...]:
    """Speech with the pauses that do not give up the floor (shorter than `finished_after_s`) closed.

    cuts_s: ends of speech after which everything is another utterance.
    """
    joined: list[Span] = []
    for span in speech:
        if joined and span.start_s - joined[-1].end_s < finished_after_s and joined[-1].end_s not in cuts_s:
            joined[-1] = Span(joined[-1].start_s, span.end_s)
        else:
            joined.append(span)
    return tuple(joined)


def first_onset(speech: Sequence[Span], after_s: float) -> float | None:
    """When the first speech at or after `after_s` begins."""
    return next((span.start_s for span in speech if span.start_s >= after_s), None)
