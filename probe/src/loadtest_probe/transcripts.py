"""What is said in the call, in words, for a tester that asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadtest_probe.guard import Guard
from loadtest_probe.wire import Message, Transcript

__all__ = ["follow_transcripts"]

_LONGEST = 4000  # characters; a message of the data channel holds no more than 15 kB


def follow_transcripts(
    session: Any,
    report: Callable[[Message], None],
    listen: Callable[[Any, str, Callable[..., None]], None],
    guard: Guard,
) -> None:
    """Report what the session's model takes the callee to have said, and what it says itself.

    listen: takes an emitter, the name of an event and a handler.
    """

    def heard(event: Any) -> None:
        if event.is_final:
            report(Transcript("callee", event.transcript[:_LONGEST]))

    def added(event: Any) -> None:
        if getattr(event.item, "role", None) == "assistant" and event.item.text_content:
            report(Transcript("agent", event.item.text_content[:_LONGEST]))

    listen(session, "user_input_transcribed", guard(heard))
    listen(session, "conversation_item_added", guard(added))
