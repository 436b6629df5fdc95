"""Loading a scenario with all that it names, strictly: everything that is wrong is reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.redact import keep_secret, own_redactor, secrets_in
from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.find import find, is_shipped
from loadtest.scenario.models import Scenario
from loadtest.scenario.named_files import NamedFiles
from loadtest.scenario.overrides import apply_overrides
from loadtest.scenario.problems import Place, Problem, ScenarioProblems, describe, dotted
from loadtest.scenario.resolved import hashes, resolved_yaml
from loadtest.scenario.script_files import LoadedLine, LoadedScript
from loadtest.scenario.thresholds import Threshold, parse_threshold
from loadtest.scenario.validate import validate
from loadtest.scenario.yaml_source import Source, read_source

__all__ = ["LoadedLine", "LoadedScenario", "LoadedScript", "load_scenario"]


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario that can be run."""

    path: Path
    """As given."""
    scenario: Scenario
    script: LoadedScript
    profiles: Mapping[str, EndpointProfile]
    """By arm; of the arms that have one. With the arm's faults behind the profile's own."""
    ca_files: Mapping[str, Path]
    """By arm, absolute; of the arms that have one."""
    thresholds: tuple[Threshold, ...]
    overrides: Mapping[str, Any]
    """Value by dotted path, as set on the command line."""
    override_texts: tuple[tuple[str, str], ...]
    """Dotted path and value as written, in order: `path=value` of each loads the same scenario again."""
    resolved_yaml: str
    """What goes into the results folder."""
    hashes: Mapping[str, str]
    """sha256 of scenario (with its script), margins (with thresholds), script, audio, profiles."""
    shipped: tuple[str, ...] = ()
    """What it or its script names that was not beside the naming file, and comes with loadtest."""
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)
    """Where each value was written, by dotted path."""

    def place(self, dotted_path: str) -> Place:
        """Where a value was written, or what is around it; the file if nothing is."""
        while dotted_path not in self.places and dotted_path:
            dotted_path = dotted_path.rpartition(".")[0]
        return self.places.get(dotted_path, Place(str(self.path)))


def load_scenario(path: Path, overrides: Sequence[str] = (), *, live: bool = False) -> LoadedScenario:
    """The scenario in the file at `path`, with `path=value` overrides applied in order.

    live: then the endpoint of every arm is overridden to be Google's, to which nothing can be done.
    Raises ScenarioProblems, a ScenarioError, with all that is wrong.
    """
    problems: list[Problem] = []
    source = read_source(path, problems)
    if source is None:
        raise ScenarioProblems(problems, scenario=str(path))
    source, applied = apply_overrides(source, overrides, Scenario, problems)
    if live:
        to_google = [f"arms.{arm}.endpoint=google" for arm in _arms(source)]
        to_google += [f"arms.{arm}.faults=[]" for arm, said in _arms(source).items() if _has_faults(said)]
        source, more = apply_overrides(source, to_google, Scenario, problems)
        applied = (*applied, *more)
    scenario = validate(Scenario, source, problems)
    thresholds = _thresholds(source, problems)
    files = NamedFiles(path, source, problems)
    script = files.script()
    arms = [str(name) for name in _arms(source)]
    profiles = {arm: profile for arm in arms if (profile := files.profile(arm)) is not None}
    ca_files = {arm: file for arm in arms if (file := files.ca_file(arm)) is not None}
    if problems or scenario is None or script is None:
        raise ScenarioProblems(problems, scenario=str(path))
    profiles = {
        arm: profile.model_copy(update={"faults": (*profile.faults, *scenario.arms[arm].faults)})
        for arm, profile in profiles.items()
    }
    texts = tuple((dotted(override.path), override.text) for override in applied)
    keep_secret(secrets_in(source.data))
    return LoadedScenario(
        path=path,
        scenario=scenario,
        script=script,
        profiles=profiles,
        ca_files=ca_files,
        thresholds=thresholds,
        overrides={dotted(override.path): override.value for override in applied},
        override_texts=texts,
        resolved_yaml=resolved_yaml(
            scenario, path.name, (f"{name}={text}" for name, text in texts), own_redactor(os.environ)
        ),
        hashes=hashes(scenario, script.spec, script.audio, profiles),
        shipped=_shipped(path, scenario, script),
        places={dotted(where): place for where, place in source.values.items()},
    )


def _has_faults(arm: Any) -> bool:
    return isinstance(arm, dict) and bool(arm.get("faults"))


def _arms(source: Source) -> Mapping[str, Any]:
    arms = source.data.get("arms")
    return arms if isinstance(arms, dict) else {}


def _shipped(path: Path, scenario: Scenario, script: LoadedScript) -> tuple[str, ...]:
    profiles = [arm.endpoint.profile for arm in scenario.arms.values() if arm.endpoint and arm.endpoint.profile]
    of_script = find(path, scenario.script)
    audio = [line.spec.audio for line in script.everything if line.spec.audio]
    named = [(path, scenario.script), *((path, name) for name in profiles), *((of_script, name) for name in audio)]
    return tuple(dict.fromkeys(name for file, name in named if is_shipped(file, name)))


def _thresholds(source: Source, problems: list[Problem]) -> tuple[Threshold, ...]:
    texts = source.data.get("thresholds")
    parsed = []
    for i, text in enumerate(texts if isinstance(texts, tuple) else ()):
        if not isinstance(text, str):
            continue
        try:
            parsed.append(parse_threshold(text, _arms(source)))
        except ValueError as error:
            where = ("thresholds", i)
            remedy = "The form is `metric[.arm].stat op value`, for example `answered_share.value >= 0.98`."
            problems.append(Problem(source.place(where), dotted(where), f"{error}; found {describe(text)}", remedy))
    return tuple(parsed)
