"""`loadtest nightly` on the command line: where it writes, what it tells GitHub and the webhook, and its exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loadtest.cli.nightly import nightly
from loadtest.jobs import webhook
from loadtest.jobs.webhook import SECRET, SENT, URL, Target
from loadtest.record.layout import RunFolder
from loadtest.record.night import Night
from loadtest.record.nightly_lock import hold_nights
from tests.unit.jobs.nights import SCENARIO, MadeUpCalls

NIGHT = "2026-11-23"


@dataclass
class Messages:
    """Stands in for the receiver."""

    came: list[bytes] = field(default_factory=list)
    said: tuple[str, ...] = (SENT,)

    def send(self, to: Target, body: bytes) -> tuple[str, ...]:
        self.came.append(body)
        return self.said


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> MadeUpCalls:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", URL, SECRET):
        monkeypatch.delenv(name, raising=False)
    made = MadeUpCalls()
    made.stand_in(monkeypatch)
    return made


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Messages:
    made = Messages()
    monkeypatch.setattr(webhook, "send", made.send)
    monkeypatch.setenv(URL, "https://example.org/hook")
    monkeypatch.setenv(SECRET, "a secret of some length")
    return made


def asked(results: Path, *arguments: str) -> Result:
    return CliRunner().invoke(nightly, [str(SCENARIO), "--results", str(results), *arguments], standalone_mode=False)


def the_run(results: Path) -> RunFolder:
    (path,) = results.glob("*/night.json")
    return RunFolder(path.parent)


def test_it_prints_the_night_and_ends_with_its_code(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.median_ms["ga"] = 4000.0
    done = asked(tmp_path, "--night", NIGHT)
    assert done.return_value == 4, done.output
    assert "FAILED reply_latency.p50 < 2500 (ga)" in done.stdout
    assert "REHEARSAL" in done.stdout
    assert "::" not in done.output  # nobody is told who is not there


def test_machines_get_json_on_standard_output_alone_and_files_where_they_want_them(
    tmp_path: Path, calls: MadeUpCalls
) -> None:
    files = [tmp_path / "out" / name for name in ("night.md", "night.xml")]
    done = asked(tmp_path / "r", "--night", NIGHT, "--json", "--markdown", str(files[0]), "--junit", str(files[1]))
    folder = the_run(tmp_path / "r")
    assert json.loads(done.stdout) == json.loads(folder.night_json.read_text())
    assert files[0].read_text() == folder.night_md.read_text()
    assert files[1].read_text() == folder.junit_xml.read_text()


def test_github_is_told_by_annotations_and_on_the_page_of_the_job(
    tmp_path: Path, calls: MadeUpCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    calls.median_ms["ga"] = 4000.0
    done = asked(tmp_path / "r", "--night", NIGHT, "--json")
    json.loads(done.stdout)
    assert "::error title=loadtest nightly nightly 2026-11-23::1 threshold does not hold" in done.stderr
    assert "::error title=thresholds%3A reply_latency.p50 < 2500 (ga)::" in done.stderr
    assert page.read_text() == "before\n" + the_run(tmp_path / "r").night_md.read_text()


def test_a_night_is_sent_once(tmp_path: Path, calls: MadeUpCalls, messages: Messages) -> None:
    done = asked(tmp_path, "--night", NIGHT)
    assert "Webhook: sent to example.org." in done.stderr
    (body,) = messages.came
    assert json.loads(body)["night"] == NIGHT
    assert Night.read(the_run(tmp_path)).webhook == SENT
    assert asked(tmp_path, "--night", NIGHT).return_value == 0
    assert len(messages.came) == 1


def test_a_message_that_does_not_arrive_is_a_warning(tmp_path: Path, calls: MadeUpCalls, messages: Messages) -> None:
    messages.said = ("webhook: it answered 503; trying once more", "not sent to example.org, twice: it answered 503")
    done = asked(tmp_path, "--night", NIGHT)
    assert done.return_value == 0
    assert "Warning: webhook: it answered 503; trying once more" in done.stderr
    assert "Warning: webhook: not sent to example.org, twice" in done.stderr


def test_nothing_is_sent_that_was_not_asked_for(
    tmp_path: Path, calls: MadeUpCalls, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(tmp_path, "--night", NIGHT, "--no-webhook").return_value == 0
    monkeypatch.delenv(SECRET)
    done = asked(tmp_path, "--night", NIGHT)
    assert done.return_value == 0
    assert "nothing is sent unsigned" in done.stderr
    assert messages.came == []


def test_a_second_job_says_so_at_once(tmp_path: Path, calls: MadeUpCalls) -> None:
    with hold_nights(tmp_path):
        done = asked(tmp_path, "--night", NIGHT)
    assert "another `loadtest nightly` is at work" in str(done.exception)
    assert calls.dialled == []


def test_resume_begins_nothing(tmp_path: Path, calls: MadeUpCalls) -> None:
    done = asked(tmp_path, "--resume")
    assert (done.return_value, calls.dialled) == (0, [])
    assert "No night of this scenario is unfinished." in done.stderr
    for more in (["--live"], ["--night", NIGHT], ["--set", "blocks=3"]):
        assert "does not go with --resume" in str(asked(tmp_path, "--resume", *more).exception)


def test_a_night_is_a_date(tmp_path: Path, calls: MadeUpCalls) -> None:
    assert "expected a date such as 2026-11-23" in str(asked(tmp_path, "--night", "tonight").exception)
