"""What runs and arms are made of: runs are pooled only if they are alike, arms are to differ in one thing only."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from loadtest.errors import RecordError
from loadtest.record.events import ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.reader import read_events
from loadtest.record.run_json import RunInfo

if TYPE_CHECKING:  # models of scenarios take long to import, and a history is read without any
    from loadtest.scenario.arms import Arm
    from loadtest.scenario.models import Scenario

__all__ = [
    "CHANGED",
    "Residue",
    "allowed_by",
    "arm_differences",
    "arm_fingerprint",
    "never_pooled",
    "residues",
    "run_fingerprint",
    "seen_software",
]

NOTHING: Final = "none"
CHANGED: Final = " and "
LOCATION: Final = "GOOGLE_CLOUD_LOCATION"
BY_FACTOR: Final[Mapping[str, frozenset[str]]] = {
    # A profile and its faults stand for the endpoint; they go with whatever chooses that.
    "model": frozenset({"model", "endpoint", "faults"}),
    "api": frozenset({"api", "region", "endpoint", "faults"}),
    "region": frozenset({"region", "endpoint", "faults"}),
    "plugin": frozenset({"plugin", "software"}),
    "none": frozenset(),
}
"""What arms may differ in, by the declared factor."""
ASIDE: Final = frozenset(
    {
        *("version", "name", "description", "seed", "blocks", "arms", "thresholds", "compare", "cap", "hosts"),
        *("acknowledge", "limits", "nightly", "recordings", "transcripts", "phone_numbers"),
    }
)
"""Of a scenario: what changes no call, or stands in the fingerprint under a name of its own."""
HASHES: Final = ("audio", "profiles", "script")
NEVER: Final = ("arms", "kind", "reply_limit_s", "callee.greeting_limit_s")
"""Without these alike, figures are not of one kind: no consent makes them so."""


@dataclass(frozen=True, slots=True)
class Residue:
    """Something in which runs that were to be pooled differ."""

    name: str
    values: tuple[str, ...]
    """The distinct ones, in the order of the runs."""

    def __str__(self) -> str:
        return f"{self.name}: {' / '.join(self.values)}"


def arm_fingerprint(
    arm: Arm, told: Mapping[str, Any], hosts: Collection[str], software: Mapping[str, str]
) -> dict[str, str]:
    """What an arm is, by name of the thing. told: of the arm in run.json; hosts: where its connections went; software:
    see `seen_software`."""
    agent = arm.agent
    regions = sorted({host.removesuffix("-aiplatform.googleapis.com") for host in hosts if "-aiplatform." in host})
    declared = agent.metadata.get("location") or arm.env.get(LOCATION)
    kind = "reference" if agent.reference else "external" if agent.external else "command"
    setup = {
        "metadata": {key: value for key, value in agent.metadata.items() if key != "location"},
        "env": {key: value for key, value in arm.env.items() if key != LOCATION},
        "command": agent.command,
    }
    endpoint = "the agent's own" if arm.endpoint is None else arm.endpoint.model_dump(exclude_defaults=True)
    return {
        "model": arm.model,
        "api": str(arm.api),
        "region": ", ".join(regions) or str(declared or NOTHING),
        "agent": kind,
        "agent setup": _text(setup),
        "plugin": ", ".join([agent.plugin or "as installed", *_pairs(told.get("versions") or {})]),
        "software": ", ".join(_pairs(software)) or NOTHING,
        "endpoint": _text(endpoint),
        "faults": _text([fault.model_dump(mode="json", exclude_none=True) for fault in arm.faults]),
        "voice": arm.voice if agent.reference else NOTHING,
    }


def arm_differences(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """The names of what two arms differ in. Where it is not known what software one of them has, it is no difference,
    nor is the region of another API."""
    unknown = {"software"} if NOTHING in {one["software"], other["software"]} else set[str]()
    if one["api"] != other["api"]:
        unknown.add("region")
    return tuple(name for name in one if one[name] != other[name] and name not in unknown)


def allowed_by(factor: str) -> frozenset[str]:
    """What arms may differ in if that is the declared factor."""
    return BY_FACTOR[factor]


def seen_software(folder: RunFolder, call_ids: Iterable[str]) -> dict[str, str]:
    """Versions by package, as the probe in the agents of these calls told; several are joined by `CHANGED`. What cannot
    be read tells nothing."""
    found: dict[str, set[str]] = {}
    for call_id in call_ids:
        try:
            events = read_events(folder.call(call_id).events).events
        except RecordError:
            continue
        for event in events:
            if isinstance(event, ProbeMessage) and event.message.get("type") == "hello":
                for name in ("agents_version", "plugin_version", "client_version"):
                    if isinstance(told := event.message.get(name), str):
                        found.setdefault(name.removesuffix("_version"), set()).add(told)
    return {name: CHANGED.join(sorted(versions)) for name, versions in sorted(found.items())}


def run_fingerprint(
    info: RunInfo, scenario: Scenario, kind: str, margins: str, arms: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """All that must be alike in runs that are pooled, by name. margins: hash of what is declared now."""
    plain = scenario.model_dump(mode="json", exclude_none=True)
    found = {"kind": kind, "arms": ", ".join(sorted(scenario.arms)), "margins": margins, "cap": str(info.cap)}
    for arm, of in arms.items():
        told = {name: value for name, value in of.items() if (name, value) != ("software", NOTHING)}
        found |= {f"arms.{arm}.{name}": value for name, value in told.items()}
    found |= _leaves({key: value for key, value in plain.items() if key not in ASIDE})
    found |= {name: info.hashes[name] for name in HASHES if name in info.hashes}
    found |= {f"versions.{name}": version for name, version in info.versions.items()}
    found |= {f"host.{name}": str(value) for name, value in info.host.items()}
    return found


def residues(fingerprints: Sequence[Mapping[str, str]]) -> tuple[Residue, ...]:
    """Everything that is not the same in all of them. Where one has no hash, or nothing told its agents' software, the
    others are held against each other."""
    names = dict.fromkeys(name for fingerprint in fingerprints for name in fingerprint)
    found = []
    for name in names:
        may_lack = name in HASHES or name.endswith(".software")
        told = [f.get(name, NOTHING) for f in fingerprints if name in f or not may_lack]
        if len(values := tuple(dict.fromkeys(told))) > 1:
            found.append(Residue(name, values))
    return tuple(found)


def never_pooled(residue: Residue) -> bool:
    """Whether runs that differ in it cannot be pooled by anybody's leave."""
    return residue.name in NEVER


def _leaves(value: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, entry in value.items():
        if isinstance(entry, dict) and entry:
            found |= _leaves(entry, f"{path}{key}.")
        else:
            found[f"{path}{key}"] = entry if isinstance(entry, str) else _text(entry)
    return found


def _pairs(versions: Mapping[str, Any]) -> list[str]:
    return [f"{name} {version}" for name, version in sorted(versions.items())]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
