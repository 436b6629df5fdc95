"""The resolved copy of a scenario, and the hashes by which runs are told apart."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from loadtest.redact import Redactor
from loadtest.scenario.callee import Script
from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.models import Scenario

__all__ = ["canonical_hash", "hashes", "margins_hashes", "resolved_yaml"]


def canonical_hash(value: Any) -> str:
    """sha256, hex, of the value as JSON with sorted keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hashes(
    scenario: Scenario, script: Script, audio: Iterable[str], profiles: Mapping[str, EndpointProfile]
) -> dict[str, str]:
    """sha256 of the scenario with its script, of what was declared about the comparison, of script, audio and profiles.

    audio: sha256 of all that the script says, in its order.
    """
    dumped = _dump(scenario)
    return {
        "scenario": canonical_hash({"scenario": dumped, "script": _dump(script)}),
        "margins": canonical_hash(_declared(scenario, dumped)),
        "script": canonical_hash(_dump(script)),
        "profiles": canonical_hash({arm: profile.model_dump(mode="json") for arm, profile in profiles.items()}),
        "audio": canonical_hash(list(audio)),
    }


def _declared(scenario: Scenario, dumped: Mapping[str, Any]) -> dict[str, Any]:
    """Roles, margins, looks, alpha and the factor; and the blocks, of which each look has a share."""
    declared = {"compare": dumped.get("compare"), "thresholds": dumped["thresholds"]}
    if scenario.compare is not None:
        declared |= {"blocks": scenario.blocks, "calls_per_block": scenario.calls_per_block}
    return declared


def margins_hashes(resolved: Mapping[str, Any]) -> frozenset[str]:
    """What `margins` of run.json can be if nothing declared was changed: of a resolved copy's plain data, as hashed
    today, and as before the blocks were part of it."""
    declared = {"compare": resolved.get("compare"), "thresholds": resolved.get("thresholds", [])}
    with_blocks = declared | {name: resolved.get(name) for name in ("blocks", "calls_per_block")}
    return frozenset({canonical_hash(declared), canonical_hash(with_blocks)})


def resolved_yaml(scenario: Scenario, file_name: str, overrides: Iterable[str], redactor: Redactor) -> str:
    """The scenario with every default filled in, as YAML that loads to an equal Scenario, secrets aside."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 120
    out = io.StringIO()
    yaml.dump(redactor.value(_dump(scenario)), out)
    header = [
        f"Resolved copy of {file_name}: defaults filled in, overrides applied.",
        "Files are named relative to where the scenario was.",
        *(redactor.text(f"--set {override}") for override in overrides),
    ]
    return "".join(f"# {line}\n" for text in header for line in text.splitlines()) + out.getvalue()


def _dump(model: BaseModel) -> dict[str, Any]:
    """Plain data. Fields that are None are left out, as if not written; None in the user's own data stays."""
    plain = model.model_dump(mode="json")
    return {name: _value(getattr(model, name), plain[name]) for name in plain if getattr(model, name) is not None}


def _value(value: Any, plain: Any) -> Any:
    if isinstance(value, BaseModel):
        return _dump(value)
    if isinstance(value, tuple):
        return [_value(entry, plain[i]) for i, entry in enumerate(value)]
    if isinstance(value, dict) and any(isinstance(entry, BaseModel) for entry in value.values()):
        return {key: _value(entry, plain[key]) for key, entry in value.items()}
    return plain
