"""What the doctor says of a scenario before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.jobs.checks.finding import Finding, State
from loadtest.jobs.doctor import examine

PEAK = Path(__file__).parents[3] / "scenarios" / "peak.yaml"


def test_a_live_plan_beyond_its_limits_fails_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "a-key-of-this-test")
    said: list[str] = []
    found = examine(PEAK, overrides=["limits.cost_usd=0.5"], live=True, results=tmp_path, say=said.append)
    limits = named(found, "limits")
    assert limits.state is State.FAILED
    assert "limits.cost_usd: expected a plan of at most 0.5" in limits.found
    assert "--set limits.cost_usd=" in limits.remedy
    assert said == []


def test_without_googles_endpoints_limits_are_not_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_LIVEKIT_SERVER", str(tmp_path / "none"))  # so that nothing is started
    found = examine(PEAK, overrides=["limits.cost_usd=0.5"], live=False, results=tmp_path, say=lambda _: None)
    assert "limits" not in {finding.name for finding in found}
    assert named(found, "livekit-server").state is State.FAILED


def test_a_password_in_the_address_of_the_server_is_neither_used_nor_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "ws://user:pass@127.0.0.1:7880")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    said: list[str] = []
    found = examine(None, overrides=[], live=False, results=tmp_path, say=said.append)
    assert named(found, "LIVEKIT_URL").state is State.FAILED
    assert "pass@" not in repr((found, said))


def named(found: list[Finding], name: str) -> Finding:
    (finding,) = (finding for finding in found if finding.name == name)
    return finding
