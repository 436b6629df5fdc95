"""What is told of a night: JUnit, annotations, Markdown, terminal; whatever stands in its texts."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from loadtest.errors import ExitCode
from loadtest.record.checks import Check, Result, exit_of
from loadtest.record.night import Figure, Night, NightState
from loadtest.report.annotations import github_annotations
from loadtest.report.junit import junit
from loadtest.report.nightly_markdown import nightly_markdown
from loadtest.report.nightly_terminal import print_night
from loadtest.report.nightly_words import sentence

HOSTILE = "[bold]oops[/bold] \x1b[2J |</td><script>x</script> `@all` 100 %: a,b\r\n::error::no & ]]> \x00 \ud800"


def check(result: Result, group: str = "thresholds", name: str = "a < 1 (ga)", text: str = "a < 1: ga has 2") -> Check:
    return Check(group=group, name=name, result=result, text=text)


ALL = (
    check(Result.PASSED, "validity", "tester", "valid"),
    check(Result.INVALID, "validity", "dropped_calls", "3 of 24 dropped"),
    check(Result.PASSED),
    check(Result.FAILED, name="b < 1 (ga)"),
    check(Result.OPEN, "comparison", "preview against ga", "not decided"),
    check(Result.FAILED, "changes", "reply latency, p50, preview / ga", "worse: × 1.3"),
)


def night(checks: tuple[Check, ...] = ALL, notes: tuple[str, ...] = ("Comparison: a note.",)) -> Night:
    return Night(
        night=date(2026, 11, 23),
        scenario="nightly",
        scenario_file="nightly.yaml",
        run_id="20261123T030000Z-nightly-0a1b",
        state=NightState.COMPLETE,
        kind="rehearsal",
        exit_code=int(exit_of(checks)),
        sentence=sentence(checks),
        checks=checks,
        figures=tuple(
            Figure(
                metric=metric, arm=arm, unit="ms", value=812.0, low=790.0, high=834.0, text="812 ms [790 ms, 834 ms]"
            )
            for metric in ("reply_latency.p50", "answered_share.value")
            for arm in ("preview", "ga")
        ),
        notes=notes,
    )


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], ExitCode.OK),
        ([Result.PASSED, Result.OPEN], ExitCode.OK),
        ([Result.OPEN, Result.FAILED], ExitCode.THRESHOLD_FAILED),
        ([Result.FAILED, Result.INVALID, Result.PASSED], ExitCode.INVALID),
    ],
)
def test_invalid_comes_before_failed_and_what_is_open_is_fine(results: list[Result], code: ExitCode) -> None:
    assert exit_of(check(result) for result in results) is code


def test_junit_has_a_suite_a_group_and_an_element_for_what_is_not_well() -> None:
    root = ET.fromstring(
        junit("loadtest nightly", ALL, timestamp="2026-11-23T03:00:00+00:00", properties={"run_id": "r"})
    )
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("6", "2", "1", "1")
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [
        f"loadtest nightly: {group}" for group in ("validity", "thresholds", "comparison", "changes")
    ]
    assert {suite.get("timestamp") for suite in suites} == {"2026-11-23T03:00:00"}
    for suite in suites:
        children = [child.tag for child in suite]
        assert children[0] == "properties"
        assert set(children[1:]) == {"testcase"}
        assert int(suite.get("tests") or 0) == len(children) - 1
    elements = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert elements == {
        "tester": ["system-out"],
        "dropped_calls": ["error"],
        "a < 1 (ga)": ["system-out"],
        "b < 1 (ga)": ["failure"],
        "preview against ga": ["skipped"],
        "reply latency, p50, preview / ga": ["failure"],
    }
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "a < 1: ga has 2"


def test_junit_is_xml_whatever_it_tells() -> None:
    text = junit(HOSTILE, [check(result, name=HOSTILE, text=HOSTILE) for result in Result], properties={"x": HOSTILE})
    assert "\x00" not in text
    assert len(ET.fromstring(text.encode()).findall(".//testcase")) == len(Result)


def test_annotations_are_one_line_each_and_nothing_in_them_is_a_command() -> None:
    lines = github_annotations(HOSTILE, HOSTILE, [check(Result.FAILED, name=HOSTILE, text=HOSTILE)])
    assert len(lines) == 2
    for line in lines:
        assert "\n" not in line
        assert "\r" not in line
        form = re.fullmatch(r"::error title=([^:,]*)::(.*)", line)
        assert form is not None
        assert "100 %25" in form[2]


def test_a_good_night_is_a_notice_and_a_bad_one_an_error_for_each_thing() -> None:
    assert [line.partition(" ")[0] for line in github_annotations("t", "s", [check(Result.OPEN)])] == ["::notice"]
    lines = github_annotations("t", "s", ALL[2:])
    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 3
    invalid = github_annotations("t", "s", ALL)
    assert len(invalid) == 2  # what was held against invalid figures says nothing
    assert "dropped_calls" in invalid[1]


def test_what_github_would_not_show_is_counted() -> None:
    lines = github_annotations("t", "s", [check(Result.FAILED, name=str(i)) for i in range(30)])
    assert len(lines) == 10
    assert lines[-1].endswith("and 22 more: see the summary of the job")
    assert len(github_annotations("t", "s", [check(Result.FAILED, name=str(i)) for i in range(9)])) == 10


def test_the_sentence_says_what_failed_and_what_is_not_known() -> None:
    assert sentence(ALL).startswith("INVALID, these figures are no ground for anything: dropped_calls")
    assert sentence(ALL[2:]) == "1 threshold does not hold; 1 change is confirmed: reply latency, p50, preview / ga."
    rejected = check(Result.FAILED, "comparison", "preview against ga", "Reject preview, keep ga.")
    assert sentence([rejected]) == "Reject preview, keep ga; whether anything changed can't be told."
    calm = check(Result.PASSED, "changes", "reply latency, p50, preview / ga", "as expected")
    assert sentence([calm]) == "Fine: no threshold failed, nothing was rejected; no change is confirmed."


def test_markdown_tells_the_sentence_the_figures_and_what_is_not_well() -> None:
    text = nightly_markdown(night(ALL[2:]))
    assert text.splitlines()[0].startswith("### loadtest nightly nightly 2026-11-23 · REHEARSAL")
    assert "| reply latency p50 | 812 ms [790 ms, 834 ms] | 812 ms [790 ms, 834 ms] |" in text
    assert "FAILED, changes" in text
    assert "open, comparison" in text
    assert "a < 1 (ga)" not in text  # what holds takes no room
    assert "exit code 4" in text
    invalid = nightly_markdown(night())
    assert "INVALID, validity: **dropped_calls**" in invalid
    assert "FAILED" not in invalid
    assert "exit code 3" in invalid


def test_markdown_holds_no_markup_of_others() -> None:
    text = nightly_markdown(night((check(Result.FAILED, name=HOSTILE, text=HOSTILE),), notes=(HOSTILE,)))
    assert "<script>" not in text
    assert "@all" not in text
    assert text.count("\n::error") == 0


@pytest.mark.parametrize("width", [100, 80, 200])
def test_the_terminal_keeps_to_a_hundred_columns(tmp_path: Path, width: int) -> None:
    out = io.StringIO()
    long = check(Result.FAILED, "changes", "a name " * 20, "a text " * 40)
    print_night(night((*ALL[2:], long)), Console(file=out, width=width), folder=tmp_path)
    body = out.getvalue().splitlines()[:-1]  # the last line is a path
    assert max(map(len, body)) <= min(100, width)
    assert "FAILED" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_the_terminal_reads_nothing_as_markup(tmp_path: Path) -> None:
    out = io.StringIO()
    text = HOSTILE.replace("\ud800", "")
    print_night(night((check(Result.FAILED, text=text),)), Console(file=out, width=100), folder=tmp_path)
    assert "[bold]oops[/bold]" in out.getvalue()
