"""`--live`, as far as it can be tried without Google: the product as it is, and a proxy that ends at the simulator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import REPOSITORY, LiveRun, Results, profile, scenario

KEY = "AIza-the-key-of-this-test"
MODELS = {"preview": "gemini-3.1-flash-live-preview", "ga": "gemini-3.8-live"}


@contextmanager
def google(folder: Path, profiles: Mapping[str, Any], key: str = KEY) -> Iterator[dict[str, str]]:
    """The environment in which Google's name leads to the simulator."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.e2e.google", str(folder), json.dumps(profiles), key]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the way to Google did not start"
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
            "GOOGLE_API_KEY": KEY,
        }
        process.kill()


@contextmanager
def live(
    folder: Path, *faults: Mapping[str, Any], arms: Sequence[str] = ("ga",), key: str = KEY, **more: Any
) -> Iterator[LiveRun]:
    """A run of a rehearsal's scenario with --live; the faults are the ga endpoint's."""
    profiles = {"preview": profile(MODELS["preview"]), "ga": profile(MODELS["ga"], *faults)}
    file = scenario(folder, {name: {"model": MODELS[name], "endpoint": profiles[name]} for name in arms}, **more)
    with google(folder / "google", profiles, key) as env, LiveRun(file, "--live", env=env) as run:
        yield run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    """The runs of these tests. At the same time, as most of a run is waiting."""
    folder = tmp_path_factory.mktemp("live")
    quota = {"fault": "F13", "at_connect": 1, "http_status": 429, "calls": ["0002-ga"]}
    with (
        live(folder / "good", arms=tuple(MODELS)) as good,
        live(folder / "quota", quota, blocks=30) as short,
        live(folder / "key", key="another key") as refused,
    ):
        return {"good": good.finish(), "quota": short.finish(), "key": refused.finish()}


def the_key_is_nowhere(results: Results) -> None:
    assert KEY not in results.stdout + results.stderr
    for file in results.folder.path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes(), file


def test_a_good_live_run(runs: Mapping[str, Results]) -> None:
    results = runs["good"]
    assert results.exit_code == 0, results.stderr
    info, summary = results.run_json(), results.summary()
    assert (info["kind"], summary["kind"], info["ended_early"]) == ("live", "live", None)
    assert info["overrides"] == {"arms.preview.endpoint": "google", "arms.ga.endpoint": "google"}
    assert set(results.outcomes().values()) == {"completed"}
    assert {row["host"] for row in results.table("connections")} == {"generativelanguage.googleapis.com"}
    assert [arm["endpoint"] for arm in summary["arms"].values()] == ["Google", "Google"]
    assert "LIVE run against Google's endpoints" in results.stdout
    assert any("HTTPS_PROXY is set: the way to Google leads over a proxy" in said for said in summary["warnings"])
    assert summary["usage"] == info["usage"]
    for used in info["usage"].values():
        assert 0 < used["call_minutes"] < 3
        assert 0 < used["estimated_usd"] < 1
    # More than the call of the table: the warm-up call counts, too.
    talked = {row["arm"]: row["talk_s"] / 60 for row in results.table("calls")}
    assert all(info["usage"][arm]["call_minutes"] > talked[arm] for arm in MODELS)
    assert "$" in results.stdout
    assert "estimated cost" in results.folder.summary_md.read_text()
    the_key_is_nowhere(results)
    assert results.leftovers == ()


def test_a_quota_ends_a_live_run_early(runs: Mapping[str, Results]) -> None:
    results = runs["quota"]
    assert results.exit_code == 1
    info = results.run_json()
    assert (info["state"], info["kind"]) == ("aborted", "live")
    assert info["ended_early"].startswith("ended early: a quota of arm ga's endpoint is reached (HTTP 429), with ")
    assert "--set cap=" in results.stderr
    assert "ask Google for a higher quota" in results.stderr
    outcomes = results.outcomes()
    assert list(outcomes.values()).count("not_dialled") >= 1
    assert outcomes.keys() == set(results.plan())
    assert results.summary()["ended_early"] == info["ended_early"]
    assert "LIVE run" in results.stdout
    the_key_is_nowhere(results)


def test_a_wrong_key_ends_a_live_run_before_it_dials(runs: Mapping[str, Results]) -> None:
    results = runs["key"]
    assert results.exit_code == 1
    assert "refuses the credentials (close 1007: API key not valid." in results.stderr
    assert "Export a valid key of the Gemini API in GOOGLE_API_KEY." in results.stderr
    assert results.run_json()["origin_monotonic_s"] is None
    the_key_is_nowhere(results)
