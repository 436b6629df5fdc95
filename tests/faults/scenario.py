"""Writes scenarios/faults.yaml, its script and its endpoint profile from the design.

python -m tests.faults.scenario [--out DIR] [--only F1,F2] [--plugins 1.8.9] [--controls N]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.e2e.harness import REPOSITORY
from tests.faults.design import BURST_EVERY_S, EVERY_S, FAULTS, ROUNDS, Design, design

__all__ = ["CONTROLS", "PLUGINS", "PROFILE", "SEED", "arm_of", "asked", "designed", "files", "write"]

PLUGINS = ("1.6.0", "1.8.9")
CONTROLS = 43
"""Pairs of control calls in the whole run."""
SEED = 20261123
MODEL = "gemini-3.8-live"
PROFILE = f"endpoints/faults/{MODEL}.yaml"
USUAL_MS = 400
REGIME_S = 30.0
"""How long F7 goes on."""
CAP = 8
"""Twice what is planned: no call of the plan is dropped, however slow one is to end."""
SCHEMA = "# yaml-language-server: $schema="


def arm_of(plugin: str) -> str:
    """Name of the arm with a plugin generation."""
    return f"plugin-{plugin.replace('.', '-')}"


def files(plan: Design, plugins: Sequence[str], *, script: str, profile: str, schema: str) -> dict[str, str]:
    """Text of `scenario` and `profile`. script, profile: their paths, from the scenario; schema: from it, too."""
    scenario = {
        "version": 1,
        "name": "faults",
        "description": "Every fault of the catalogue, among calls to which nothing happens.",
        "seed": SEED,
        "arms": {
            arm_of(plugin): {
                "model": MODEL,
                "agent": {"reference": True, "plugin": plugin},
                "endpoint": {"profile": profile},
            }
            for plugin in plugins
        },
        "blocks": len(plan.pairs),
        "arrivals": _arrivals(plan),
        "cap": CAP,
        "script": script,
        # The agent may pause for as long as F23 and F32 make it; no silence is as long as patience but a lost turn's.
        "callee": {
            "ring_s": 0.5,
            "greeting_limit_s": 12.0,
            "patience_s": 7.0,
            "reprompts": 2,
            "agent_finished_after_s": 1.7,
        },
    }
    longest = max(plan.busy)
    mean = sum(pair.lasts_s * len(pair.slots) for pair in plan.pairs) / (plan.due[-1] + plan.pairs[-1].lasts_s)
    counts = Counter("control" if pair.fault is None else "fault" for pair in plan.pairs)
    head = [
        f"{SCHEMA}{schema}/scenario.schema.json",
        "# Every fault of the catalogue, twice for each plugin generation, beside calls to which nothing happens: what",
        "# do callees live through? `make faults` runs it, and writes docs/faults.md.",
        "#",
        f"# Written by `python -m tests.faults.scenario`. {len(plan.due)} calls ({counts['fault']} pairs with a fault,",
        f"# {counts['control']} without: {plan.control_turns} turns) in {plan.lasts_s / 60:.0f} minutes; "
        f"{mean:.1f} at the same time on the average, at most {longest}.",
    ]
    return {"scenario": _text(head, scenario), "profile": _profile(plan, plugins, schema)}


def _arrivals(plan: Design) -> list[dict[str, float]]:
    steady: dict[str, float] = {"rate_per_minute": 60 / plan.every_s}
    if plan.burst_from == len(plan.due):
        return [steady]
    burst: dict[str, float] = {"rate_per_minute": 60 / BURST_EVERY_S}
    return [steady | {"for_s": plan.burst_from * plan.every_s}, burst] if plan.burst_from else [burst]


def _profile(plan: Design, plugins: Sequence[str], schema: str) -> str:
    entries = []
    delays: dict[str, list[float]] = {}
    for pair in plan.pairs:
        if pair.wish is None:
            continue
        entries += [{**fault, **_when(pair.fault, plan), "calls": list(pair.slots)} for fault in pair.wish.faults]
        if pair.wish.delays_ms:
            # The arms' order within a block is drawn: each of its slots may be any arm's.
            for slot in pair.slots:
                delays |= {f"{slot:04d}-{arm_of(plugin)}": list(pair.wish.delays_ms) for plugin in plugins}
    entries.sort(key=lambda entry: (int(entry["fault"][1:]), entry["calls"]))
    profile = {
        "version": 1,
        "model": MODEL,
        "reply_delay": {"distribution": "listed", "value_ms": USUAL_MS, "calls_ms": delays},
        "longest_pause_ms": 200,
        "longest_reply_ms": 1500,
        "faults": entries,
    }
    head = [
        f"{SCHEMA}../../{schema}/endpoint.schema.json",
        "# The faults of scenarios/faults.yaml: which strikes which slots, an arm each. Lifetimes and waits are short,",
        "# so that a call need not be long. Written by `python -m tests.faults.scenario`.",
    ]
    return _text(head, profile)


def _when(fault: str | None, plan: Design) -> Mapping[str, Any]:
    """The moment of the run of a fault that has one."""
    mine = [pair for pair in plan.pairs if pair.fault == fault]
    wish = mine[0].wish
    assert wish is not None
    if wish.at_run_s is None:
        return {}
    at_s = mine[-1].due_s[-1] + wish.at_run_s
    return {"at_run_s": at_s} if fault == "F6" else {"between_s": [max(0.0, at_s), at_s + REGIME_S]}


def _text(head: Sequence[str], body: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 200
    stream = StringIO()
    yaml.dump(body, stream)
    return "\n".join(head) + "\n" + stream.getvalue()


def write(out: Path, plan: Design, plugins: Sequence[str]) -> Path:
    """Write scenario and profile below `out`, which is scenarios/ or a folder for a trial; the scenario's path."""
    shipped = REPOSITORY / "scenarios"
    inside = out.resolve() == shipped
    script = "scripts/faults.yaml" if inside else str(shipped / "scripts" / "faults.yaml")
    texts = files(plan, plugins, script=script, profile=PROFILE, schema="schema")
    (out / PROFILE).parent.mkdir(parents=True, exist_ok=True)
    (out / PROFILE).write_text(texts["profile"])
    (out / "faults.yaml").write_text(texts["scenario"])
    return out / "faults.yaml"


def asked(parser: argparse.ArgumentParser) -> None:
    """The options that make a design."""
    parser.add_argument("--only", default=",".join(FAULTS), help="faults, separated by commas")
    parser.add_argument("--plugins", default=",".join(PLUGINS))
    parser.add_argument("--controls", type=int, default=CONTROLS, help="pairs of calls without a fault")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of calls for each fault")
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds from one call to the next")


def designed(options: argparse.Namespace) -> tuple[Design, Sequence[str]]:
    """The design that was asked for, and its plugin generations."""
    plugins = options.plugins.split(",")
    plan = design(
        options.only.split(","),
        arms=len(plugins),
        controls=options.controls,
        seed=SEED,
        rounds=options.rounds,
        every_s=options.every,
    )
    return plan, plugins


def main() -> int:
    parser = argparse.ArgumentParser(description="Write scenarios/faults.yaml.")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "scenarios")
    asked(parser)
    options = parser.parse_args()
    plan, plugins = designed(options)
    path = write(options.out, plan, plugins)
    sys.stderr.write(f"{path}: {len(plan.due)} calls, about {plan.lasts_s / 60:.1f} minutes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
