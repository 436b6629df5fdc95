"""What a report can be made of, and where it is written."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtest.cli.report import report
from loadtest.errors import ExitCode, NewerError, RecordError
from loadtest.jobs.report import make_report
from loadtest.record.layout import RunFolder
from loadtest.report.comparison_object import comparison_object
from tests.unit.made_up import RUN_ID, ordinary_run
from tests.unit.report.html.made_up_report import comparison


def made(path: Path, *, arms: tuple[str, ...] = ("preview", "ga")) -> RunFolder:
    run = ordinary_run(arms=arms, lost={"preview": 2})
    if len(arms) > 1:
        run.scenario["compare"] = {"control": "ga"}
    return run.write(path)


def stored(path: Path, run_id: str = RUN_ID) -> Path:
    of = comparison()
    body = comparison_object(of, ExitCode.OK)
    body["runs"][0]["run_id"] = run_id
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body))
    return path


def read(path: Path) -> str:
    return html.unescape(path.read_text())


def test_a_run_is_compared_and_its_page_lies_in_its_folder(tmp_path: Path) -> None:
    folder = made(tmp_path)
    written = make_report(folder.path)
    assert written.path == folder.path / "report.html"
    text = read(written.path)
    assert "on real endpoints this would have read" in text
    assert '"beside":""' in text
    assert [path.name for path in folder.path.glob(".*")] == []


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    folder = made(tmp_path)
    one, other = (make_report(folder.path, tmp_path / name).path for name in ("one.html", "other.html"))
    assert one.read_bytes() == other.read_bytes()
    assert '"beside":"' + RUN_ID in one.read_text()


def test_one_arm_needs_no_comparison(tmp_path: Path) -> None:
    folder = made(tmp_path, arms=("ga",))
    assert "One arm: there is nothing to hold it against" in read(make_report(folder.path).path)


def test_a_page_elsewhere_does_not_say_where_the_run_is(tmp_path: Path) -> None:
    folder = made(tmp_path / "results")
    text = read(make_report(folder.path, tmp_path / "elsewhere" / "page.html").path)
    assert '"beside":null' in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("where", ["comparison.json", "decisions/comparison.json", f"{RUN_ID}/comparison.json"])
def test_a_stored_comparison_finds_its_run(tmp_path: Path, where: str) -> None:
    made(tmp_path)
    text = read(make_report(stored(tmp_path / where)).path)
    assert "Reject preview, keep ga: its p95" in text
    assert "Rehearsal: no choice of model" in text
    assert 'id="latency"' in text
    assert "Not all runs are here" not in text


@pytest.mark.parametrize("run_id", ["gone", f"../{RUN_ID}", "{here}"])
def test_a_comparison_without_its_runs_is_a_verdict_without_charts(tmp_path: Path, run_id: str) -> None:
    run_id = run_id.replace("{here}", str(made(tmp_path).path))
    text = read(make_report(stored(tmp_path / "deep" / "down" / "comparison.json", run_id)).path)
    assert "Keep ga, reject preview" in text
    assert f"no charts, calls or recordings of {run_id}" in text
    assert 'id="latency"' not in text


def test_what_is_no_comparison_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    path.write_text('{"schema_version": 1}')
    with pytest.raises(RecordError, match="cannot be read as a comparison"):
        make_report(path)
    assert not (tmp_path / "report.html").exists()


def test_a_comparison_of_a_newer_loadtest_is_left_alone(tmp_path: Path) -> None:
    path = stored(tmp_path / "comparison.json")
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    with pytest.raises(NewerError):
        make_report(path)


def test_the_command_prints_where_the_page_is(tmp_path: Path) -> None:
    folder = made(tmp_path)
    done = CliRunner().invoke(report, [str(folder.path)])
    assert (done.exit_code, done.output.strip()) == (0, str(folder.path / "report.html"))
    assert CliRunner().invoke(report, [str(folder.path), "--port", "8080"]).exit_code == 2
