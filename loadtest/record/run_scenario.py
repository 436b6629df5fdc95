"""scenario.yaml of a results folder: the scenario as it was run, every value filled in."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.scenario.models import Scenario

__all__ = ["read_run_scenario"]


def read_run_scenario(folder: RunFolder) -> Scenario:
    """Read it, without the files that it names. Raises RecordError."""
    try:
        return Scenario.model_validate(YAML(typ="safe", pure=True).load(folder.scenario.read_text(encoding="utf-8")))
    except (OSError, YAMLError, ValueError) as e:
        raise RecordError(
            f"{folder.scenario}: cannot be read as a resolved scenario: {e}",
            remedy="It is written by `loadtest run` and not meant to be edited; restore it from another copy.",
        ) from e
