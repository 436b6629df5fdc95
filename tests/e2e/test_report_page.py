"""The page of `loadtest report` in a real browser: what is seen, heard, reached by keyboard; and what is not run."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from loadtest.jobs.report import make_report
from loadtest.record.layout import RunFolder
from tests.e2e.pages import PATIENCE_MS, Opened
from tests.unit.made_up import MadeUp

SCRIPT = "<script>window.hacked=1</script>"
IMAGE = '<img src=x onerror="window.hacked=1">'
LINK = '<a href="https://outside.test/">here</a>'
CALL = "0008-preview"
MAIN = "from loadtest.cli import main; main()"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """12 blocks of two arms, with a lost turn in block 4 of the preview; one call is recorded; texts are hostile."""
    made = MadeUp(arms=("preview", "ga"))
    made.scenario["compare"] = {"control": "ga"}
    draws = np.random.default_rng(3)
    for block in range(12):
        for arm in made.arms:
            call_id = made.call(arm, block, reason=SCRIPT)
            start = float(made.tables["calls"][-1]["answered_s"])
            for turn in range(6):
                said = start + 4 + 8 * turn
                lost = arm == "preview" and block == 4 and turn == 2
                spoken = {"speech_start_s": said, "speech_end_s": said + 1.5, "line": IMAGE if turn == 0 else LINK}
                latency = None if lost else float(900 * np.exp(draws.normal(0, 0.2)))
                if latency is not None:
                    spoken |= {"reply_start_s": said + 1.5 + latency / 1000, "reply_end_s": said + 4.5}
                close_id = made.close(call_id, said + 2, reason=f"{SCRIPT}{IMAGE}{LINK}") if lost else None
                number = made.turn(call_id, latency, close_id=close_id, **spoken)
                if lost:
                    made.gap(call_id, number, 6500.0, start_s=said + 1.5, end_s=said + 8, close_id=close_id, cause=LINK)
    folder = made.write(tmp_path_factory.mktemp("report"))
    sound = (np.random.default_rng(1).normal(0, 900, (62 * 16_000, 2))).astype(np.int16)
    folder.call(CALL).path.mkdir(parents=True)
    soundfile.write(folder.call(CALL).flac, sound, 16_000, subtype="PCM_16")
    return folder


@pytest.fixture(scope="module")
def report(run: RunFolder) -> Path:
    return make_report(run.path).path


@pytest.fixture(params=["light"])
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    found = Opened(browser, report.as_uri(), request.param)
    yield found
    found.context.close()


def test_it_opens_from_disk_without_a_complaint_or_a_request(opened: Opened, report: Path) -> None:
    opened.draw_all()
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [report.as_uri()]


@pytest.mark.parametrize("opened", ["light", "dark"], indirect=True)
def test_axe_finds_nothing(opened: Opened) -> None:
    opened.draw_all()
    for details in opened.page.locator("main details").all():
        details.evaluate("element => { element.open = true; }")
    found = Axe().run(opened.page)
    assert found.violations_count == 0, found.generate_report()
    opened.page.locator(f"button[data-call]:has-text('{CALL}')").first.click()
    expect(opened.page.locator("#call svg.tl")).to_be_visible(timeout=PATIENCE_MS)
    found = Axe().run(opened.page, "dialog")
    assert found.violations_count == 0, found.generate_report()


def test_hostile_texts_are_shown_and_never_run(opened: Opened) -> None:
    opened.draw_all()
    page = opened.page
    page.locator(f"button[data-call]:has-text('{CALL}')").first.click()
    expect(page.locator("#call-list")).to_contain_text(IMAGE, timeout=PATIENCE_MS)
    assert page.evaluate("window.hacked") is None
    assert page.locator("body img, a[href^='http'], svg a").count() == 0
    assert page.locator("script").count() == 3
    assert SCRIPT in page.locator("#gaps .reason").first.inner_text()
    assert LINK in page.locator("[data-chart=gaps] svg .ytick").first.text_content()  # type: ignore[operator]


def test_the_filter_changes_what_is_shown_and_no_verdict(opened: Opened) -> None:
    page = opened.page
    verdict = page.locator("#verdict").inner_text()
    status, rows = page.locator("#explored"), page.locator("#explore-table tbody tr")
    page.locator("#explore").scroll_into_view_if_needed()
    expect(status).to_contain_text("144 of 144 script turns", timeout=PATIENCE_MS)
    page.get_by_label("Outcome").select_option("no_reply")
    expect(status).to_contain_text("1 of 144 script turns", timeout=PATIENCE_MS)
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(CALL)
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("preview", exact=True).uncheck()
    expect(status).to_contain_text("72 of 144", timeout=PATIENCE_MS)
    expect(rows.filter(has_text="preview")).to_have_count(0)
    page.locator("select[name=block]").select_option("3")
    expect(status).to_contain_text("6 of 144", timeout=PATIENCE_MS)
    assert page.locator("#verdict").inner_text() == verdict


def test_choosing_a_silence_in_the_chart_opens_its_call(opened: Opened) -> None:
    page = opened.page
    chart = page.locator("[data-chart=gaps]")
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".point").first).to_be_attached(timeout=PATIENCE_MS)
    box = chart.locator(".point").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible(timeout=PATIENCE_MS)
    expect(dialog.get_by_role("heading", name=CALL)).to_be_visible()
    for part, number in ((".gap", 1), (".cross", 1), (".callee", 6), (".agent", 5)):
        expect(dialog.locator(f"svg {part}")).to_have_count(number)


def test_a_call_is_opened_heard_and_closed_by_keyboard_alone(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused(timeout=PATIENCE_MS)
    first = page.locator(".worst button").first
    first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#call-h")).to_be_focused(timeout=PATIENCE_MS)
    expect(page.locator("#call-h")).to_have_text(f"Call {CALL}")
    length = page.locator("#call-audio").evaluate(
        "audio => new Promise(done => audio.readyState ? done(audio.duration)"
        " : audio.addEventListener('loadedmetadata', () => done(audio.duration)))"
    )
    assert length == pytest.approx(62, abs=0.1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE_MS)
    expect(first).to_be_focused()


def test_away_from_its_run_it_plays_what_it_carries(
    browser: Browser, report: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "report.html"
    elsewhere.write_bytes(report.read_bytes())
    opened = Opened(browser, elsewhere.as_uri(), "light")
    page = opened.page
    page.locator(".worst button").first.click()
    expect(page.locator("#call-audio")).to_have_attribute("src", re.compile("^data:audio/ogg"), timeout=PATIENCE_MS)
    length = page.locator("#call-audio").evaluate(
        "audio => new Promise(done => { audio.addEventListener('loadedmetadata', () => done(audio.duration));"
        " audio.preload = 'metadata'; audio.load(); })"
    )
    assert length == pytest.approx(60, abs=0.1)
    opened.context.close()


def test_on_paper_nothing_is_folded_away_or_left_undrawn(opened: Opened) -> None:
    page = opened.page
    assert page.pdf()[:4] == b"%PDF"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    for chart in page.locator(".chart").all():
        expect(chart.locator("svg.main-svg").first).to_be_attached(timeout=PATIENCE_MS)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0


def test_serve_plays_every_recording_and_shows_nothing_else(browser: Browser, run: RunFolder, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [sys.executable, "-c", MAIN, "report", str(run.path), "--output", str(page), "--serve"]
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as server:
        try:
            assert server.stdout is not None
            told = [server.stdout.readline() for _ in range(2)]
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", told[1])
            assert address is not None, told
            opened = Opened(browser, address[0], "light")
            opened.page.locator(".worst button").first.click()
            at = opened.page.locator("#call-audio").evaluate(
                "audio => new Promise(done => { audio.addEventListener('seeked', () => done(audio.currentTime));"
                " const go = () => { audio.currentTime = 50; };"
                " audio.readyState ? go() : audio.addEventListener('loadedmetadata', go); })"
            )
            assert at == pytest.approx(50, abs=0.1)
            assert opened.complaints == []
            assert all(url.startswith((address[0], "data:")) for url in opened.requests)
            opened.context.close()
            port = int(address[1])
            assert _status(port, f"/audio/0/{CALL}.flac") == 200
            for path in ("/run.json", "/../run.json", "/audio/0/..%2F..%2Frun.json", "/audio/0/%2Fetc%2Fpasswd.flac"):
                assert _status(port, path) == 404, path
            assert _status(port, "/", host=f"outside.test:{port}") == 403
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0


def _status(port: int, path: str, host: str | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    status = connection.getresponse().status
    connection.close()
    return status
