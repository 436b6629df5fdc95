"""The runs of a calibration: what each is made of, as the files of any other run. Pure, but for writing them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loadtest.jobs.calibrate.truths import ECHO, SAME, SEED, SHORTEST_MS, Size, TurnTruth, call_ids, truths_by_call
from loadtest.stack.workers import ECHO_SCRIPT

__all__ = ["ECHO_DELAY_S", "Experiment", "Target", "capacity_run", "gaps_run", "truth_run"]

ECHO_DELAY_S: Final = 1.5
"""How much later the echo comes: after the line has been said to its end."""
MID_REPLY_LIMIT_MS: Final = 250.0
MODEL: Final = "gemini-3.8-live"
END_POINTING_MS: Final = 500
PATIENCE_S: Final = 7.5
"""Longer than the longest delay with all that comes on top of it."""
LINE: Final = "audio/yes.wav"
FINISHED_S: Final = 0.8
LONGEST_REPLY_MS: Final = 1200.0


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
