"""night.json: what is written is read again, and docs/nightly.md names every key."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date
from pathlib import Path

import pytest

from loadtest.errors import NewerError, RecordError
from loadtest.record.checks import Check, Result
from loadtest.record.layout import RunFolder
from loadtest.record.night import Figure, Night, NightState, find_nights

DOC = Path(__file__).parents[3] / "docs" / "nightly.md"
NIGHT = Night(night=date(2026, 11, 23), scenario="peak", scenario_file="scenarios/peak.yaml", run_id="r")


def folder(path: Path, name: str = "r") -> RunFolder:
    (path / name).mkdir()
    return RunFolder(path / name)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    there = folder(tmp_path)
    whole = dataclasses.replace(
        NIGHT,
        state=NightState.COMPLETE,
        exit_code=4,
        checks=(Check(group="thresholds", name="n", result=Result.FAILED, text="t"),),
        figures=(Figure(metric="m", arm="ga", unit="ms", value=None, low=None, high=None, text="–"),),
        alarms=({"metric": "m", "value": 1.1},),
        notes=("n",),
    )
    for night in (NIGHT, whole):
        night.write(there)
        assert Night.read(there) == night


def test_keys_of_later_versions_are_skipped_and_newer_schemas_left_alone(tmp_path: Path) -> None:
    there = folder(tmp_path)
    body = NIGHT.as_object()
    there.night_json.write_text(json.dumps(body | {"new": 1}))
    assert Night.read(there) == NIGHT
    there.night_json.write_text(json.dumps(body | {"schema_version": 99}))
    with pytest.raises(NewerError):
        Night.read(there)
    with pytest.raises(NewerError):
        NIGHT.write(there)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": 1, "night": "tonight"}'])
def test_what_is_no_night_is_an_error_with_its_name(tmp_path: Path, text: str) -> None:
    there = folder(tmp_path)
    there.night_json.write_text(text)
    with pytest.raises(RecordError, match=r"night\.json"):
        Night.read(there)


def test_nights_are_found_by_scenario_in_their_order(tmp_path: Path) -> None:
    for name, night, scenario in (("b", 22, "peak"), ("a", 23, "peak"), ("c", 21, "other")):
        made = dataclasses.replace(NIGHT, night=date(2026, 11, night), scenario=scenario, run_id=name)
        made.write(folder(tmp_path, name))
    folder(tmp_path, "no-night")
    assert [found.path.name for found, _ in find_nights(tmp_path, "peak")] == ["b", "a"]


def test_every_key_is_described() -> None:
    text = DOC.read_text().partition("### night.json")[2].partition("### ")[0]
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    described = [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]
    assert described == [field.name for field in dataclasses.fields(Night)]
    for kind in (Check, Figure):
        assert all(f"`{field.name}`" in text for field in dataclasses.fields(kind))
