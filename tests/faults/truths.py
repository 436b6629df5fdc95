"""What the simulator did to each call, by its log: the judge may look there, the measurement never does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.record.layout import RunFolder

__all__ = ["Strike", "strikes"]


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault that was injected. at_s: run time; connection: of the call, from 1; phase: as the simulator saw it."""

    fault: str
    at_s: float
    connection: int
    phase: str


def strikes(folder: RunFolder) -> Mapping[str, tuple[Strike, ...]]:
    """By id of the call, in order of time."""
    connections: Counter[str] = Counter()
    number: dict[str, int] = {}
    found: dict[str, list[Strike]] = {}
    for text in (folder.truth / "gemini.jsonl").read_text().splitlines():
        line = json.loads(text)
        call_id, connection_id = line.get("call_id"), line["connection_id"]
        if call_id is None:
            continue
        if connection_id not in number:
            connections[call_id] += 1
            number[connection_id] = connections[call_id]
        if line["type"] == "fault":
            strike = Strike(line["fault"], line["t"], number[connection_id], line["phase"])
            found.setdefault(call_id, []).append(strike)
    return {call_id: tuple(sorted(of, key=lambda one: one.at_s)) for call_id, of in found.items()}
