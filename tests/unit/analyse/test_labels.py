"""Shares of turns in which something was heard that is no ordinary reply."""

from __future__ import annotations

import json
from pathlib import Path

from loadtest.analyse.arm import arm_figures
from loadtest.analyse.inputs import read_run
from loadtest.analyse.shares import Share
from loadtest.measure.labels import Label
from loadtest.report.summary import summarise, write_summary
from tests.unit.made_up import ordinary_run


def test_a_label_is_counted_in_valid_script_turns_of_its_own_arm(tmp_path: Path) -> None:
    run = ordinary_run(blocks=16)  # 96 turns an arm
    turns = [turn for turn in run.tables["turns"] if turn["arm"] == "ga"]
    for i in (0, 7, 40):
        turns[i]["labels"] = "near_zero; repeated"
    turns[50]["labels"] = "repeated"
    turns[51].update(labels="repeated", kind="reprompt")
    turns[52].update(labels="repeated", valid=False)
    data = read_run(run.write(tmp_path))
    ga, preview = (arm_figures(data, arm).labels for arm in ("ga", "preview"))
    assert (ga["repeated"].count, ga["repeated"].n) == (4, 94)
    assert (ga["near_zero"].count, ga["near_zero"].n) == (3, 94)
    low, high = ends(ga["repeated"])
    assert 0 < low < 4 / 94 < high < 0.15
    assert {name: share.count for name, share in preview.items()} == {label.value: 0 for label in Label}
    # None in 96 turns is no proof that there are none.
    assert 0.03 < ends(preview["repeated"])[1] < 0.04


def ends(share: Share) -> tuple[float, float]:
    assert share.interval is not None
    assert share.interval.high is not None
    return share.interval.low, share.interval.high


def test_one_label_is_not_taken_for_another_that_contains_its_name(tmp_path: Path) -> None:
    run = ordinary_run()
    run.tables["turns"][0]["labels"] = "second_greeting_of_a_later_version; uphole"
    figures = arm_figures(read_run(run.write(tmp_path)), "preview").labels
    assert all(share.count == 0 for share in figures.values())


def test_shares_of_labels_and_of_talked_over_turns_are_in_the_summary_with_intervals(tmp_path: Path) -> None:
    run = ordinary_run()
    run.tables["turns"][0].update(labels="breath", outcome="talked_over", latency_ms=None, talked_over_ms=300.0)
    folder = run.write(tmp_path)
    write_summary(folder, summarise(folder))
    figures = json.loads(folder.summary_json.read_text())["arms"]["preview"]["figures"]
    for share in (figures["labels"]["breath"], figures["talked_over"]):
        assert (share["count"], share["n"]) == (1, 96)
        assert 0 < share["interval"]["low"] < share["value"] < share["interval"]["high"] < 0.1
