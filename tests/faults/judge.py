"""Holds what was measured in a call against what its fault should look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from loadtest.measure.speech import Span
from loadtest.measure.tables import CallRows, Row
from loadtest.record.quota import says_quota
from tests.faults.evidence import Evidence
from tests.faults.heard import called, heard, survived
from tests.faults.truths import Strike

__all__ = ["Verdict", "cracks", "false_alarms", "judge", "wrong_causes"]

Way = Mapping[str, Any]
NEVER_STRUCK = "never struck"
OF_AGENT_ALONE = {"truncated", "resumed", "audible", "setup_ms"}
"""What the agent's log may leave unknown without being wrong: it does not tell."""
ENDS = {"close": "ws_close", "goaway": "goaway", "refused": "refused", "hangup": "none", "run_end": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One call of a fault, by one kind of evidence."""

    call_id: str
    fault: str
    plugin: str
    evidence: Evidence
    valid: bool
    """The tester was well while it lasted: else it is not judged."""
    audible: bool
    """Somebody on the phone can notice it."""
    agrees: bool
    differences: tuple[str, ...]
    """What was expected, and what was found."""
    wrong: tuple[str, ...]
    """Causes that are not the fault's."""
    heard: str
    called: str
    survived: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge(
    fault: str,
    plugin: str,
    evidence: Evidence,
    rows: CallRows,
    strikes: Sequence[Strike],
    expected: Mapping[str, Any],
    variant: str | None,
) -> Verdict:
    """expected: the fault's entry in expected.yaml. variant: the form of the fault that was asked for."""
    call = rows.calls[0]
    own = next((s for s in strikes if s.fault == fault), None)
    ways = [{**way, **_every(way, expected)} for way in expected.get(plugin, expected["ways"])]
    first = strikes[0] if strikes else None
    struck = None if first is None else _struck(rows, first)
    tried: list[tuple[Way, tuple[str, ...]]] = []
    if own is not None:
        tried = [
            (way, tuple(_differences(way, rows, struck, own, evidence)))
            for way in ways
            if _may_be(way.get("when", {}), own, variant)
        ]
    way, differences = min(tried, key=lambda one: len(one[1]), default=(ways[0], (NEVER_STRUCK,)))
    wrong = wrong_causes(rows, _allowed(ways, strikes)) if evidence != "acoustic" else wrong_causes(rows, set())
    script = [turn for turn in rows.turns if turn["kind"] == "script"]
    return Verdict(
        call_id=call["call_id"],
        fault=fault,
        plugin=plugin,
        evidence=evidence,
        # A gap may go on beyond what its turn is judged by.
        valid=all(_valid(row) for row in (*script, call)) and all(gap["cause"] != "tester" for gap in rows.gaps),
        audible=bool(way.get("audible", True)),
        agrees=not differences and not wrong,
        differences=differences,
        wrong=tuple(wrong),
        heard=heard(rows, struck),
        called=called(rows, struck),
        survived=survived(rows, strikes[0].at_s if strikes else None),
    )


def _valid(row: Row) -> bool:
    """An agent that leaves in the middle of a line is no fault of the tester's."""
    return bool(row["valid"]) or set((row["invalid_reason"] or "").split("; ")) <= {"call_ended_first"}


def cracks(rows: CallRows, stood_still: Sequence[Span]) -> list[int]:
    """Turns whose cracks are the agent's own: its event loop stood still, and what it was sending broke off."""
    found = []
    for turn, behind in zip_longest(rows.turns, rows.turns[1:]):
        end_s = float("inf") if behind is None else behind["speech_start_s"]
        if "click" in _labels(turn) and any(span.meets(turn["speech_start_s"], end_s) for span in stood_still):
            found.append(turn["turn"])
    return found


def false_alarms(rows: CallRows, stood_still: Sequence[Span] = ()) -> list[str]:
    """What was found in a call to which nothing happened. stood_still: when the agent's event loop did."""
    own = cracks(rows, stood_still)
    found = [
        f"turn {turn['turn']}: {turn['outcome']}"
        for turn in rows.turns
        if turn["outcome"] != "answered" or turn["kind"] != "script"
    ]
    found += [
        f"turn {turn['turn']}: {label}"
        for turn in rows.turns
        for label in _labels(turn)
        if label != "click" or turn["turn"] not in own
    ]
    found += [f"turn {turn['turn']}: put down to {turn['close_id']}" for turn in rows.turns if turn["close_id"]]
    found += [f"turn {gap['turn']}: {gap['kind']}, {gap['cause']}" for gap in rows.gaps]
    found += [f"{close['close_id']}: {close['code']} {close['phase']}" for close in rows.closes]
    (call,) = rows.calls
    if call["outcome"] != "completed" or call["greeting_s"] is None:
        found.append(f"call {call['outcome']}")
    return found


def wrong_causes(rows: CallRows, allowed: set[str]) -> list[str]:
    """Causes that are neither allowed nor an admission that nothing is known, or that the tester was late."""
    known = {*allowed, "unknown", "tester"}
    return [f"turn {gap['turn']}: {gap['cause']}" for gap in rows.gaps if gap["cause"] not in known]


def _every(way: Way, expected: Mapping[str, Any]) -> dict[str, Any]:
    more = expected.get("every_way", {})
    return (
        {"close": {**more.get("close", {}), **way["close"]}} if more and isinstance(way.get("close"), Mapping) else {}
    )


def _may_be(when: Mapping[str, Any], own: Strike, variant: str | None) -> bool:
    if "phase" in when and own.phase not in when["phase"]:
        return False
    if "connect" in when and when["connect"] != ("first" if own.connection == 1 else "later"):
        return False
    return "variant" not in when or when["variant"] == variant


def _allowed(ways: Sequence[Way], strikes: Sequence[Strike]) -> set[str]:
    causes = {cause for way in ways if isinstance(way.get("cause"), list) for cause in way["cause"]}
    # A fault of reconnects needs a close that makes one.
    return causes | {"ws_close" for strike in strikes if strike.fault == "F1"}


def _struck(rows: CallRows, strike: Strike) -> Row | None:
    """The script turn that was in progress, or whose reply was; None before the first."""
    if strike.phase == "callee_speaking":
        begun = [turn for turn in rows.turns if turn["speech_start_s"] <= strike.at_s + 0.5]
    else:
        begun = [turn for turn in rows.turns if turn["speech_end_s"] <= strike.at_s + 0.3]
    script = [turn for turn in begun if turn["kind"] == "script"]
    return script[-1] if script else None


def _differences(way: Way, rows: CallRows, struck: Row | None, strike: Strike, evidence: Evidence) -> Iterator[str]:
    (call,) = rows.calls
    script = [turn for turn in rows.turns if turn["kind"] == "script"]
    outcomes = set(way.get("call", ["completed"]))
    if evidence == "acoustic" and "agent_silent" in outcomes:
        outcomes.add("agent_left")  # that its endpoint refused it, only the agent can tell
    if call["outcome"] not in outcomes:
        yield f"call: expected {' or '.join(sorted(outcomes))}; found {call['outcome']}"
    if way.get("which") == "lost":
        struck = next((turn for turn in script if turn["lost"] and turn["speech_end_s"] > strike.at_s - 5), struck)
    yield from _turn_differences(way, struck, script, evidence)
    yield from _around(way, struck, script)
    if "agent_silent" not in outcomes and call["greeting_s"] is None:
        yield "greeting: expected one; found none"
    if way.get("greeting_later") and not (call["greeting_latency_ms"] or 0) > 3000:
        yield f"greeting: expected one after more than 3 s; found {call['greeting_latency_ms']} ms"
    if way.get("replies_later"):
        waited = [turn["latency_ms"] for turn in script if turn["latency_ms"] is not None]
        if len(waited) < 2 or waited != sorted(waited):
            yield f"replies: expected each later than the one before; found {waited}"
    yield from _cause_differences(way, rows, struck, evidence)
    if evidence != "acoustic":
        yield from _close_differences(way, rows, strike, evidence)
        yield from _connection_differences(way, rows, strike, evidence)
    elif rows.closes:
        yield "close: found one that nobody can hear"


def _turn_differences(way: Way, struck: Row | None, script: Sequence[Row], evidence: Evidence) -> Iterator[str]:
    wanted = way.get("turn")
    if wanted is None:
        return
    if wanted == "none":
        odd = [t for t in script if t is struck and (t["outcome"] != "answered" or t["truncated"] or t["labels"])]
        if odd:
            yield f"turn: expected nothing; found {_told(odd[0])}"
        return
    if struck is None:
        yield "turn: expected one that was struck; found none"
        return
    if struck["outcome"] not in wanted["outcome"]:
        yield f"turn: expected {' or '.join(map(str, wanted['outcome']))}; found {struck['outcome']}"
    for name in ("lost", "truncated"):
        if name in wanted and struck[name] != wanted[name]:
            if evidence != "probe" and name in OF_AGENT_ALONE and struck[name] is None:
                continue
            yield f"{name}: expected {wanted[name]}; found {struck[name]}"
    has = _labels(struck)
    for label in wanted.get("labels", ()):
        # What comes of a lost turn is heard behind it.
        behind = [] if label != "second_greeting" else [t["labels"] or "" for t in script if t["turn"] > struck["turn"]]
        if label not in has and not any(label in of for of in behind):
            if evidence != "probe" and label == "near_zero":
                continue  # softer than a codec keeps: the turn is lost, which is what is heard of it
            yield f"labels: expected {label}; found {struck['labels']}"


def _around(way: Way, struck: Row | None, script: Sequence[Row]) -> Iterator[str]:
    """The script turns before, and behind, the one that was struck."""
    number = -1 if struck is None else struck["turn"]
    before = [turn for turn in script if turn["turn"] < number]
    after = [turn for turn in script if turn["turn"] > number]
    if way.get("turn") == "none" and struck is not None:
        before.append(struck)
    for turn in before:
        if turn["outcome"] != "answered":
            yield f"turn {turn['turn']}, before: expected answered; found {turn['outcome']}"
    match way["after"]:
        case "answered":
            if not after and struck is not None and way.get("turn") != "none":
                yield "behind: expected a turn that is answered; found none"
            for turn in after:
                if turn["outcome"] != "answered":
                    yield f"turn {turn['turn']}, behind: expected answered; found {turn['outcome']}"
        case "lost":
            for turn in after:
                if not turn["lost"] and turn["outcome"] is not None:  # the agent may leave within a line
                    yield f"turn {turn['turn']}, behind: expected lost; found {turn['outcome']}"


def _cause_differences(way: Way, rows: CallRows, struck: Row | None, evidence: Evidence) -> Iterator[str]:
    causes = _causes(rows, struck)
    wanted = way["cause"]
    if evidence == "acoustic":
        if guessed := sorted(set(causes) - {"unknown"}):
            yield f"cause: expected unknown; found {', '.join(guessed)}"
        return
    if wanted == "none":
        if causes:
            yield f"cause: expected none; found {', '.join(causes)}"
        return
    gaps = [gap for gap in rows.gaps if struck is None or (gap["turn"] or 0) >= struck["turn"]]
    if not causes and "none" not in wanted and (gaps or struck is not None):
        yield f"cause: expected {' or '.join(wanted)}; found none"
    for cause in causes:
        if cause not in wanted:
            yield f"cause: expected {' or '.join(wanted)}; found {cause}"


def _causes(rows: CallRows, struck: Row | None) -> list[str]:
    """What the turn that was struck, and those behind it, are put down to."""
    from_turn = 0 if struck is None else struck["turn"]
    found = {gap["turn"]: gap["cause"] for gap in rows.gaps if gap["turn"] is None or gap["turn"] >= from_turn}
    ends = {c["connection_id"]: ENDS[c["end"]] for c in rows.connections}
    closes = {c["close_id"]: ends.get(c["connection_id"], "ws_close") for c in rows.closes}
    for turn in rows.turns:
        if turn["kind"] == "script" and turn["turn"] >= from_turn and turn["close_id"] and turn["turn"] not in found:
            found[turn["turn"]] = closes[turn["close_id"]]
    return list(found.values())


def _close_differences(way: Way, rows: CallRows, strike: Strike, evidence: Evidence) -> Iterator[str]:
    wanted = way.get("close")
    if wanted is None:
        return
    if wanted == "none":
        if rows.closes:
            yield f"close: expected none; found {_close(rows.closes[-1])}"
        return
    if len(rows.closes) < way.get("many", 1):
        yield f"closes: expected {way.get('many', 1)} or more; found {len(rows.closes)}"
        return
    # What comes of a strike, a refused reconnect say, is told in the rows behind it.
    last = way.get("which_close") == "last" or strike.phase == "setup"
    close = rows.closes[-1] if last else min(rows.closes, key=lambda row: abs(row["at_s"] - strike.at_s))
    for name, values in wanted.items():
        if name == "quota":
            if not says_quota(close["http_status"], close["reason"] or ""):
                yield f"close reason: expected that of a quota; found {close['reason']}"
        elif name == "connection_age_s":
            if close[name] is None or not values[0] <= close[name] <= values[1]:
                yield f"close connection_age_s: expected {values[0]} to {values[1]}; found {close[name]}"
        elif close[name] not in values:
            if evidence == "agent_log" and name in OF_AGENT_ALONE and close[name] is None:
                continue
            yield f"close {name}: expected {' or '.join(map(str, values))}; found {close[name]}"


def _connection_differences(way: Way, rows: CallRows, strike: Strike, evidence: Evidence) -> Iterator[str]:
    wanted = way.get("connection")
    if wanted is None:
        return
    if wanted == "none":
        if rows.connections or rows.calls[0]["socket_s"]:
            yield f"connections: expected none; found {len(rows.connections)}"
        return
    if len(rows.connections) < strike.connection:
        yield f"connection {strike.connection}: expected a row; found none"
        return
    row = rows.connections[strike.connection - 1]
    if "end" in wanted and row["end"] not in wanted["end"]:
        yield f"connection end: expected {' or '.join(wanted['end'])}; found {row['end']}"
    if "setup_ms" in wanted:
        ms = row["setup_ms"]
        if evidence == "agent_log" and ms is None:
            return
        if ms is None or not wanted["setup_ms"][0] <= ms <= wanted["setup_ms"][1]:
            yield f"setup_ms: expected {wanted['setup_ms']}; found {ms}"


def _labels(turn: Row) -> list[str]:
    return turn["labels"].split("; ") if turn["labels"] else []


def _told(turn: Row) -> str:
    told = [turn["outcome"], "truncated" if turn["truncated"] else "", turn["labels"] or ""]
    return ", ".join(part for part in told if part)


def _close(close: Row) -> str:
    return " ".join(str(close[name]) for name in ("code", "side", "phase"))
