"""scenario.yaml of a results folder: the scenario as it was run, every value filled in."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.scenario.models import Scenario
from loadtest.scenario.resolved import margins_hashes

__all__ = ["margins_are", "read_run_scenario"]


def read_run_scenario(folder: RunFolder) -> Scenario:
    """Read it, without the files that it names. Raises RecordError."""
    try:
        return Scenario.model_validate(_load(folder))
    except (OSError, YAMLError, ValueError) as e:
        raise RecordError(
            f"{folder.scenario}: cannot be read as a resolved scenario: {e}",
            remedy="It is written by `loadtest run` and not meant to be edited; restore it from another copy.",
        ) from e


def margins_are(folder: RunFolder, recorded: str) -> bool:
    """Whether what the copy declares of the comparison has the hash that was recorded before the first dial.

    By the copy as it stands: fields that a later loadtest adds to a scenario change nothing.
    """
    try:
        return recorded in margins_hashes(_load(folder))
    except (OSError, YAMLError, ValueError, AttributeError, TypeError):
        return False


def _load(folder: RunFolder) -> Any:
    return YAML(typ="safe", pure=True).load(folder.scenario.read_text(encoding="utf-8"))
