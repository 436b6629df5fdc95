"""An incident's note becomes a run in which it happens again, with the plugin of then, and somebody who hears it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import INDULGENT, LiveRun, Results, loadtest

NOTE = Path(__file__).parents[1] / "data" / "incident.txt"
SHORT = ("blocks=1", "callee.patience_s=3", "callee.agent_finished_after_s=0.8")
"""One call instead of two, by somebody who does not wait long."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The two commands of the page."""
    out = tmp_path_factory.mktemp("incident") / "out.yaml"
    told = loadtest("incident", str(NOTE), "--scenario", str(out))
    assert told.returncode == 0, told.stderr
    changes = (*SHORT, *(f"validity.{name}={limit}" for name, limit in INDULGENT.items()))
    with LiveRun(out, *(part for change in changes for part in ("--set", change))) as live:
        results = live.finish()
    assert results.exit_code in {0, 3}, results.stderr  # 3: the machine had too much else to do for figures
    return results


def turns(run: Results) -> list[dict[str, Any]]:
    return sorted(run.table("turns"), key=lambda row: row["turn"])


def test_the_close_is_the_incidents_and_comes_a_second_after_the_utterance(run: Results) -> None:
    (close,) = run.table("closes")
    assert (close["code"], close["reason"], close["side"]) == (1011, "Internal error encountered.", "server")
    assert close["phase"] == "awaiting_reply"
    _, struck, _ = turns(run)
    assert 1.2 <= close["at_s"] - struck["speech_end_s"] <= 3.0, "half a second to hear that it was over, then one"


def test_the_plugin_of_the_incident_comes_back_with_a_resumption_handle(run: Results) -> None:
    (arm,) = run.run_json()["arms"].values()
    assert arm["plugin"] == "1.6.0"
    (close,) = run.table("closes")
    assert close["resumed"] is True
    assert close["reconnect_ms"] is not None
    assert close["recovered"] is True


def test_what_the_callee_heard_is_shown(run: Results) -> None:
    first, struck, again = turns(run)
    assert (first["lost"], struck["lost"]) == (False, True)
    assert (again["kind"], again["outcome"]) == ("reprompt", "answered")
    (gap,) = run.table("gaps")
    assert (gap["cause"], gap["kind"]) == ("ws_close", "dead_air")
    assert "Listen to the longest silence" in " ".join(run.stdout.split())
    assert run.recording(again["call_id"]).duration_s > struck["speech_end_s"] - struck["speech_start_s"]
