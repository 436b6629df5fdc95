"""A first scenario for somebody, written out with comments, from a few choices."""

from __future__ import annotations

import json
from collections.abc import Sequence

from loadtest.scenario.choices import Choices
from loadtest.scenario.shipped import EDITOR_COMMENT

__all__ = ["SCHEMA_FILE", "scenario_text"]

SCHEMA_FILE = "loadtest.schema.json"
"""Beside the scenario, for editors."""
RAMP_S = 60


def scenario_text(chosen: Choices) -> str:
    """The scenario as YAML."""
    parts = [
        [
            f"{EDITOR_COMMENT}{SCHEMA_FILE}",
            "# What each key means: docs/scenario.md of loadtest, or hover over it in an editor.",
            "version: 1",
            f"name: {_plain(chosen.name)}",
            f"description: {_description(chosen)}",
            "",
            "# Everything that is drawn comes from the seed: ring times, pick-ups, patience, the order of the arms.",
            "seed: 1",
        ],
        _where(chosen),
        _arms(chosen),
        _when(chosen),
        _callee(chosen),
        _judgement(chosen),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _description(chosen: Choices) -> str:
    where = "simulated endpoints" if chosen.endpoint == "simulated" else "Google's endpoints"
    return _plain(f"{chosen.calls} calls an arm to {where}.")


def _where(chosen: Choices) -> list[str]:
    lines = []
    if chosen.livekit == "external":
        lines += [
            "# LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are taken from the environment.",
            "stack: external",
        ]
        if chosen.livekit_host:
            lines += [
                "# Calls go to loopback only, unless the host is listed.",
                f"hosts: [{_plain(chosen.livekit_host)}]",
            ]
        else:
            lines += ["# Calls go to loopback only, unless the host is listed:", "# hosts: [livekit.example.org]"]
        lines += [
            "# For LiveKit Cloud, once you have read its acceptable-use policy:",
            "# acknowledge: [livekit-cloud-acceptable-use]",
        ]
    if chosen.dial == "by_agent":
        lines += [
            "# The agent dials, through LiveKit's SIP API, the number that its dispatch metadata holds (phone_number).",
            "dial: by_agent",
        ]
    return lines


def _arms(chosen: Choices) -> list[str]:
    lines = ["# The endpoints under test, interleaved call by call."]
    if chosen.agent == "command":
        lines += [
            "# The run starts the command; docs/your-agent.md says what it finds in its environment. It must register",
            "# under name. If arms share it, a call's dispatch metadata has its model and endpoint (loadtest.model).",
        ]
    lines.append("arms:")
    for name, model in zip(_arm_names(chosen.models), chosen.models, strict=True):
        lines += [f"  {name}:", f"    model: {_plain(model)}"]
        if chosen.agent == "command":
            command = ", ".join(_plain(word) for word in chosen.command)
            lines.append(f"    agent: {{command: [{command}], name: {_plain(chosen.agent_name)}}}")
        elif chosen.agent == "external":
            lines.append(f"    agent: {{external, name: {_plain(chosen.agent_name)}}}")
        if chosen.endpoint == "google":
            lines.append("    endpoint: google")
        else:
            lines.append(f"    endpoint: {{profile: {_plain(f'endpoints/{model}.yaml')}}}")
    if chosen.endpoint == "google":
        lines += ["", "# A run that would use more is refused or ended. GOOGLE_API_KEY comes from the environment."]
        lines += ["limits:", "  cost_usd: 10", "  # call_minutes: 60"]
    else:
        lines += ["", "# With `loadtest run --live` the same calls go to Google's own endpoints, within these limits:"]
        lines += ["limits:", "  cost_usd: 10"]
    return lines


def _when(chosen: Choices) -> list[str]:
    low = round(chosen.per_minute / 2, 3)
    return [
        f"# Each block has one call of each arm: {chosen.calls} x {len(chosen.models)} calls. A dozen blocks is the",
        "# least from which intervals of latencies are made.",
        f"blocks: {chosen.calls}",
        "",
        "# When calls are due, all arms together, whatever became of the others. What is due at the cap is dropped.",
        "arrivals:",
        f"  - ramp_per_minute: [{low:g}, {chosen.per_minute:g}]",
        f"    for_s: {RAMP_S}",
        f"  - rate_per_minute: {chosen.per_minute:g}",
        "cap: auto",
    ]


def _callee(chosen: Choices) -> list[str]:
    return [
        "# What the callee says. A script of your own is a file like this one; lines are audio, text or keys.",
        f"script: scripts/{chosen.script}.yaml",
        "",
        "# The person called. Drawn per pair of calls, the same for all arms.",
        "callee:",
        "  pickup: {answer: 1.0, no_answer: 0.0, busy: 0.0, rejected: 0.0}",
        "  # Silence after a line until the callee asks again.",
        "  patience_s: {uniform: [4.0, 7.0]}",
        "  # Silence of the agent after which the callee speaks.",
        "  agent_finished_after_s: 1.2",
    ]


def _judgement(chosen: Choices) -> list[str]:
    lines = [
        "# The run exits with 4 if one of these does not hold.",
        "thresholds:",
        "  - reply_latency.p50 < 4000",
        "  - answered_share.value >= 0.75",
    ]
    if len(chosen.models) > 1:
        control = _arm_names(chosen.models)[-1]
        lines += ["", "# What the arms are compared on, declared before the first call."]
        lines += ["compare:", f"  control: {control}"]
    return lines


def _arm_names(models: Sequence[str]) -> list[str]:
    """Short names, all different: what two models are most often, else the models' own."""
    names: list[str] = []
    for model in models:
        usual = "preview" if "preview" in model else "ga"
        if len(models) == 2 and usual not in names:
            names.append(usual)
            continue
        letters = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in model.lower())
        name = letters.removeprefix("gemini-").strip("-_")[:36].strip("-_") or "arm"
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return names


def _plain(text: str) -> str:
    """As a YAML scalar that is this text: JSON's form, but bare where nobody could misread it."""
    words = text.replace("-", "").replace("_", "").replace("/", "").replace(".", "").replace(" ", "")
    bare = words.isascii() and words.isalnum() and text[0].isalpha() and text.strip() == text
    if bare and text.lower() not in _WORDS_OF_YAML:
        return text
    return json.dumps(text, ensure_ascii=False)


_WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
