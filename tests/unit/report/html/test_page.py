"""The page as text: what it says, and that nothing from a call or from outside gets a hold in it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import pytest

from loadtest.analyse.compare.result import Choice, Gate
from tests.unit.made_up import RUN_ID, MadeUp, ordinary_run
from tests.unit.report.html.made_up_report import candidate, comparison, live, page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"
MOST_BYTES = 8_000_000


def without_plotly(text: str) -> str:
    """Plotly's own code names addresses that it never asks for: the policy forbids it, and a browser test looks."""
    return text.replace(max(re.findall(r"<script>(.*?)</script>", text, re.DOTALL), key=len), "")


def seen(text: str) -> str:
    """What a reader sees without any script, on one line."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def hostile_run() -> MadeUp:
    """Every field that somebody else can fill has markup in it."""
    run = ordinary_run(lost={"preview": 2})
    run.info["warnings"] = (HOSTILE,)
    run.info["versions"] = {"python": HOSTILE}
    run.info["arms"] = {
        arm: {"model": HOSTILE, "api": "gemini", "agent": HOSTILE, "endpoint_label": HOSTILE} for arm in run.arms
    }
    for table, column in (
        ("calls", "reason"),
        ("calls", "outcome"),
        ("turns", "line"),
        ("turns", "invalid_reason"),
        ("gaps", "cause"),
        ("closes", "reason"),
        ("closes", "side"),
        ("closes", "phase"),
    ):
        for row in run.tables[table][1:]:
            row[column] = HOSTILE
    return run


def test_markup_in_any_text_is_shown_as_text(tmp_path: Path) -> None:
    of = comparison(
        candidate(sentence=HOSTILE, because=(HOSTILE,), missing=(HOSTILE,), confounded=(HOSTILE,)),
        gates=(Gate(name=HOSTILE, passed=False, text=HOSTILE),),
        exploratory=(HOSTILE,),
        warnings=(HOSTILE,),
    )
    text = page(hostile_run(), tmp_path, of)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script") == text.count("</script>") == 3
    assert HOSTILE[:60] in seen(text)


def test_the_data_survive_what_is_in_them(tmp_path: Path) -> None:
    text = page(hostile_run(), tmp_path, comparison())
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    calls = json.loads(found[1])["calls"]
    assert calls[1]["w"].startswith("</script><script>")
    assert "<" not in found[1]


def test_no_address_but_its_own(tmp_path: Path) -> None:
    text = without_plotly(page(ordinary_run(), tmp_path, comparison()))
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|iframe|object|embed|base|form[^>]*action)\b", text)


def test_the_policy_allows_the_two_scripts_there_are_and_nothing_from_outside(tmp_path: Path) -> None:
    text = page(ordinary_run(), tmp_path, comparison())
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert found is not None
    policy = html.unescape(found[1])
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    ]
    assert f"script-src {hashes[1]} {hashes[0]}" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"\son[a-z]+=", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))


def test_it_is_small_enough(tmp_path: Path) -> None:
    assert len(page(ordinary_run(), tmp_path, comparison()).encode()) < MOST_BYTES


def test_the_order_is_that_of_reading(tmp_path: Path) -> None:
    text = page(ordinary_run(), tmp_path, comparison())
    order = re.findall(r'<section id="([a-z]+)"', text)
    told = "verdict decision latency closes gaps explore load subgroups methods prints change"
    assert order == told.split()
    assert text.index('id="validity"') < text.index('id="decision"')
    assert text.index('<h3 id="worst">') > text.index('id="gaps"')


@pytest.mark.parametrize("choice", list(Choice))
def test_a_rehearsal_chooses_no_model(tmp_path: Path, choice: Choice) -> None:
    of = comparison(
        candidate(choice=choice, sentence="rehearsal: on real endpoints this would have read: adopt preview"),
        kind="rehearsal",
    )
    text = seen(page(ordinary_run(), tmp_path, of))
    assert "Rehearsal: no choice of model" in text
    assert "Nothing here is a figure of Google's" in text
    said = text.replace("on real endpoints this would have read: adopt preview", "")
    assert not re.search(r"\b(Adopt|Reject|Keep) (preview|ga)", said)


def test_a_live_comparison_says_what_was_decided_why_and_what_was_not_shown(tmp_path: Path) -> None:
    text = seen(page(live(ordinary_run()), tmp_path, comparison()))
    assert "Rehearsal" not in text
    for part in (
        "Keep ga, reject preview",
        "look 1 of 2",
        "Reply latency, p95 is worse than the margin",
        "reply latency p95: up to 1.26 times ga's",
        "Greeting latency: not shown that it is no worse than +10 %",
        "1.20 times [1.15, 1.26] p 0.03 +10 % inferior",
    ):
        assert part in text, part


def test_a_comparison_that_calls_a_rehearsal_live_is_not_believed(tmp_path: Path) -> None:
    text = seen(page(ordinary_run(), tmp_path, comparison(kind="live")))
    assert "Rehearsal: no choice of model" in text
    assert "Keep ga, reject preview" not in text


def test_one_arm_has_no_verdict_and_says_so(tmp_path: Path) -> None:
    text = page(ordinary_run(arms=("ga",)), tmp_path, no_comparison="One arm: nothing to hold it against.")
    assert "One arm: nothing to hold it against." in seen(text)
    assert 'id="decision"' not in text
    assert 'id="latency"' in text


def test_an_invalid_run_says_so_first(tmp_path: Path) -> None:
    run = ordinary_run()
    for row in run.tables["turns"][:40]:
        row["valid"] = False
    text = seen(page(run, tmp_path, no_comparison="not compared"))
    assert text.index("Invalid.") < text.index("Verdict")
    assert "of turns valid, 95 % needed" in text


def test_nothing_of_the_machine_is_named(tmp_path: Path) -> None:
    text = page(ordinary_run(), tmp_path, comparison())
    assert str(tmp_path) not in text
    assert RUN_ID in text
