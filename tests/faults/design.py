"""Which fault strikes which calls of scenarios/faults.yaml, and when.

Every fault has ROUNDS calls for each plugin generation, each round a form of its own where it takes several. The script
has a line for an ordinary turn, then the one that most faults strike, then one that asks for the tool.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FAULTS", "ROUNDS", "Design", "Pair", "Wish", "design"]

ROUNDS = 2
LINES = 4
STRUCK = 2
"""The caller's utterance that most faults strike: the script's second line."""
EVERY_S = 8.5
"""From one call to the next, all arms together."""
SHUFFLES = 50
"""Orders that are drawn; the one in which long calls meet least is taken."""
BURST_EVERY_S = 6.5
"""The same for the calls of F6: all are to be open when it strikes."""
CALM = 4
"""Pairs of control calls before those: until then the long calls of F7 are over."""
ORDINARY_S = 32.0
"""How long a call lasts to which nothing happens, from its dial to its end."""
SETUP_S = 40.0
"""Of a run before its first call: stack and warm-up."""
MEASURE_S = 0.5
"""To measure one call."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the simulator for one call.

    faults: entries without `calls`. delays_ms: of the greeting, and of the reply to each thing that the callee says, as
    far as they are not the usual one. lasts_s: about how long the call then lasts. at_run_s: the fault strikes at a
    moment of the run, so long after its last call was due.
    """

    faults: tuple[Mapping[str, Any], ...]
    delays_ms: tuple[float, ...] = ()
    lasts_s: float = ORDINARY_S
    at_run_s: float | None = None


def _wish(*faults: Mapping[str, Any], lasts_s: float = ORDINARY_S + 6, **more: Any) -> Wish:
    return Wish(faults, lasts_s=lasts_s, **more)


def _turn(fault: str, **settings: Any) -> dict[str, Any]:
    return {"fault": fault, "at_turn": STRUCK, **settings}


def _reconnect(fault: str, **settings: Any) -> tuple[dict[str, Any], ...]:
    """Something that needs a reconnect, and the close that makes one."""
    return {"fault": "F1", "at_turn": STRUCK}, {"fault": fault, "at_connect": 2, **settings}


def _connect(fault: str, **settings: Any) -> dict[str, Any]:
    return {"fault": fault, "at_connect": 1, **settings}


_LATE_PONGS = {"fault": "F22", "at_connected_s": 10, "pong_ms_min": 25_000, "pong_ms_max": 30_000}
SILENT_S = 12.0
"""A call whose agent leaves, or is refused, before it says anything."""

FAULTS: Mapping[str, tuple[Wish, ...]] = {
    "F1": (_wish(_turn("F1")),),
    "F2": (_wish(_turn("F2")),),
    "F3": tuple(_wish({"fault": "F3", "at_tool_call": 1, "variant": form}) for form in ("internal", "not_found")),
    "F4": tuple(_wish({"fault": "F4", "at_connected_s": 8.7, "variant": form}) for form in ("unavailable", "deadline")),
    "F5": (_wish(_connect("F5"), lasts_s=SILENT_S), _wish(*_reconnect("F5"))),
    "F6": (_wish({"fault": "F6", "refused_s": 9}, at_run_s=-7.5),),
    "F7": (_wish({"fault": "F7", "per_turn": 0.95}, at_run_s=-8.0, lasts_s=56.0),),
    # Half a second into a turn is before its audio, as with real delays.
    "F8": (_wish(*_reconnect("F8"), delays_ms=(400, *[700] * 6)),),
    "F9": tuple(_wish(*_reconnect("F9", variant=form)) for form in ("not_found", "invalid")),
    "F10": (_wish(_turn("F10")),),
    "F11": tuple(
        _wish({"fault": "F11", "at_connected_s": at_s, "time_left_s": 3, "variant": form})
        for at_s, form in ((12.5, "deadline"), (18, "silence"))
    ),
    "F12": tuple(_wish({"fault": "F12", "at_age_s": 20, "variant": form}) for form in ("deadline", "aborted")),
    "F13": (
        _wish(_connect("F13", http_status=503), lasts_s=SILENT_S),
        _wish(*_reconnect("F13", http_status=429)),
    ),
    "F14": (_wish(_turn("F14")),),
    "F15": (
        _wish(_connect("F15", variant="late", setup_ms_min=5000, setup_ms_max=6000)),
        _wish(_connect("F15", variant="never"), lasts_s=ORDINARY_S + 10),
    ),
    "F16": (_wish(_connect("F16"), lasts_s=SILENT_S + 10), _wish(*_reconnect("F16"))),
    "F17": (_wish(_connect("F17"), lasts_s=SILENT_S),),
    "F18": (_wish({"fault": "F18", "at_tool_call": 1}),),
    "F19": (_wish(_turn("F19")),),
    "F20": (_wish(_turn("F20")), _wish({"fault": "F20", "at_connected_s": 9})),
    # The client pings 20 s after its connect, gives up 20 s later, and waits 10 s for the close: until then the silence
    # of the third line is to last, which is said when the second reply has just been heard.
    "F21": (_wish({"fault": "F21", "at_connected_s": 19.5}, delays_ms=(2600, 2400, 2400), lasts_s=56.0),),
    # The client closes 40 s after its connect: once while the reply to the third line, which asks for the tool and so
    # waits twice, is awaited; once when it has been said.
    "F22": (
        _wish(_LATE_PONGS, delays_ms=(4650, 5900, 5900, 2800), lasts_s=56.0),
        _wish(_LATE_PONGS, delays_ms=(2400, 5750, 5750, 2500), lasts_s=50.0),
    ),
    "F23": (_wish(_turn("F23", stall_ms_min=1300, stall_ms_max=1500)),),
    "F24": (_wish(_turn("F24")),),
    "F25": tuple(_wish(_turn("F25", variant=form, silence_s=20)) for form in ("nothing", "unfinished")),
    "F26": tuple(_wish(_turn("F26", variant=form)) for form in ("plain", "rejected")),
    "F27": (_wish(_turn("F27")),),
    # What was sent ahead plays for a second: where the rest is played at all, it comes 1.1 to 1.4 s after that.
    "F28": (_wish(_turn("F28", late_ms_min=2000, late_ms_max=2200)),),
    "F29": (_wish(_turn("F29")),),
    "F30": (_wish(_turn("F30", again_s=12)),),
    "F31": (_wish({"fault": "F31", "at_age_s": 4, "creep_ms_per_minute": 9000}, lasts_s=ORDINARY_S + 10),),
    "F32": (_wish(_turn("F32", repeat_ms_min=1300, repeat_ms_max=1500), lasts_s=ORDINARY_S + 8),),
    "F33": (_wish(_turn("F33", utterance_ms_max=3000, after_reply_ms_max=6000)),),
}
"""By number; the rounds take these in turn."""

AT_RUN = ("F7", "F6")
"""Last, after all others: these strike at a moment of the run."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One block of the scenario: the same call for every plugin generation.

    fault: None for a control. slots: of its calls, an arm each. due_s: of the first.
    """

    fault: str | None
    wish: Wish | None
    slots: tuple[int, ...]
    due_s: tuple[float, ...]

    @property
    def lasts_s(self) -> float:
        return ORDINARY_S if self.wish is None else self.wish.lasts_s


@dataclass(frozen=True, slots=True)
class Design:
    """All calls of a run, in the order in which they are due."""

    pairs: tuple[Pair, ...]
    burst_from: int
    """Number of calls before those of F6."""
    every_s: float
    """From one call to the next until then."""
    busy: tuple[int, ...] = field(default=())
    """Calls in progress as each is dialled, that one included, as far as is planned."""

    @property
    def due(self) -> tuple[float, ...]:
        return tuple(due_s for pair in self.pairs for due_s in pair.due_s)

    @property
    def lasts_s(self) -> float:
        """Planned length of the whole run, from start to summary."""
        over_s = max(due_s + pair.lasts_s for pair in self.pairs for due_s in pair.due_s)
        return SETUP_S + over_s + MEASURE_S * len(self.due)

    @property
    def control_turns(self) -> int:
        return LINES * sum(len(pair.slots) for pair in self.pairs if pair.fault is None)


def design(
    faults: Sequence[str], *, arms: int, controls: int, seed: int, rounds: int = ROUNDS, every_s: float = EVERY_S
) -> Design:
    """A run of these faults, `rounds` pairs each, among `controls` pairs of calls to which nothing happens."""
    early = [fault for fault in faults if fault not in AT_RUN]
    pairs: list[tuple[str | None, Wish | None]] = [
        (fault, FAULTS[fault][i % len(FAULTS[fault])]) for i in range(rounds) for fault in early
    ]
    late = [fault for fault in AT_RUN if fault in faults]
    calm = min(CALM, controls) if "F6" in late else 0
    pairs += [(None, None)] * (controls - calm)
    draws = random.Random(seed)
    orders = [draws.sample(pairs, len(pairs)) for _ in range(SHUFFLES)]
    pairs = min(orders, key=lambda order: sum(n**4 for n in _busy(_timed(order, arms, every_s))))
    for fault in late:
        # Those of the last pair of F6 come when it has struck: they are refused.
        more = 1 if fault == "F6" else 0
        pairs += [(None, None)] * (calm * more) + [(fault, FAULTS[fault][0])] * (rounds + more)
    burst_from = arms * (len(pairs) - (rounds + 1 if "F6" in late else 0))
    due = [min(i, burst_from) * every_s + max(0, i - burst_from) * BURST_EVERY_S for i in range(arms * len(pairs))]
    made = tuple(
        Pair(
            fault,
            wish,
            tuple(range(i * arms, (i + 1) * arms)),
            tuple(due[i * arms : (i + 1) * arms]),
        )
        for i, (fault, wish) in enumerate(pairs)
    )
    return Design(made, burst_from, every_s, _busy([(at_s, pair.lasts_s) for pair in made for at_s in pair.due_s]))


def _timed(order: Sequence[tuple[str | None, Wish | None]], arms: int, every_s: float) -> list[tuple[float, float]]:
    """Due and length of each call, at a steady rate."""
    lengths = [ORDINARY_S if wish is None else wish.lasts_s for _, wish in order for _ in range(arms)]
    return [(i * every_s, length_s) for i, length_s in enumerate(lengths)]


def _busy(calls: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Calls in progress as each is dialled, that one included."""
    return tuple(sum(due_s <= at_s < due_s + lasts_s for due_s, lasts_s in calls) for at_s, _ in calls)
