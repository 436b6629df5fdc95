"""A call of a fault in words: what the callee heard, what the tool called it, what became of the agent."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.measure.tables import CallRows, Row

__all__ = ["called", "heard", "survived"]


def heard(rows: CallRows, struck: Row | None) -> str:
    """What whoever was on the phone noticed."""
    (call,) = rows.calls
    told = []
    if call["greeting_s"] is None:
        told.append("no greeting")
    elif (call["greeting_latency_ms"] or 0) > 3000:
        told.append(f"greeting after {call['greeting_latency_ms'] / 1000:.1f} s")
    script = [turn for turn in rows.turns if turn["kind"] == "script"]
    lost = [turn for turn in script if turn["lost"]]
    gaps = [gap for gap in rows.gaps if gap["kind"] == "dead_air"]
    if lost:
        longest = max((gap["gap_ms"] for gap in gaps), default=0.0) / 1000
        to_the_end = any(gap["censored"] for gap in gaps)
        last = " to the end" if to_the_end else ""
        told.append(f"{_count(len(lost), 'turn')} lost, {longest:.0f} s of silence{last}")
    if any(turn["truncated"] for turn in script):
        told.append("a reply broken off")
    holes = [gap for gap in rows.gaps if gap["kind"] == "mid_reply"]
    if holes:
        told.append(f"{_count(len(holes), 'hole')}, {max(gap['gap_ms'] for gap in holes) / 1000:.1f} s")
    labels = sorted({label for turn in rows.turns for label in (turn["labels"] or "").split("; ")} - {"", "hole"})
    told += [label.replace("_", " ") for label in labels]
    waited = [turn["latency_ms"] for turn in script if turn["latency_ms"] is not None]
    if len(waited) > 1 and max(waited) > min(waited) + 1000:
        told.append(f"replies after {min(waited) / 1000:.1f} to {max(waited) / 1000:.1f} s")
    if struck is None and not told and not script:
        told.append("nothing")
    return "; ".join(told) or "nothing amiss"


def called(rows: CallRows, struck: Row | None) -> str:
    """Causes, and closes as they stand in the tables."""
    causes = sorted({gap["cause"] for gap in rows.gaps})
    told = [", ".join(causes)] if causes else []
    told += [_close(close) for close in rows.closes]
    if len(told) > 4:
        told = [*told[:3], f"{len(told) - 3} more"]
    return "; ".join(told) or "-"


def _close(close: Row) -> str:
    what = f"HTTP {close['http_status']}" if close["http_status"] is not None else str(close["code"] or "no code")
    words = [
        what,
        close["side"],
        close["phase"],
        "resumed" if close["resumed"] else "",
        "" if close["audible"] else "inaudible",
    ]
    return " ".join(word for word in words if word)


def survived(rows: CallRows, struck_s: float | None) -> str:
    """Whether the agent went on: it spoke again, stayed without a word, or left."""
    (call,) = rows.calls
    if call["end_cause"] in {"agent_hangup", "room_closed"} or call["outcome"] == "agent_left":
        return "left"
    if struck_s is None:
        return "yes"
    spoke = _spoke_after(rows.turns, struck_s) or (call["greeting_s"] or 0.0) > struck_s
    return "yes" if spoke else "silent"


def _spoke_after(turns: Sequence[Row], at_s: float) -> bool:
    return any((turn["reply_end_s"] or 0.0) > at_s + 1.0 for turn in turns)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
