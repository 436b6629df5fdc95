"""What the history tells people: in words, on a terminal, and as a page that opens anywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import math
import re
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from loadtest.analyse.compare.fingerprints import Residue
from loadtest.record.history import COLUMNS
from loadtest.report import history_words as say
from loadtest.report.history_object import history_object
from loadtest.report.history_terminal import SHOWN, print_history
from loadtest.report.history_view import Figure, FingerprintChange, History, history_views
from loadtest.report.html.history import render_history
from loadtest.report.sparkline import sparkline
from tests.unit.nights import FINGERPRINT, FIRST, nights, run_name

HOSTILE = "</script><script>alert(1)</script>&amp;\"'"
OTHER = "ba9876543210"


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(COLUMNS), orient="row")


def views(rows: list[dict[str, Any]], **options: Any) -> tuple[History, ...]:
    return history_views(frame(rows), **options)


def stepped() -> list[dict[str, Any]]:
    """60 nights: 10 % slower from night 40 on, an invalid night, another fingerprint from night 50 on."""

    def of_night(i: int) -> dict[str, Any]:
        other = {"fingerprint": OTHER, "made_of": '{"versions.loadtest": "2"}'} if i >= 50 else {}
        return other | ({"valid": False, "state": "invalid"} if i == 20 else {})

    return nights(60, step=lambda i: 1.10 if i >= 40 else 1.0, spread=0.02, of_night=of_night)


def printed(histories: tuple[History, ...], *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_history(histories, console, shown=SHOWN, page=None)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def seen(text: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


# --- what is found ----------------------------------------------------------------------------------------------------


def test_a_step_is_found_where_it_is_and_a_new_fingerprint_is_named() -> None:
    (history,) = views(stepped())
    p95 = [changed for changed in history.changed if changed.metric == "reply_latency_p95"]
    assert [changed.point.night.isoformat() for changed in p95] == ["2026-02-10"]
    assert "reply latency, p95 of preview against ga: × 1.0" in say.change(p95[0])
    assert "from 2026-02-10 on" in say.change(p95[0])
    (other,) = history.fingerprints
    assert other.night.isoformat() == "2026-02-20"
    assert say.fingerprint_change(other) == f"{FINGERPRINT} to {OTHER}: versions.loadtest 1, then 2"
    alarms = [alarm for alarm in history.alarms if alarm.metric == "reply_latency_p95"]
    assert len(alarms) == 1
    told = say.alarm(alarms[0])
    assert told.startswith("2026-02-10: reply latency, p95 of preview against ga, worse: × 1.1")
    assert "from 14 nights" in told


def test_the_median_before_is_of_nights_that_count_and_are_alike() -> None:
    rows = nights(
        5,
        metrics=("rate_1011",),
        of_night=lambda i: {
            "fingerprint": OTHER if i == 0 else FINGERPRINT,
            "state": "invalid" if i == 1 else "complete",
        },
    )
    for row in rows:
        row["estimate"] = {0: 100.0, 1: 50.0, 2: 1.0, 3: 3.0, 4: 9.0}[int(row["run_id"][-1])]
    (history,) = views(rows)
    assert {trend.before for trend in history.trends} == {2.0}


def test_the_last_nights_are_shown_and_all_are_searched() -> None:
    (history,) = views(stepped(), last=25)
    assert len(history.runs) == 25
    assert history.nights_before == 35
    assert {changed.point.night.isoformat() for changed in history.changed} == {"2026-02-10"}
    assert {len(trend.figures) for trend in history.trends} == {25}
    (late,) = views(stepped(), last=5)
    assert late.changed == ()
    assert late.fingerprints == ()


def test_each_scenario_stands_by_itself() -> None:
    rows = nights(12) + [row | {"scenario": "another", "run_id": f"other-{row['run_id']}"} for row in nights(3)]
    assert [(history.scenario, len(history.runs)) for history in views(rows)] == [("another", 3), ("made-up", 12)]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "control", "figure", "text"),
    [
        ("reply_latency_p95", None, Figure(1234.0, 1200.0, None, 9), "1.23 s [1.20 s, …]"),
        ("reply_latency_p95", "ga", Figure(1.052, 0.98, 1.13, 9), "× 1.05 [0.98, 1.13]"),
        ("rate_1011", None, Figure(0.0, None, None, 9), "0"),
        ("answered_share", None, Figure(0.976, 0.95, 0.99, 9), "97.6 % [95.0 %, 99.0 %]"),
        ("answered_share", "ga", Figure(-0.004, -0.011, 0.003, 9), "-0.4 [-1.1, +0.3] points"),
        ("lost_turns", "ga", Figure(1.5, None, None, 9), "+1.5"),
        ("lost_turns", "ga", Figure(-0.001, -0.2, 10.0, 9), "0 [-0.2, +10]"),
        ("valid_share", None, Figure(1.0, None, None, 9), "100.0 %"),
        ("rate_1011", "ga", Figure(None, None, None, 9), "–"),
        ("rate_1011", "ga", None, "–"),
    ],
)
def test_figures_are_said_with_their_unit(metric: str, control: str | None, figure: Figure | None, text: str) -> None:
    assert say.figure(metric, control, figure) == text


def test_what_is_watched_is_said_as_people_know_it() -> None:
    assert say.move("reply_latency_p95", math.log(1.1)) == "× 1.10"
    assert say.move("answered_share", -0.02) == "-2 points"


def test_a_hash_is_told_by_its_beginning_and_a_long_text_cut() -> None:
    differ = (Residue("script", ("scripts/a.yaml", "b" * 64)), Residue("arrivals", ("x" * 100, "y")))
    changed = FingerprintChange(night=FIRST, run_id="run", before="old", after="new", differ=differ)
    told = f"script scripts/a.yaml, then {'b' * 12}; arrivals {'x' * 59}…, then y"
    assert say.fingerprint_change(changed) == f"old to new: {told}"
    unknown = FingerprintChange(night=FIRST, run_id="run", before="old", after="new", differ=())
    assert say.fingerprint_change(unknown) == "old to new: not known in what they differ"


def test_a_sparkline_has_a_bar_for_each_number() -> None:
    assert sparkline([0.0, None, 7.0, 3.5]) == "▁ █▅"
    assert sparkline([2.0, 2.0]) == "▄▄"
    assert sparkline([None]) == " "
    assert sparkline([]) == ""


# --- terminal and JSON ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [100, 80, 200])
def test_the_terminal_is_not_overrun_and_plain_where_it_is_none(width: int) -> None:
    text = printed(views(stepped()), width=width)
    assert max(map(len, text.splitlines())) <= min(100, width)
    assert "\x1b" not in text
    told = " ".join(text.split())
    for part in (
        "preview against ga",
        "reply latency, p95",
        "1011 rate",
        "60 nights, 2026-01-01 to 2026-03-01",
        "1 invalid",
        "from 2026-02-10 on",
        "versions.loadtest 1, then 2",
    ):
        assert part in told, part


def test_marks_stand_over_the_nights_they_are_of() -> None:
    rows = nights(4, of_night=lambda i: {"fingerprint": OTHER if i == 2 else FINGERPRINT})
    rows = [row | ({"state": "invalid"} if row["run_id"] == run_name(1) else {}) for row in rows]
    lines = printed(views(rows)).splitlines()
    head = next(line for line in lines if "last night" in line)
    assert head.rstrip().endswith("✗││")


def test_programs_get_the_same_with_null_for_what_is_not_known() -> None:
    rows = nights(60, step=lambda i: 1.10 if i >= 40 else 1.0, spread=0.02)
    rows[0]["estimate"] = None
    body = history_object(views(rows))
    text = json.dumps(body, allow_nan=False)
    (history,) = json.loads(text)["scenarios"]
    assert history["changed"][0]["night"] == "2026-02-10"
    assert history["changed"][0]["after"] / history["changed"][0]["before"] == pytest.approx(1.1, rel=0.02)
    assert history["alarms"][0]["metric"].startswith("reply_latency")
    assert history["nights"][0] == {
        "night": "2026-01-01",
        "run_id": run_name(0),
        "kind": "rehearsal",
        "valid": True,
        "state": "complete",
        "fingerprint": FINGERPRINT,
    }
    held = next(t for t in history["trends"] if t["control"] == "ga" and t["metric"] == "reply_latency_p50")
    assert held["unit"] == "ratio"
    assert held["figures"][0]["estimate"] is None


# --- page -------------------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_last_night_was_and_what_has_changed() -> None:
    text = seen(render_history(views(stepped()), ()))
    for part in (
        "Rehearsal.",
        "Last night",
        "reply latency, p95 of preview against ga",
        "from 2026-02-10 on",
        f"2026-02-20: {FINGERPRINT} to {OTHER}",
        "Answered share, against the control",
        "46 earlier",
    ):
        assert part in text, part


def test_nights_lead_to_the_reports_that_are_there() -> None:
    text = render_history(views(nights(20)), {run_name(3), run_name(19)})
    assert re.findall(r'<td><a href="([^"]+)"', text) == [f"{run_name(19)}/report.html", f"{run_name(3)}/report.html"]
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    trace = json.loads(found[1])["charts"][0]["traces"][0]
    assert trace["meta"] == "run"
    assert [i for i, link in enumerate(trace["customdata"]) if link] == [3, 19]


def test_markup_is_text_and_nothing_comes_from_outside() -> None:
    rows = [
        row
        | {
            "scenario": HOSTILE,
            "arm": HOSTILE + row["arm"],
            "control": row["control"] and HOSTILE + row["control"],
            "kind": "other",
        }
        for row in stepped()
    ]
    text = render_history(views(rows), {HOSTILE})
    assert "<script>alert" not in text
    assert text.count("<script") == text.count("</script>") == 3
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")
    without_plotly = text.replace(max(scripts, key=len), "")
    assert not re.search(r"https?://", without_plotly)
    assert "Other endpoints." in seen(text)


def test_every_chart_has_its_place_its_table_and_its_lines() -> None:
    text = render_history(views(stepped()), ())
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    charts = json.loads(found[1])["charts"]
    keys = [chart["key"] for chart in charts]
    assert len(set(keys)) == len(keys) == 12
    assert re.findall(r'data-chart="([^"]+)"', text) == keys
    p95 = next(chart for chart in charts if chart["key"] == "s0-reply-latency-p95-held")
    assert [(line["x0"], line["line"]["dash"]) for line in p95["layout"]["shapes"]] == [
        ("2026-02-20", "dot"),
        ("2026-02-10", "dash"),
    ]
    assert p95["layout"]["yaxis"]["type"] == "log"
    assert p95["traces"][0]["marker"]["symbol"][20] == "x-open"
    assert [trace["name"] for trace in p95["traces"]] == ["preview", "alarm"]
    own = next(chart for chart in charts if chart["key"] == "s0-reply-latency-p95-own")
    assert [trace["marker"]["color"] for trace in own["traces"]] == ["$arm0", "$arm1"]
    assert [trace["name"] for trace in own["traces"]] == ["ga", "preview"]


def test_a_history_of_one_arm_has_nothing_against_a_control() -> None:
    rows = [row for row in nights(15) if row["arm"] == "ga"]
    (history,) = views(rows)
    assert history.changed == history.alarms == ()
    assert "against the control" not in seen(render_history((history,), ())).split("How to read this")[0]
    assert "against ga" not in printed((history,))


def test_alarms_are_of_all_series_whatever_is_asked_for() -> None:
    (whole,), (asked,) = views(stepped()), views(stepped(), metrics=("reply_latency_p50",), arms=("preview",))
    assert asked.alarms == tuple(alarm for alarm in whole.alarms if alarm.metric == "reply_latency_p50") != ()
    assert asked.alarms[0].series == 6
    (control,) = views(stepped(), arms=("ga",))
    assert control.alarms == control.changed == ()
