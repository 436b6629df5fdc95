"""The page says what was found and no more; docs/calibration.md names every key that is kept."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from loadtest.jobs.calibrate.blind import Blind, compared, numbers
from loadtest.jobs.calibrate.capacity import Look, Searched
from loadtest.jobs.calibrate.evidence import Evidence, PathParts
from loadtest.jobs.calibrate.fit import Apart, Fit, middle
from loadtest.jobs.calibrate.found import Found
from loadtest.jobs.calibrate.page import blind_numbers, page
from loadtest.jobs.calibrate.result import Calibration, Resolution
from loadtest.jobs.calibrate.truth import matched, truth_of
from loadtest.jobs.calibrate.truths import TurnTruth

DOC = Path(__file__).parents[4] / "docs" / "calibration.md"
LINE = Fit(
    n=40,
    slope=1.0012,
    slope_low=0.998,
    slope_high=1.004,
    intercept_ms=146.0,
    jitter_ms=7.4,
    shortest_ms=730.0,
    longest_ms=5530.0,
)
SAME = Apart(blocks=12, turns=57, difference_ms=1.2, low_ms=-3.0, high_ms=5.4, standard_error_ms=1.9)


def calibration(**found: Any) -> Calibration:
    nothing = {
        "sweep": None,
        "path": None,
        "floor": None,
        "holes": None,
        "dead_air": None,
        "closes_1011": None,
        "blind": None,
        "resolution": None,
        "capacity_with_agents": None,
        "capacity_callees_only": None,
        "valid_share": None,
    }
    plain = {
        "calibration": "20261122T233408Z-calibrate-9a6c",
        "target": "embedded",
        "quick": False,
        "state": "complete",
        "started_utc": "2026-11-22T23:34:08+00:00",
        "seconds": 600.0,
        "host": {"cores": 2},
        "versions": {},
        "runs": (),
        "invalid_reasons": {},
    }
    return Calibration(**{**plain, **nothing, **found})


def test_the_first_sentence_is_what_the_machine_can_tell_apart() -> None:
    text = page(calibration(sweep=LINE, resolution=Resolution(same=SAME, jitter_ms=7.4, least_difference_ms=11.4)))
    assert text.splitlines()[0] == "# This machine can tell apart arms that differ by 11 ms"
    assert "SIMULATED" in text
    assert "slope   1.0012 [0.9980, 1.0040]" in text
    assert "+1.2 ms [-3.0, +5.4]: 12 blocks, 57 turns an arm" in text


def test_what_was_not_measured_is_not_claimed() -> None:
    text = page(calibration(state="interrupted"))
    assert text.startswith("# Not enough was measured")
    assert "interrupted" in text
    assert text.lower().count("not measured") >= 7


def test_an_invalid_calibration_says_so_before_any_figure_and_why() -> None:
    text = page(calibration(sweep=LINE, valid_share=0.949, invalid_reasons={"cpu_stall": 3}))
    assert text.index("INVALID") < text.index("slope")
    assert "cpu_stall 3" in text
    assert "INVALID" not in page(calibration(valid_share=0.95))


def test_found_missed_and_invented_are_counted_on_the_page() -> None:
    holes = Found(injected=30, found=29, not_judged=2, invented=1, turns=170, errors_ms=(8.0, -12.0, 4.0))
    offset = middle([140.0, 150.0, 160.0])
    assert offset is not None
    text = page(
        calibration(
            holes=holes,
            path=PathParts(offset=offset, up=offset, down=offset),
            capacity_with_agents=Searched(
                held=4, touched=6, looks=(Look(calls=6, held=False, turns=9, touched={"cpu_stall": 4}),)
            ),
        )
    )
    assert "29 of 30 found, 1 invented in 170 turns, 2 in invalid turns" in text
    assert "largest 12 ms" in text
    assert "4 held, not 6 (6 not: cpu_stall)" in text


def test_the_blind_numbers_rest_on_the_tables_alone_and_are_compared_afterwards() -> None:
    row = {
        "call_id": "0007-b",
        "arm": "b",
        "turn": 0,
        "kind": "script",
        "speech_end_s": 10.0,
        "latency_ms": 1146.0,
        "valid": True,
    }
    gap = {"call_id": "0007-b", "turn": 0, "kind": "mid_reply", "gap_ms": 412.0}
    line = dataclasses.replace(LINE, slope=1.0)
    told = numbers([row, row | {"call_id": "0001-b"}, row | {"valid": False}], [gap], ["0007-b"], line)
    (number,) = told
    assert (number.estimate_ms, number.gap_ms) == (1000.0, 412.0)
    assert "latency 1146 ms, so true 1000 ms, hole 412 ms" in blind_numbers(told)
    truth = truth_of(
        [
            {"type": "reply_started", "call_id": "0007-b", "turn": 1, "at_s": 11.09, "kind": "reply"},
            {"type": "fault", "call_id": "0007-b", "turn": 1, "fault": "F23", "hole_ms": 400.0},
            {"type": "caller_speech_end", "call_id": "0007-b", "turn": 1, "at_s": 10.1, "detected_s": 10.64},
        ]
    )
    measured = Evidence(calls=(), turns=[row], gaps=[gap], closes=(), truth=truth, matched=matched(truth, [row]))
    blind: Blind = compared(told, {"0007-b": [TurnTruth(448.0, hole_ms=400.0)]}, "abc", measured)
    assert blind.error is not None
    assert abs(blind.error.median_ms - 10.0) < 1e-6
    assert (blind.gaps.injected, blind.gaps.found) == (1, 1)
    assert blind.off_seal_ms is not None
    assert abs(blind.off_seal_ms - 2.0) < 1e-6


def test_the_doc_names_every_key() -> None:
    text = DOC.read_text()
    table = text[text.index("Keys of `calibration.json`") :]
    named = [
        name for row in re.findall(r"^\| (.*?) \|", table, flags=re.MULTILINE) for name in re.findall("`(.*?)`", row)
    ]
    assert named == [field.name for field in dataclasses.fields(Calibration)]
