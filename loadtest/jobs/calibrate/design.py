"""What a calibration does: how much of it, what is true of every call, and the files of its runs. Pure."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loadtest.plan.blocks import slots
from loadtest.stack.workers import ECHO_SCRIPT

__all__ = [
    "ECHO",
    "FULL",
    "MID_REPLY_LIMIT_MS",
    "QUICK",
    "SAME",
    "Experiment",
    "Size",
    "Target",
    "TurnTruth",
    "call_ids",
]

SAME: Final = ("a", "b")
"""Two arms that differ in nothing but their name."""
ECHO: Final = "echo"
ECHO_DELAY_S: Final = 1.5
"""How much later the echo comes: after the line has been said to its end."""
MID_REPLY_LIMIT_MS: Final = 250.0
SEED: Final = 1
MODEL: Final = "gemini-3.8-live"
SHORTEST_MS: Final = 200.0
LONGEST_MS: Final = 5000.0
END_POINTING_MS: Final = 500
PATIENCE_S: Final = 7.5
"""Longer than the longest delay with all that comes on top of it."""
LINE: Final = "audio/yes.wav"
FINISHED_S: Final = 0.8
LONGEST_REPLY_MS: Final = 1200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done. blocks: of the run with known truths, `sealed_blocks` of them the last ones, sealed."""

    blocks: int
    sealed_blocks: int
    turns: int
    """Script turns a call."""
    holes_ms: tuple[float, ...]
    """Shorter than the callee waits before it takes the floor."""
    long_holes_s: tuple[float, ...]
    """One a call, in calls with a callee that waits longer than that."""
    capacity_looks: int
    """Most runs in search of how many calls are held, for each way; 0: none is searched for."""


