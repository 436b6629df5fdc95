from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from loadtest.scenario.endpoint import EndpointProfile

FOLDER = Path(__file__).parents[3] / "scenarios" / "endpoints"
PLAIN = {"version": 1, "model": "m", "reply_delay": {"distribution": "constant", "value_ms": 300}}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_profiles_are_named_for_their_model_and_survive_json(path: Path) -> None:
    profile = EndpointProfile.model_validate(YAML(typ="safe").load(path.read_text()))
    assert profile.model == path.stem
    assert EndpointProfile.model_validate_json(profile.model_dump_json()) == profile
    assert EndpointProfile.model_validate(profile.model_dump(mode="json")) == profile


def test_part_lengths_by_api() -> None:
    profile = EndpointProfile.model_validate(PLAIN)
    assert (profile.part_ms_gemini, profile.part_ms_vertex) == (43, 262)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"speed": 2}, "speed"),
        ({"reply_delay": {"distribution": "normal", "value_ms": 1}}, "distribution"),
        ({"reply_delay": {"distribution": "lognormal", "median_ms": 900, "p95_ms": 800}}, "p95_ms must not be below"),
        ({"connection_limit_s": 10, "go_away_time_left_s": 50}, "go_away_time_left_s must be below"),
        ({"faults": [{"fault": "F99", "per_turn": 0.1}]}, "unknown fault 'F99'"),
        ({"faults": [{"fault": "F1"}]}, "F1 needs exactly one of per_turn, at_turn"),
        ({"faults": [{"fault": "F1", "per_turn": 0.1, "at_turn": 1}]}, "F1 needs exactly one of"),
        ({"faults": [{"fault": "F4", "per_turn": 0.1}]}, "F4 needs exactly one of per_minute, at_connected_s"),
        ({"faults": [{"fault": "F1", "per_turn": 1.5}]}, "less than or equal to 1"),
        ({"faults": [{"fault": "F7", "per_turn": 0.85}]}, "F7 needs between_s"),
        ({"faults": [{"fault": "F1", "at_turn": 1, "between_s": [9, 9]}]}, "with from < to"),
        ({"faults": [{"fault": "F1", "at_turn": 1, "share": 1.1}]}, "less than or equal to 1"),
        ({"faults": [{"fault": "F1", "at_turn": 1, "variant": "plain"}]}, "unknown variant 'plain': F1 has none"),
        ({"faults": [{"fault": "F1", "per_turn": 0.1, "http_status": 429}]}, "F1 does not take http_status"),
        (
            {"faults": [{"fault": "F23", "per_turn": 0.1, "stall_ms_min": 900, "stall_ms_max": 800}]},
            "stall_ms_max must not be below",
        ),
        (
            {"faults": [{"fault": "F32", "per_turn": 0.1, "repeat_ms_min": 900, "repeat_ms_max": 800}]},
            "repeat_ms_max must not be below",
        ),
    ],
)
def test_what_is_refused_and_what_the_error_says(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        EndpointProfile.model_validate(PLAIN | change)
