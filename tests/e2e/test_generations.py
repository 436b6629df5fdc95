"""Two generations of the Google plugin in one run: the same agent and the same close, each in its own interpreter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.harness import LiveRun, Results, profile, scenario

PLUGINS = {"old": "1.6.0", "new": "1.8.9"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A call to each, whose first reply is lost to a 1011."""
    endpoint = profile("gemini-3.8-live", {"fault": "F1", "at_turn": 1})
    arms = {
        name: {"model": "gemini-3.8-live", "agent": {"reference": True, "plugin": plugin}, "endpoint": endpoint}
        for name, plugin in PLUGINS.items()
    }
    with LiveRun(scenario(tmp_path_factory.mktemp("generations"), arms)) as live:
        results = live.finish()
    assert results.exit_code in {0, 3}, results.stderr  # 3: the machine had too much else to do for figures
    return results


def of_arm(run: Results, table: str) -> dict[str, dict[str, Any]]:
    """The one row of each arm."""
    return {row["arm"]: row for row in run.table(table)}


def test_each_arm_is_answered_by_its_own_generation(run: Results) -> None:
    assert {row["outcome"] for row in run.table("calls")} == {"completed"}
    said = {}
    for arm, plugin in PLUGINS.items():
        (log,) = run.folder.logs.glob(f"agent-*{plugin}.log")
        said[arm] = {
            json.loads(line).get("version") for line in log.read_text().splitlines() if "plugin registered" in line
        }
        told = next(run.folder.probe.glob(f"*-{arm}.jsonl")).read_text()
        assert f'"plugin_version":"{plugin}"' in told
    assert said == {arm: {plugin} for arm, plugin in PLUGINS.items()}


def test_the_generation_is_part_of_the_arm(run: Results) -> None:
    for arm, plugin in PLUGINS.items():
        assert run.run_json()["arms"][arm]["plugin"] == plugin
        assert run.run_json()["arms"][arm]["versions"]["livekit-plugins-google"] == plugin
        assert run.summary()["arms"][arm]["plugin"] == plugin
        assert f"plugin {plugin}" in run.folder.summary_md.read_text()


def test_both_lose_the_reply_and_answer_the_next_question(run: Results) -> None:
    for arm in PLUGINS:
        first, second = sorted((row for row in run.table("turns") if row["arm"] == arm), key=lambda row: row["turn"])
        assert (first["kind"], first["lost"]) == ("script", True)
        assert (second["kind"], second["outcome"]) == ("reprompt", "answered")


def test_both_tell_of_the_close(run: Results) -> None:
    for arm, close in of_arm(run, "closes").items():
        assert (close["code"], close["side"], close["evidence"]) == (1011, "server", "probe"), arm
    assert set(of_arm(run, "closes")) == set(PLUGINS)


def test_nothing_is_left_running(run: Results) -> None:
    assert run.leftovers == ()
