"""What is written of a run before its first dial: its folder, what it is made of, and its plan."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadtest.clock import utc_now
from loadtest.errors import RecordError
from loadtest.numbers import Numbers, hash_numbers, keep_numbers, numbers_in, own_numbers
from loadtest.plan.build import plan_hash
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cap import resolve_cap
from loadtest.plan.cost import billed_arms
from loadtest.record.capacity import capacity_warnings
from loadtest.record.endpoints import endpoint_label, run_kind
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import write_plan
from loadtest.record.run_json import RunInfo, RunState, host, versions
from loadtest.record.writer import write_atomically
from loadtest.scenario.arms import Arm
from loadtest.scenario.load import LoadedScenario
from loadtest.scenario.models import Scenario
from loadtest.stack.generations.environment import pinned_versions

__all__ = ["Stored", "as_stored", "make_folder", "open_run"]


def open_run(loaded: LoadedScenario, plan: tuple[PlannedCall, ...], results: Path) -> tuple[RunFolder, RunInfo]:
    """Make the folder of a run that begins now, with all that is written before the first dial. Raises RecordError."""
    scenario = loaded.scenario
    started = utc_now()
    stored = as_stored(loaded, plan)
    folder = make_folder(results, f"{started:%Y%m%dT%H%M%SZ}-{scenario.name}")
    cap = resolve_cap(scenario, host()["cores"])
    info = RunInfo(
        run_id=folder.run_id,
        scenario=scenario.name,
        scenario_file=str(loaded.path),
        state=RunState.RUNNING,
        kind=run_kind(scenario.arms, {}),
        stack=scenario.stack,
        seed=scenario.seed,
        started_utc=started.isoformat(timespec="seconds"),
        cap=cap,
        planned_calls=len(plan),
        hashes=stored.hashes,
        versions=versions(),
        host=host(),
        arms=stored.arms,
        overrides=loaded.overrides,
        warnings=(*_on_the_way(loaded, os.environ), *capacity_warnings(scenario, cap, None)),
    )
    info.write(folder)
    write_atomically(folder.scenario, stored.scenario_yaml.encode())
    write_plan(folder.plan, stored.plan)
    return folder, info


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is written of a scenario and its plan before the first dial."""

    hashes: Mapping[str, str]
    plan: tuple[PlannedCall, ...]
    scenario_yaml: str
    arms: Mapping[str, Mapping[str, Any]]


def as_stored(loaded: LoadedScenario, plan: tuple[PlannedCall, ...]) -> Stored:
    """From here on telephone numbers are hashed wherever something is written, if the scenario says so."""
    numbers = _numbers_of(loaded.scenario)
    hashes, stored, resolved = dict(loaded.hashes), plan, loaded.resolved_yaml
    if numbers is not None:
        stored = tuple(replace(call, number=numbers.hashed(call.number)) for call in plan)
        resolved = numbers.text(resolved)
        # Whoever has the rest of the scenario could find a number in it by trying them all.
        hashes["scenario"] = numbers.digest(hashes["scenario"]) if numbers.known else hashes["scenario"]
    return Stored(
        hashes={**hashes, "plan": plan_hash(plan)},
        plan=stored,
        scenario_yaml=resolved,
        arms={name: _fingerprint(arm) for name, arm in loaded.scenario.arms.items()},
    )


def _numbers_of(scenario: Scenario) -> Numbers | None:
    """What hashes the run's telephone numbers; None if they are stored as they are."""
    if scenario.phone_numbers == "plain":
        keep_numbers()
    else:
        hash_numbers(numbers_in([arm.agent.metadata for arm in scenario.arms.values()]))
    return own_numbers()


def _on_the_way(loaded: LoadedScenario, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What stands between the agents that are started and Google's endpoints, as far as the environment says."""
    arms = loaded.scenario.arms
    started = any(not arms[name].agent.external for name in billed_arms(loaded.scenario))
    names = [name for name in ("HTTPS_PROXY", "https_proxy") if environ.get(name)]
    if not started or not names:
        return ()
    return (f"{names[0]} is set: the way to Google leads over a proxy, which is in every latency.",)


def make_folder(results: Path, name: str) -> RunFolder:
    """results/<name>-<4 hex>/, of no other run. Raises RecordError."""
    while True:
        folder = RunFolder(results / f"{name}-{secrets.token_hex(2)}")
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError as e:
            if folder.path.is_dir():
                continue  # a run that began in the same second, by bad luck with the same name
            raise _no_folder(folder, e) from e
        except OSError as e:
            raise _no_folder(folder, e) from e
        return folder


def _no_folder(folder: RunFolder, e: OSError) -> RecordError:
    return RecordError(
        f"{folder.path}: cannot be created: {e.strerror or e}",
        remedy="Name a folder that you can write to with --results.",
    )


def _fingerprint(arm: Arm) -> dict[str, Any]:
    endpoint = arm.endpoint
    if arm.agent.reference:
        agent = "reference" if arm.agent.plugin is None else f"reference, plugin {arm.agent.plugin}"
    else:
        agent = f"{'command' if arm.agent.command is not None else 'external'} {arm.agent.name or ''}".strip()
    if endpoint is None:
        where = "unknown"
    elif endpoint.google:
        where = "google"
    elif endpoint.profile is not None:
        where = f"profile {endpoint.profile}"
    else:
        where = f"base_url {endpoint.base_url}"
    return {
        "model": arm.model,
        "api": arm.api.value,
        "agent": agent,
        "endpoint": where,
        "endpoint_label": endpoint_label(arm, ()),
        "plugin": arm.agent.plugin,
        "versions": {} if arm.agent.plugin is None else pinned_versions(arm.agent.plugin),
    }
