"""Short words of the agent that take no turn: an "mhm" while the callee speaks."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.measure.speech import Span

__all__ = ["SOONEST_REPLY_S", "backchannels"]

SHORT_S = 0.55
"""An "mhm", a "yeah", an "okay" lasts 0.2 to 0.55 s; sentences are longer."""
APART_S = 0.7
"""Longer than the pause between two sentences of one reply, which is 0.2 to 0.6 s."""
HOLE_S = 2.0
"""What is followed by a longer silence than this was the reply, and the silence is a hole in it."""
SOONEST_REPLY_S = 1.0
"""An agent cannot answer a line sooner than this after its beginning: it takes a pause to hear that it is over.
What it says before that is the rest of what it had to say."""


def backchannels(speech: Sequence[Span], lines: Sequence[Span]) -> tuple[Span, ...]:
    """Those among the agent's speech. lines: the callee's speech, in order.

    A backchannel is short, stands alone, begins within a line, and either ends before the line does or is followed by
    other speech before the callee says the next one. One that runs into the line's end with nothing after it has talked
    over it. Whatever begins after the line is the reply: who hears a word and then nothing hears a reply with a hole.
    """
    found = []
    for i, span in enumerate(speech):
        said = next((n for n in reversed(range(len(lines))) if lines[n].start_s <= span.start_s), None)
        if said is None or span.end_s - span.start_s > SHORT_S:
            continue
        line = lines[said]
        if not line.start_s + SOONEST_REPLY_S <= span.start_s < line.end_s:
            continue
        after_s = speech[i + 1].start_s if i + 1 < len(speech) else float("inf")
        before_s = speech[i - 1].end_s if i else float("-inf")
        if after_s - span.end_s < APART_S or (before_s > line.start_s and span.start_s - before_s < APART_S):
            continue
        next_s = lines[said + 1].start_s if said + 1 < len(lines) else float("inf")
        goes_on = after_s < next_s and after_s - span.end_s <= HOLE_S
        if span.end_s <= line.end_s or goes_on:
            found.append(span)
    return tuple(found)
