"""What a run of all faults is held against."""

from __future__ import annotations

from typing import Any

from tests.faults.evidence import EVIDENCES, Evidence
from tests.faults.judge import Verdict
from tests.faults.totals import Controls, Difference, cells, differences, not_judged, totals

CONTROLS = Controls(80, 320, 0, 0, dict.fromkeys(EVIDENCES, ()))


def verdict(fault: str, evidence: Evidence = "probe", **changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "call_id": "0000-plugin-1-8-9",
        "fault": fault,
        "plugin": "1.8.9",
        "evidence": evidence,
        "valid": True,
        "audible": True,
        "agrees": True,
        "differences": (),
        "wrong": (),
        "heard": "1 turn lost",
        "called": "ws_close",
        "survived": "yes",
    }
    return Verdict(**{**values, **changes})


def whole(**changes: Any) -> list[Verdict]:
    """A verdict for every fault and evidence; `changes` are to F5 by the probe."""
    return [
        verdict(f"F{n}", evidence, **(changes if (n, evidence) == (5, "probe") else {}))
        for n in range(1, 34)
        for evidence in EVIDENCES
    ]


def short(of: list[Verdict], controls: Controls = CONTROLS, unexplained: tuple[Difference, ...] = ()) -> list[str]:
    return list(totals(cells(of), controls, unexplained).short)


def test_a_run_in_which_all_is_as_expected_falls_short_of_nothing() -> None:
    assert short(whole()) == []


def test_a_wrong_cause_is_never_made_good() -> None:
    assert short(whole(agrees=False, wrong=("turn 1: stall",))) == ["a wrong cause: F5 1.8.9 probe: turn 1: stall"]


def test_too_few_control_turns_and_false_alarms_fall_short() -> None:
    few = Controls(70, 280, 40, 0, {"probe": ("0001: turn 1: no_reply",), "agent_log": (), "acoustic": ()})
    told = short(whole(), few)
    assert [text.split(":")[0] for text in told] == [
        "280 control turns, of 300 that are promised",
        "a false alarm (probe)",
    ]


def test_a_fault_that_can_be_heard_must_be_noticed_by_ear() -> None:
    unheard = [verdict("F1"), verdict("F1", "acoustic", agrees=False)]
    assert "F1 1.8.9: not noticed without probe and log" in short(unheard)


def test_a_fault_counts_only_if_all_its_calls_agree_and_one_could_be_judged() -> None:
    found = cells([verdict("F1"), verdict("F1", agrees=False), verdict("F2"), verdict("F3", valid=False)])
    assert [(cell.fault, cell.agrees) for cell in found] == [("F1", False), ("F2", True), ("F3", False)]


def test_a_difference_needs_a_reason_the_nearest_that_is_written_down() -> None:
    found = cells([verdict("F1", agrees=False, differences=("cause: expected ws_close; found unknown",))])
    (nobody,) = differences(found, {})
    assert (nobody.key, nobody.why) == ("F1 1.8.9 probe", None)
    assert short(whole(), unexplained=(nobody,)) == ["F1 1.8.9 probe: differs, and nobody has said why"]
    (told,) = differences(found, {"F1": "in general", "F1 1.8.9 probe": "in this case"})
    assert told.why == "in this case"


def test_a_fault_whose_calls_were_all_measured_badly_is_to_be_dialled_again() -> None:
    assert not_judged(cells([*whole(), verdict("F5", valid=False)])) == ()
    assert not_judged(cells(whole(valid=False))) == ("F5",)
