"""The validity strip: which limit was touched, how often, in which arm, and by how much."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from loadtest.analyse.limits import CODES, limits_touched, reason_code
from loadtest.record.tables import TABLES
from loadtest.report.limit_rows import limit_rows
from loadtest.report.markdown import markdown
from loadtest.report.summary import summarise
from loadtest.scenario.models import ValidityLimits
from tests.unit.made_up import ordinary_run

OF_THE_RUN = {"late_share", "valid_share", "disputed_share", "share_difference"}


def touched(reasons: dict[str, list[str | None]]) -> dict[str, tuple[dict[str, int], dict[str, float | None]]]:
    turns = pl.DataFrame(
        [{"arm": arm, "invalid_reason": reason} for arm, of in reasons.items() for reason in of],
        schema={"arm": pl.String, "invalid_reason": pl.String},
    )
    calls = pl.DataFrame(schema=dict(TABLES["calls"]))
    found = limits_touched(turns, calls, ValidityLimits(), reasons)
    return {use.limit: (dict(use.touched), dict(use.worst)) for use in found if any(use.touched.values())}


def test_every_limit_is_on_the_strip_or_judges_the_whole_run() -> None:
    listed = {use.limit for use in limits_touched(*_nothing(), ValidityLimits(), ["ga"])}
    assert listed | OF_THE_RUN == set(ValidityLimits.model_fields)
    assert not listed & OF_THE_RUN


def _nothing() -> tuple[pl.DataFrame, pl.DataFrame]:
    turns, calls = (pl.DataFrame(schema=dict(TABLES[name])) for name in ("turns", "calls"))
    return turns, calls


def test_a_turn_counts_once_for_a_limit_with_its_worst() -> None:
    seen = touched(
        {
            "preview": ["agent_frame_gap 130 ms; callee_step 210 ms", "cpu 95%; cpu_stall 61%", None],
            "ga": ["agent_frame_gap 140 ms", "killed", "load_unknown", None],
        }
    )
    assert seen == {
        "frame_gap_ms": ({"preview": 1, "ga": 1}, {"preview": 210.0, "ga": 140.0}),
        "cpu_share": ({"preview": 1, "ga": 0}, {"preview": 0.95, "ga": None}),
        "cpu_stall": ({"preview": 1, "ga": 0}, {"preview": 0.61, "ga": None}),
    }


def test_reasons_are_told_from_their_amounts() -> None:
    assert [reason_code(r) for r in ("loop_lag 134 ms", "cpu 95%", "unreadable_events 2", "killed")] == [
        "loop_lag",
        "cpu",
        "unreadable_events",
        "killed",
    ]
    assert len({code for codes in CODES.values() for code in codes}) == sum(len(codes) for codes in CODES.values())


def test_the_strip_names_limit_arm_and_how_often(tmp_path: Path) -> None:
    run = ordinary_run()
    for turn in [t for t in run.tables["turns"] if t["arm"] == "ga"][:2]:
        turn.update(valid=False, invalid_reason="cpu_stall 47%; loop_lag 160 ms")
    first = run.tables["calls"][0]
    first["dialled_s"] = first["due_s"] + 1.5
    summary = summarise(run.write(tmp_path))
    assert summary.valid
    rows = {row.label: dict(zip(summary.arms, row.cells, strict=True)) for row in limit_rows(summary)}
    other = "ga" if first["arm"] == "preview" else "preview"
    assert rows == {
        "loop_lag_ms > 150 ms": {"preview": "–", "ga": "2 turns, up to 160 ms"},
        "cpu_stall > 40 %": {"preview": "–", "ga": "2 turns, up to 47 %"},
        "dial_late_ms > 1.00 s": {first["arm"]: "1 call, up to 1.50 s", other: "–"},
    }
    assert "2 turns, up to 47 %" in markdown(summary)


def test_a_run_without_a_scratch_says_so(tmp_path: Path) -> None:
    (row,) = limit_rows(summarise(ordinary_run().write(tmp_path)))
    assert row.cells == ("none of 10 touched",)
