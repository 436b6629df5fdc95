"""From what the logs tell to what a simulated endpoint is to do: hazards at the rates of the log, and one sequence.

The catalogue's faults stand for what was seen; what none of them does is named, and not rehearsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadtest.analyse.incident.result import CloseKind, Incident, ModelIncident
from loadtest.scenario.plugins import PLUGIN_GENERATIONS

__all__ = ["ArmRehearsal", "Asked", "Rehearsal", "rehearsal"]

FEWEST: Final = {"per_turn": 50, "per_minute": 10, "per_connect": 20, "per_tool_call": 20}
"""Of turns, connected minutes, connects and tool calls: below that an excerpt is likelier than a rate."""
SYNTHETIC: Final = {"per_turn": 0.015, "per_minute": 0.05, "per_connect": 0.02, "per_tool_call": 0.05}
STRUCK_TURN: Final = 2
"""The callee's last line of scripts/short.yaml: the call is under way, and it is seen whether it recovers."""
LONGEST_WAIT_MS: Final = 3000
"""A close that comes later after the callee spoke came in the reply, as like as not."""
EARLY_S: Final = 20.0
"""What took longer in the log is rehearsed at this age."""
BURST_AT_S: Final = 30.0
REFUSED_S: Final = 10.0
SAME_AGE: Final = 0.05
"""Ages that differ by no more of their median are a fixed lifetime."""
_TURN, _CLOCK, _CONNECT, _TOOL = "per_turn", "per_minute", "per_connect", "per_tool_call"
# Code, words of its reason, fault, its settings, its hazard. The first that fits.
_CLOSED: Final[tuple[tuple[int, str, str, Mapping[str, Any], str], ...]] = (
    (1011, "resource_exhausted", "F14", {}, _TURN),
    (1011, "deadline", "F4", {"variant": "deadline"}, _CLOCK),
    (1011, "unavailable", "F4", {"variant": "unavailable"}, _CLOCK),
    (1011, "", "F1", {}, _TURN),
    (1008, "requested entity", "F3", {"variant": "not_found"}, _TOOL),
    (1008, "not implemented", "F18", {}, _TOOL),
    (1007, "", "F19", {}, _TURN),
    (1006, "", "F20", {}, _CLOCK),
)
_LIFETIMES: Final = ((1011, "deadline", "deadline"), (1000, "", "cancelled"), (1008, "aborted", "aborted"))
_REFUSED: Final[tuple[tuple[int, str, str, Mapping[str, Any]], ...]] = (
    (1011, "", "F5", {}),
    (1008, "session not found", "F9", {"variant": "not_found"}),
    (1008, "not found for api version", "F17", {}),
    (1007, "", "F9", {"variant": "invalid"}),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An entry of `faults`, and why it is there."""

    fault: Mapping[str, Any]
    because: str


@dataclass(frozen=True, slots=True)
class ArmRehearsal:
    """One model."""

    model: str
    hazards: tuple[Asked, ...]
    sequence: tuple[Asked, ...]
    """What strikes every call, as scheduled."""
    tool: bool
    """The sequence needs a line that asks for the agent's tool."""
    left_out: tuple[str, ...]
    """Closes that no fault stands for."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All models that are told."""

    arms: tuple[ArmRehearsal, ...]
    plugin: str | None
    """The generation of the Google plugin that is nearest to the log's; None: not told."""
    plugin_told: str | None


def rehearsal(incident: Incident) -> Rehearsal:
    """What to rehearse of each model whose log tells of a close, a goAway or a refusal; no arm if there is none."""
    arms = tuple(_arm(one, one.model, incident) for one in incident.models if one.model is not None and one.closes)
    return Rehearsal(arms, _generation(incident.plugin), incident.plugin)


def _generation(version: str | None) -> str | None:
    if version is None or version in PLUGIN_GENERATIONS:
        return version
    older = [one for one in PLUGIN_GENERATIONS if _numbers(one) <= _numbers(version)]
    return older[-1] if older else PLUGIN_GENERATIONS[0]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _arm(told: ModelIncident, model: str, incident: Incident) -> ArmRehearsal:
    hazards: dict[tuple[tuple[str, Any], ...], Asked] = {}
    left_out = []
    for kind in told.closes:
        found = _fault(kind)
        if found is None:
            left_out.append(_words(kind))
            continue
        fault, trigger = found
        hazards.setdefault(tuple(sorted(fault.items())), _hazard(kind, fault, trigger, told))
    bursts = [one for one in incident.bursts if model in one.burst.arms]
    sequence = tuple(_burst(bursts[0].began, bursts[0].burst.refused) if bursts else _sequence(told))
    return ArmRehearsal(
        model=model,
        hazards=tuple(hazards.values()),
        sequence=sequence,
        tool=any("at_tool_call" in asked.fault for asked in sequence),
        left_out=tuple(left_out),
    )


def _fault(kind: CloseKind) -> tuple[dict[str, Any], str] | None:
    """The fault that stands for it, and what its hazard is counted by."""
    reason = kind.reason.lower()
    if kind.what == "go_away":
        return {"fault": "F11"}, _CLOCK
    if kind.what == "refused":
        if kind.http_status is not None and 400 <= kind.http_status <= 599:
            return {"fault": "F13", "http_status": kind.http_status}, _CONNECT
        for code, words, number, settings in _REFUSED:
            if kind.code == code and words in reason:
                return {"fault": number, **settings}, _CONNECT
        return ({"fault": "F16"}, _CONNECT) if kind.code is None else None
    if kind.side == "client":
        return ({"fault": "F22"}, _CLOCK) if "keepalive" in reason else None
    if (lifetime := _lifetime(kind)) is not None:
        return lifetime, "at_age_s"
    if kind.code == 1011 and kind.phases.get("tool", 0) * 2 > kind.count:
        return {"fault": "F3", "variant": "internal"}, _TOOL
    for code, words, number, settings, trigger in _CLOSED:
        if kind.code == code and words in reason:
            return {"fault": number, **settings}, trigger
    return None


def _lifetime(kind: CloseKind) -> dict[str, Any] | None:
    """Three closes or more of the same age."""
    age = kind.age_s
    if age is None or age.n < 3 or age.n * 2 < kind.count:
        return None
    if age.longest[1] - age.p50[0] > SAME_AGE * age.p50[0] or age.p50[0] < EARLY_S:
        return None
    for code, words, variant in _LIFETIMES:
        if kind.code == code and words in kind.reason.lower():
            return {"fault": "F12", "variant": variant, "at_age_s": round(sum(age.p50) / 2, 1)}
    return None


def _hazard(kind: CloseKind, fault: Mapping[str, Any], trigger: str, told: ModelIncident) -> Asked:
    if trigger == "at_age_s":
        return Asked(fault, f"{_words(kind)}, {kind.count} times, all at about the same age.")
    units = {
        _TURN: ("turns", told.turns),
        _CLOCK: ("connected minutes", told.connected_minutes),
        _CONNECT: ("connects", None if told.connects is None else told.connects + _refusals(told)),
        _TOOL: ("tool calls", told.tools or None),
    }
    name, amount = units[trigger]
    if amount is None or amount < FEWEST[trigger]:
        known = "not told" if amount is None else f"{amount:.3g}"
        because = f"{_words(kind)}: {kind.count}; {name}: {known}. That tells no rate: this one is made up."
        return Asked({**fault, trigger: SYNTHETIC[trigger]}, because)
    rate = kind.count / amount
    if trigger != _CLOCK:
        rate = min(1.0, rate)
    return Asked({**fault, trigger: float(f"{rate:.3g}")}, f"{_words(kind)}: {kind.count} in {amount:.6g} {name}.")


def _refusals(told: ModelIncident) -> int:
    return sum(kind.count for kind in told.closes if kind.what == "refused")


def _sequence(told: ModelIncident) -> Iterator[Asked]:
    """The most frequent end of a connection, and the most frequent refusal that came with it."""
    known = [(kind, found) for kind in told.closes if (found := _fault(kind)) is not None]
    ends = [one for one in known if one[0].what == "close"] or [one for one in known if one[0].what == "go_away"]
    refusals = [one for one in known if one[0].what == "refused"]
    for kind, (fault, trigger) in ends[:1]:
        yield Asked({**fault, **_moment(kind, fault, trigger, told)}, _words(kind))
    if refusals and (not ends or refusals[0][0].count * 2 >= ends[0][0].count):
        kind, (fault, _) = refusals[0]
        yield Asked({**fault, "at_connect": 2 if ends else 1}, _words(kind))


def _moment(kind: CloseKind, fault: Mapping[str, Any], trigger: str, told: ModelIncident) -> dict[str, Any]:
    match trigger:
        case "per_turn":
            after = told.after_speech
            ms = 0 if after is None else round(sum(after.p50) / 2 * 1000)
            if fault["fault"] != "F1" or not 0 < ms <= LONGEST_WAIT_MS:
                return {"at_turn": STRUCK_TURN}
            return {"at_turn": STRUCK_TURN, "close_ms_min": ms, "close_ms_max": ms}
        case "per_tool_call":
            return {"at_tool_call": 1}
        case "at_age_s":
            return {"at_age_s": min(fault["at_age_s"], EARLY_S)}
    age_s = EARLY_S if kind.age_s is None else sum(kind.age_s.p50) / 2
    return {"at_connected_s": round(min(age_s, EARLY_S), 1)}


def _burst(began: str, refused: int) -> Iterator[Asked]:
    # How long connects were refused is not told, only how many.
    yield Asked(
        {"fault": "F6", "at_run_s": BURST_AT_S, "refused_s": REFUSED_S if refused else 0.0},
        f"The burst at {began}. How long connects were refused is made up." if refused else f"The burst at {began}.",
    )


def _words(kind: CloseKind) -> str:
    match kind.what:
        case "go_away":
            return "goAway"
        case "refused":
            what = f"HTTP {kind.http_status}" if kind.http_status is not None else str(kind.code or "no connection")
            return f"Refused: {what}" + (f' "{kind.reason}"' if kind.reason and kind.http_status is None else "")
    by = {"client": " by the client", "none": " without a close frame"}.get(kind.side, "")
    return f"{kind.code or 'An end without a code'}{by}" + (f' "{kind.reason}"' if kind.reason else "")
