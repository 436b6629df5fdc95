"""The scenario and the endpoint profiles by which an incident is rehearsed, as YAML that people can read and change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from loadtest.analyse.incident.rehearsal import ArmRehearsal, Asked, Rehearsal
from loadtest.report.rows import outside_text
from loadtest.scenario.endpoint import ConstantDelay, EndpointProfile, ListedDelay

__all__ = ["arm_name", "profile_yaml", "scenario_yaml"]

BLOCKS: Final = 2
PER_MINUTE: Final = 7.5
"""A call every eight seconds: two or three at a time, which leaves two cores room to measure."""
_NO_DELAY: Final = "{distribution: lognormal, median_ms: 700, p95_ms: 1400}"


def arm_name(model: str) -> str:
    """A name that a scenario takes for an arm."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in model.lower()).strip("-_")[:40]


def scenario_yaml(rehearsal: Rehearsal, *, name: str, profiles: Mapping[str, str]) -> str:
    """The scenario. profiles: file by model, relative to the scenario's."""
    tool = any(arm.tool for arm in rehearsal.arms)
    lines = [
        "# The rehearsal of an incident, written by `loadtest incident`. What each key means: docs/scenario.md.",
        "version: 1",
        f"name: {name}",
        'description: "The closes of an incident, at simulated endpoints."',
        "",
        *_plugin_comment(rehearsal),
        "arms:",
    ]
    for arm in rehearsal.arms:
        lines += [f"  {arm_name(arm.model)}:", f"    model: {json.dumps(arm.model)}"]
        if rehearsal.plugin is not None:
            lines.append(f"    agent: {{reference, plugin: {rehearsal.plugin}}}")
        lines.append(f"    endpoint: {{profile: {json.dumps(profiles[arm.model])}}}")
        if arm.sequence:
            lines += ["    # The sequence of the incident strikes every call:", "    faults:"]
            lines += _entries(arm.sequence, indent=6)
    lines += [
        "",
        f"blocks: {BLOCKS}",
        "arrivals:",
        f"  - rate_per_minute: {PER_MINUTE}",
        f"script: scripts/{'parcel' if tool else 'short'}.yaml",
        "callee:",
        "  ring_s: 0.5",
    ]
    return "\n".join(lines) + "\n"


def profile_yaml(arm: ArmRehearsal, like: EndpointProfile | None) -> str:
    """An endpoint profile with the hazards. like: the shipped profile of the model, whose delays it takes."""
    silence_ms = 500 if like is None else like.end_of_speech_silence_ms
    lines = [
        "# How the endpoint of an incident fails. Delays are made up: a log does not tell them.",
        "version: 1",
        f"model: {json.dumps(arm.model)}",
        f"reply_delay: {_delay(like)}",
        f"end_of_speech_silence_ms: {silence_ms}",
    ]
    lines += [f"# No fault stands for: {outside_text(text, 90)}" for text in arm.left_out]
    if arm.hazards:
        lines += ["faults:", *_entries(arm.hazards, indent=2)]
    return "\n".join(lines) + "\n"


def _plugin_comment(rehearsal: Rehearsal) -> list[str]:
    told = rehearsal.plugin_told
    if told is None:
        return [
            "# The log does not tell which generation of the Google plugin the agent has; `plugin` would choose one."
        ]
    if told != rehearsal.plugin:
        return [f"# The log tells of the Google plugin {outside_text(told, 20)}; this is the generation nearest to it."]
    return ["# The generation of the Google plugin that the log tells of."]


def _entries(asked: tuple[Asked, ...], *, indent: int) -> list[str]:
    space = " " * indent
    lines = []
    for one in asked:
        fault = ", ".join(f"{key}: {_value(value)}" for key, value in one.fault.items())
        lines += [f"{space}# {outside_text(one.because, 180)}", f"{space}- {{{fault}}}"]
    return lines


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _delay(like: EndpointProfile | None) -> str:
    delay = None if like is None else like.reply_delay
    if delay is None or isinstance(delay, ListedDelay):
        return _NO_DELAY
    if isinstance(delay, ConstantDelay):
        return f"{{distribution: constant, value_ms: {delay.value_ms:g}}}"
    return f"{{distribution: lognormal, median_ms: {delay.median_ms:g}, p95_ms: {delay.p95_ms:g}}}"