QUICK: Final = Size(
    blocks=3, sealed_blocks=1, turns=2, holes_ms=(300.0, 400.0, 550.0), long_holes_s=(), capacity_looks=0
)
FULL: Final = Size(
    blocks=12,
    sealed_blocks=3,
    turns=5,
    holes_ms=(300.0, 350.0, 425.0, 500.0, 600.0),
    long_holes_s=(1.0, 2.0, 4.0, 8.0, 13.0, 20.0),
    capacity_looks=3,
)


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """What the simulator does after one utterance of the caller. fault: F1 or F2, a 1011; a hole is F23."""

    delay_ms: float
    hole_ms: float | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where LiveKit is. hosts, acknowledge: as in a scenario."""

    stack: str = "embedded"
    hosts: tuple[str, ...] = ()
    acknowledge: tuple[str, ...] = ()
    echo_name: str = "loadtest-echo"
    """What the echo registers as: at a server that is shared, one's own."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """The files of one run: a scenario, its script, and an endpoint profile for each arm."""

    name: str
    scenario: Mapping[str, Any]
    script: Mapping[str, Any]
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """The path of the scenario."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {"scenario": self.scenario, "script": self.script, **self.profiles}
        for name, content in files.items():
            (folder / f"{name}.yaml").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return folder / "scenario.yaml"


def call_ids(arms: Sequence[str], blocks: int) -> list[tuple[int, str, str]]:
    """Block, arm and id of every call of a plan with one call a block and arm."""
    return [(block, arm, f"{slot:04d}-{arm}") for slot, (block, _, arm) in enumerate(slots(arms, blocks, 1, SEED))]


def swept(blocks: int, turns: int) -> list[list[float]]:
    """Delays by block and turn, ms: spaced evenly by ratio from the shortest to the longest, alike in sum."""
    count = blocks * turns
    if count == 1:
        return [[SHORTEST_MS]]
    values = [SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** (i / (count - 1)) for i in range(count)]
    dealt: list[list[float]] = [[] for _ in range(blocks)]
    for i, value in enumerate(values):
        round_, place = divmod(i, blocks)
        dealt[place if round_ % 2 == 0 else blocks - 1 - place].append(round(value, 1))
    for block, delays in enumerate(dealt):
        random.Random(f"{SEED}/{block}").shuffle(delays)
    return dealt


def known_truths(size: Size) -> list[list[TurnTruth]]:
    """By block and turn, the sealed blocks left out: every other turn has a hole."""
    holes = [hole for n in range(size.blocks * size.turns) for hole in size.holes_ms[n % len(size.holes_ms) :][:1]]
    found, n = [], 0
    for delays in swept(size.blocks - size.sealed_blocks, size.turns):
        block = []
        for delay_ms in delays:
            block.append(TurnTruth(delay_ms, hole_ms=holes[n // 2] if n % 2 == 0 else None))
            n += 1
        found.append(block)
    return found


def sealed_truths(size: Size, rng: random.Random) -> list[list[TurnTruth]]:
    """As above for the sealed blocks: everything at random, a hole in half of the turns."""
    low, high = size.holes_ms[0], size.holes_ms[-1]
    return [
        [
            TurnTruth(
                round(SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** rng.random(), 1),
                hole_ms=round(rng.uniform(low, high), 1) if rng.random() < 0.5 else None,
            )
            for _ in range(size.turns)
        ]
        for _ in range(size.sealed_blocks)
    ]


def with_closes(calls: Mapping[str, list[TurnTruth]], known_blocks: int) -> dict[str, list[TurnTruth]]:
    """A 1011 in the last turn of some calls: of every third known block the reply is lost in one arm (F1), and cut in
    the other (F2). In the last turn, as a reprompt is one more utterance, and would move the truths behind it.
    """
    struck = {block: f for f, block in enumerate(range(0, known_blocks, 3))}
    changed = dict(calls)
    for block, arm, call_id in call_ids((*SAME, ECHO), known_blocks):
        if block in struck and arm in SAME:
            first = SAME[struck[block] % 2]
            *rest, last = calls[call_id]
            changed[call_id] = [*rest, TurnTruth(last.delay_ms, fault="F1" if arm == first else "F2")]
    return changed


def truth_run(size: Size, sealed: Sequence[Sequence[TurnTruth]], target: Target, at_once: int) -> Experiment:
    """Known delays, holes and 1011s in two identical arms, the same after sealed truths, and an echo."""
    calls = truths_by_call(size, sealed)
    profiles = {
        arm: profile({call: turns for call, turns in calls.items() if call.endswith(f"-{arm}")}) for arm in SAME
    }
    talk_s = [sum(turn_s(turn) for turn in turns) + 5.5 for turns in calls.values()]
    echo_s = (size.turns * (ECHO_DELAY_S + 0.6 + FINISHED_S) + 4.0) * size.blocks
    mean_s = (sum(talk_s) + echo_s) / (3 * size.blocks)
    return Experiment(
        "truth",
        scenario(
            "calibrate-truth",
            target,
            arms={**{arm: simulated(arm) for arm in SAME}, ECHO: echo(target)},
            blocks=size.blocks,
            rate_per_minute=60 * at_once / mean_s,
            cap=at_once + 2,  # a lost reply makes a call longer: none is to be dropped for it
            callee={"agent_finished_after_s": FINISHED_S},
        ),
        script(size.turns),
        {**profiles, ECHO: profile({})},
    )


def truths_by_call(size: Size, sealed: Sequence[Sequence[TurnTruth]]) -> dict[str, list[TurnTruth]]:
    """What is true of each call of the two identical arms."""
    known = known_truths(size)
    by_block = [*known, *(list(block) for block in sealed)]
    calls = {call: list(by_block[block]) for block, arm, call in call_ids((*SAME, ECHO), size.blocks) if arm in SAME}
    return with_closes(calls, len(known))


def gaps_run(size: Size, target: Target, at_once: int) -> Experiment:
    """Long holes: the callee leaves the floor to the agent for longer than any of them."""
    wait_s = max(size.long_holes_s) + 1.0
    ids = call_ids(SAME[:1], len(size.long_holes_s))
    calls = {
        call: [TurnTruth(SHORTEST_MS, hole_ms=hole_s * 1000)]
        for (_, _, call), hole_s in zip(ids, size.long_holes_s, strict=True)
    }
    call_s = 2 * wait_s + 12.0
    return Experiment(
        "gaps",
        scenario(
            "calibrate-gaps",
            target,
            arms={SAME[0]: simulated(SAME[0])},
            blocks=len(calls),
            rate_per_minute=60 * (at_once + 1) / call_s,  # they are silent for most of the time
            cap=at_once + 2,
            callee={"agent_finished_after_s": wait_s, "max_call_s": call_s},
        ),
        script(1),
        {SAME[0]: profile(calls)},
    )


def capacity_run(calls: int, target: Target, *, agents: bool) -> Experiment:
    """So many calls at the same time, to the reference agent, or to the echo alone."""
    arm = SAME[0] if agents else ECHO
    return Experiment(
        f"{'agents' if agents else 'echo'}-{calls}",
        scenario(
            f"calibrate-{'agents' if agents else 'echo'}-{calls}",
            target,
            arms={arm: simulated(arm) if agents else echo(target)},
            blocks=calls,
            # All are in progress before the first one ends.
            rate_per_minute=max(60.0, 60.0 * calls / 8.0),
            cap=calls,
            callee={"agent_finished_after_s": FINISHED_S},
        ),
        script(4),
        {arm: profile({})},
    )


def turn_s(turn: TurnTruth) -> float:
    """How long a turn lasts, about."""
    lost = PATIENCE_S + 1.6 if turn.fault == "F1" else 0.0
    reply_s = (LONGEST_REPLY_MS + (turn.hole_ms or 0.0)) / 1000
    return 0.7 + (END_POINTING_MS + turn.delay_ms) / 1000 + 0.15 + reply_s + FINISHED_S + lost


def simulated(arm: str) -> dict[str, Any]:
    return {"model": MODEL, "endpoint": {"profile": f"{arm}.yaml"}}


def echo(target: Target) -> dict[str, Any]:
    command = [sys.executable, str(ECHO_SCRIPT), "start"]
    agent = {"command": command, "name": target.echo_name, "metadata": {"echo_delay_s": ECHO_DELAY_S}}
    return {"model": MODEL, "agent": agent, "endpoint": {"profile": f"{ECHO}.yaml"}}


def profile(calls: Mapping[str, Sequence[TurnTruth]]) -> dict[str, Any]:
    """An endpoint that does what is true of each call, and else answers soon."""
    listed = {call: [SHORTEST_MS, *(turn.delay_ms for turn in turns)] for call, turns in calls.items()}
    faults = []
    for call, turns in calls.items():
        for number, turn in enumerate(turns, 1):
            where = {"at_turn": number, "calls": [call]}
            if turn.fault is not None:
                faults.append({"fault": turn.fault, **where})
            elif turn.hole_ms is not None:
                faults.append({"fault": "F23", **where, "stall_ms_min": turn.hole_ms, "stall_ms_max": turn.hole_ms})
    return {
        "version": 1,
        "model": MODEL,
        "reply_delay": {"distribution": "listed", "value_ms": SHORTEST_MS, "calls_ms": listed},
        "end_of_speech_silence_ms": END_POINTING_MS,
        "longest_pause_ms": 100,
        "longest_reply_ms": LONGEST_REPLY_MS,
        "faults": faults,
    }


def script(turns: int) -> dict[str, Any]:
    return {
        "version": 1,
        "lines": [{"name": f"line-{number}", "audio": LINE} for number in range(1, turns + 1)],
        "reprompts": [{"name": "there", "audio": "audio/hello-are-you-there.wav"}],
        "goodbye": {"name": "bye", "audio": "audio/bye.wav"},
    }


def scenario(
    name: str,
    target: Target,
    *,
    arms: Mapping[str, Any],
    blocks: int,
    rate_per_minute: float,
    cap: int,
    callee: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "description": "Made by loadtest calibrate.",
        "seed": SEED,
        "stack": target.stack,
        "hosts": list(target.hosts),
        "acknowledge": list(target.acknowledge),
        "arms": dict(arms),
        "blocks": blocks,
        "arrivals": [{"rate_per_minute": round(rate_per_minute, 3)}],
        "cap": cap,
        "script": "script.yaml",
        "callee": {"ring_s": 0.3, "patience_s": PATIENCE_S, "reprompts": 1, "greeting_limit_s": 2.5, **callee},
        "mid_reply_limit_s": MID_REPLY_LIMIT_MS / 1000,
    }
