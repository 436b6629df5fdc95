"""What `loadtest doctor` prints, and what it ends with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

import loadtest.jobs.doctor
from loadtest.cli.doctor import doctor
from loadtest.errors import ExitCode
from loadtest.jobs.checks.finding import Finding, State

FINE = Finding("cores", State.OK, "2 cores")
SLOW = Finding("clock", State.WARNING, "8 s behind", "Set it.")
UNSEEN = Finding("worker of ga", State.UNKNOWN, "cannot be told", "Attach the probe.")
BROKEN = Finding("keys of LiveKit", State.FAILED, "wrong secret\nin two lines", "Set LIVEKIT_API_SECRET.")


def visit(monkeypatch: pytest.MonkeyPatch, found: list[Finding], *arguments: str) -> tuple[Any, str]:
    def examine(*_: object, say: Any, **__: object) -> list[Finding]:
        say("Looking.")
        return found

    monkeypatch.setattr(loadtest.jobs.doctor, "examine", examine)
    result = CliRunner().invoke(doctor, arguments, standalone_mode=False)
    assert "Looking." in result.stderr
    return result.return_value, result.stdout


@pytest.mark.parametrize(
    ("found", "code"),
    [([FINE], ExitCode.OK), ([FINE, SLOW, UNSEEN], ExitCode.OK), ([FINE, BROKEN], ExitCode.USAGE)],
)
def test_only_what_must_be_mended_first_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, found: list[Finding], code: ExitCode
) -> None:
    assert visit(monkeypatch, found)[0] is code
    ended, out = visit(monkeypatch, found, "--json")
    assert ended is code
    told = json.loads(out)
    assert told["ok"] == (code is ExitCode.OK)
    assert [finding["state"] for finding in told["findings"]] == [finding.state.value for finding in found]


def test_everything_that_is_not_fine_comes_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    _, out = visit(monkeypatch, [FINE, SLOW, UNSEEN, BROKEN])
    lines = out.splitlines()
    assert lines[0].split() == ["cores", "ok", "2", "cores"]
    assert [line.strip() for line in lines if "->" in line] == [
        "-> Set it.",
        "-> Attach the probe.",
        "-> Set LIVEKIT_API_SECRET.",
    ]
    assert lines[-2].strip() == "in two lines"


def test_values_of_no_scenario_cannot_be_set() -> None:
    result = CliRunner().invoke(doctor, ["--set", "seed=1"])
    assert result.exit_code == 2
    assert "go with a scenario" in result.stderr
