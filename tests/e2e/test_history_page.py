"""history.html in a real browser: drawn, reached, and leading to the reports of the nights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from loadtest.jobs.history import read_views, write_page
from tests.e2e.pages import PATIENCE_MS, Opened
from tests.unit.nights import nights, run_name, written

NIGHTS = 60
SCRIPT = "<script>window.hacked=1</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 nights, slower from the 40th on; the last has a report beside the page, and is of another fingerprint."""
    results = tmp_path_factory.mktemp("results")
    rows = nights(
        NIGHTS,
        step=lambda i: 1.1 if i >= 40 else 1.0,
        spread=0.02,
        metrics=("reply_latency_p95", "rate_1011", "answered_share"),
        of_night=lambda i: {"fingerprint": "f" * 12} if i == NIGHTS - 1 else {},
    )
    written(results, [row | {"scenario": SCRIPT} for row in rows])
    (results / run_name(NIGHTS - 1)).mkdir()
    (results / run_name(NIGHTS - 1) / "report.html").write_text("<!doctype html><title>The report</title>")
    return write_page(results, read_views(results))


@pytest.fixture(params=["light"])
def opened(browser: Browser, page: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    found = Opened(browser, page.as_uri(), request.param)
    yield found
    found.context.close()


@pytest.mark.parametrize("opened", ["light", "dark"], indirect=True)
def test_every_chart_is_drawn_without_a_complaint_or_a_request_and_axe_finds_nothing(
    opened: Opened, page: Path
) -> None:
    opened.draw_all()
    for details in opened.page.locator("main details").all():
        details.evaluate("element => { element.open = true; }")
    found = Axe().run(opened.page)
    assert found.violations_count == 0, found.generate_report()
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [page.as_uri()]
    assert opened.page.evaluate("window.hacked") is None


def test_a_night_in_a_chart_and_in_the_list_leads_to_its_report(opened: Opened) -> None:
    report = f"{run_name(NIGHTS - 1)}/report.html"
    chart = opened.page.locator("[data-chart=s0-reply-latency-p95-own]")
    chart.scroll_into_view_if_needed()
    last = chart.locator(".trace").first.locator(".point").last
    expect(last).to_be_attached(timeout=PATIENCE_MS)
    place = last.bounding_box()
    assert place is not None
    opened.page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(opened.page).to_have_title("The report", timeout=PATIENCE_MS)
    opened.page.go_back()
    opened.page.locator(f"a[href='{report}']").click()
    expect(opened.page).to_have_title("The report", timeout=PATIENCE_MS)
