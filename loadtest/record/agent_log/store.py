"""Facts of a log as lines of JSON, and back: what stays of it in a run's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from loadtest.errors import NewerError, RecordError
from loadtest.record.agent_log.facts import (
    CalleeGone,
    CalleeThere,
    Fact,
    Ids,
    Job,
    JobOver,
    LoopWatch,
    Said,
    Spoken,
    TurnOver,
)
from loadtest.record.agent_log.stamps import Stamp
from loadtest_probe import wire

__all__ = ["VERSION", "fact_line", "read_fact", "read_facts"]

VERSION: Final = 1
_KINDS: Final[dict[str, type[Said]]] = {
    "job": Job,
    "callee_there": CalleeThere,
    "callee_gone": CalleeGone,
    "job_over": JobOver,
    "spoken": Spoken,
    "turn_over": TurnOver,
    "loop_watch": LoopWatch,
    "connected": wire.Connected,
    "closed": wire.Closed,
    "go_away": wire.GoAway,
    "refused": wire.Refused,
    "session_closed": wire.SessionClosed,
    "agent_lag": wire.AgentLag,
    "tool": wire.Tool,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def fact_line(fact: Fact) -> str:
    """One JSON object without line breaks; what is not told is left out."""
    ids = {key: value for key, value in asdict(fact.ids).items() if value is not None}
    at = None if fact.at is None else {"clock": fact.at.kind, "s": fact.at.s, "resolution_s": fact.at.resolution_s}
    said = {key: value for key, value in asdict(fact.said).items() if value is not None and key != "n"}
    body = {"type": _NAMES[type(fact.said)], "file": fact.file, "line": fact.line, **ids, "at": at, **said}
    marks = {key: True for key in ("repeats", "elsewhere") if getattr(fact, key)}
    return json.dumps({**body, **marks}, separators=(",", ":"))


def read_fact(line: str) -> Fact | None:
    """Read one fact; None for a type that this version does not know. Raises ValueError if it is none."""
    body = json.loads(line)
    kind = _KINDS.get(body["type"])
    if kind is None:
        return None
    try:
        at = body["at"]
        said: dict[str, Any] = {f.name: body.get(f.name, 0 if f.name == "n" else None) for f in fields(kind)}
        return Fact(
            file=body["file"],
            line=body["line"],
            at=None if at is None else Stamp(at["clock"], at["s"], at["resolution_s"]),
            said=kind(**said),
            ids=Ids(**{f.name: body.get(f.name) for f in fields(Ids)}),
            repeats=body.get("repeats", False),
            elsewhere=body.get("elsewhere", False),
        )
    except (KeyError, TypeError) as e:
        raise ValueError(f"no fact of an agent's log: {e}") from e


def read_facts(path: Path) -> Iterator[Fact]:
    """The facts of a run's agent-log.jsonl, in its order. Raises RecordError."""
    try:
        with path.open() as file:
            for number, line in enumerate(file, start=1):
                body = json.loads(line)
                if number == 1:
                    if body["version"] > VERSION:
                        raise NewerError(str(path), body["version"], VERSION)
                elif (fact := read_fact(line)) is not None:
                    yield fact
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise RecordError(
            f"{path}: cannot be read: {e}", remedy="Read the log again: `loadtest measure RUN --agent-log FILE`."
        ) from e
