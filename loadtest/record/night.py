"""night.json: which night a run is of, and what was told of it in the morning. Only runs that have one are history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from loadtest.errors import NewerError, RecordError
from loadtest.record.checks import Check, check_of
from loadtest.record.layout import RunFolder
from loadtest.record.writer import check_schema, write_json

__all__ = ["SCHEMA_VERSION", "Figure", "Night", "NightState", "find_nights"]

SCHEMA_VERSION = 1
"""Of night.json: keys are added, never renamed, without a new version."""


class NightState(StrEnum):
    """How far a night has come."""

    RUNNING = "running"
    """Its run is in progress, or was stopped or killed; or it has not been judged yet."""
    COMPLETE = "complete"
    """It has been judged. It is only told again from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of one arm, as the night's summary has it."""

    metric: str
    """As a threshold names it: `reply_latency.p95`."""
    arm: str
    unit: str
    value: float | None
    low: float | None
    """Of the 95 % interval; null without one, and where it is unbounded."""
    high: float | None
    text: str
    """Value and interval for people, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The contents of night.json."""

    schema_version: int = SCHEMA_VERSION
    night: date
    scenario: str
    """Name of the scenario: there is one run of it a night."""
    scenario_file: str
    """As it was named."""
    run_id: str
    state: NightState = NightState.RUNNING
    kind: str | None = None
    """live, rehearsal or other, as the summary says. Null, like all that follows, until the night is complete."""
    exit_code: int | None = None
    sentence: str | None = None
    """What came of it, in one sentence."""
    checks: tuple[Check, ...] = ()
    figures: tuple[Figure, ...] = ()
    alarms: tuple[dict[str, Any], ...] = ()
    """Changes that were confirmed this night, and on no night before."""
    notes: tuple[str, ...] = ()
    """What is to be read with it: what was not decided, baseline nights, warnings."""
    webhook: str | None = None
    """What became of the message: `sent`, or why it was not. Null: it has not been tried."""

    def write(self, folder: RunFolder) -> None:
        """Write night.json atomically. Raises RecordError, and NewerError before replacing what it does not know."""
        check_schema(folder.night_json, SCHEMA_VERSION)
        write_json(folder.night_json, self.as_object(), durable=True)

    def as_object(self) -> dict[str, Any]:
        """The object of night.json: field names are keys, the night is YYYY-MM-DD."""
        return asdict(self) | {"night": self.night.isoformat()}

    @classmethod
    def read(cls, folder: RunFolder) -> Self:
        """Read night.json. Raises RecordError if there is none, it cannot be read or is from a newer version."""
        try:
            body = json.loads(folder.night_json.read_text())
            if body["schema_version"] > SCHEMA_VERSION:
                raise NewerError(str(folder.night_json), body["schema_version"], SCHEMA_VERSION)
            values = {f.name: body[f.name] for f in fields(cls) if f.name in body}
            values["night"], values["state"] = date.fromisoformat(body["night"]), NightState(body["state"])
            values["checks"] = tuple(check_of(check) for check in body.get("checks", ()))
            values["figures"] = tuple(_figure(figure) for figure in body.get("figures", ()))
            values["alarms"], values["notes"] = tuple(body.get("alarms", ())), tuple(body.get("notes", ()))
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise RecordError(
                f"{folder.night_json}: cannot be read ({type(e).__name__}: {e})",
                remedy="It is written by `loadtest nightly`. Restore it from a copy, or move the run's folder away.",
            ) from e


def _figure(body: dict[str, Any]) -> Figure:
    return Figure(**{f.name: body[f.name] for f in fields(Figure)})


def find_nights(results: Path, scenario: str) -> Iterator[tuple[RunFolder, Night]]:
    """The runs in `results` that are nights of the scenario of this name, by night and time. Raises RecordError."""
    found = []
    for path in results.glob("*/night.json"):
        folder = RunFolder(path.parent)
        night = Night.read(folder)
        if night.scenario == scenario:
            found.append((folder, night))
    yield from sorted(found, key=lambda one: (one[1].night, one[1].run_id))
