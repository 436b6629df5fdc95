"""`loadtest doctor` on real parts: set-ups that work, and set-ups that are broken in one place."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from livekit import api

from loadtest.scenario.access import LiveKitAccess
from tests.e2e.harness import AGENTS, loadtest, profile, scenario

THEIRS = {"model": "gemini-3.8-live", "agent": {"external": True, "name": "theirs"}}


@dataclass(frozen=True)
class Visit:
    exit_code: int
    findings: dict[str, dict[str, str]]
    """By name."""
    said: str
    """Everything that was printed."""

    def states(self, *names: str) -> dict[str, str]:
        return {name: self.findings[name]["state"] for name in names}


def doctor(tmp_path: Path, arms: Mapping[str, Any], env: Mapping[str, str], **more: Any) -> Visit:
    """See the doctor about a scenario; nothing may be left of it."""
    private = tmp_path / "private"
    private.mkdir()
    file = scenario(tmp_path, arms, **more)
    visit = loadtest("doctor", str(file), "--json", env={**env, "TMPDIR": str(private)})
    assert "Traceback" not in visit.stderr
    assert list(private.glob("loadtest-*")) == []
    assert [process for process in psutil.process_iter() if _writes_into(process, private)] == []
    findings = json.loads(visit.stdout)["findings"]
    assert all(finding["remedy"] for finding in findings if finding["state"] != "ok")
    return Visit(visit.returncode, {finding["name"]: finding for finding in findings}, visit.stdout + visit.stderr)


def _writes_into(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(f"/proc/{process.pid}/fd/2").readlink().is_relative_to(folder)
    except OSError:
        return False


def test_the_embedded_stack_with_a_worker_in_dev_mode(tmp_path: Path) -> None:
    command = [sys.executable, str(AGENTS / "moody_agent.py"), "dev"]
    agent = {"command": command, "name": "moody", "metadata": {"mood": "talks"}}
    visit = doctor(tmp_path, {"mine": {"model": "none", "agent": agent, "endpoint": profile("none")}}, {})
    assert visit.exit_code == 0, visit.said
    server = visit.states("livekit-server", "services", "TCP", "HTTP", "keys of LiveKit", "clock", "websocket", "media")
    assert set(server.values()) == {"ok"}
    assert visit.states("agent of mine", "worker of mine") == {"agent of mine": "ok", "worker of mine": "warning"}
    assert "without probe" in visit.findings["agent of mine"]["found"]
    assert "`start`" in visit.findings["worker of mine"]["remedy"]


async def test_a_server_and_an_agent_of_the_users_own(tmp_path: Path, their_livekit: dict[str, str]) -> None:
    visit = doctor(tmp_path, {"mine": THEIRS}, their_livekit, stack="external", blocks=3)
    assert visit.exit_code == 0, visit.said
    names = ("TCP", "HTTP", "keys of LiveKit", "clock", "websocket", "media", "services", "agent of mine")
    assert set(visit.states(*names).values()) == {"ok"}
    # Nothing but a probe could know.
    assert visit.states("worker of mine") == {"worker of mine": "not known"}
    # How many join in time is the machine's affair.
    assert "of 3 agents joined" in visit.findings["calls at once"]["found"]
    assert their_livekit["LIVEKIT_API_SECRET"] not in visit.said
    assert await rooms(their_livekit) == []


async def rooms(environ: dict[str, str]) -> list[str]:
    access = LiveKitAccess.from_environ(environ)
    async with api.LiveKitAPI(access.url, access.api_key, access.api_secret) as client:
        return [room.name for room in (await client.room.list_rooms(api.ListRoomsRequest())).rooms]


@pytest.mark.parametrize(
    ("changes", "more", "failed", "said"),
    [
        ({"LIVEKIT_API_SECRET": 40 * "x"}, {}, "keys of LiveKit", "wrong secret"),
        ({"LIVEKIT_URL": "ws://127.0.0.1:9"}, {}, "TCP", "Connection refused"),
        ({"LIVEKIT_URL": "wss://livekit.example.org"}, {}, "hosts", "hosts: [livekit.example.org]"),
    ],
)
def test_a_broken_server_is_named_and_nothing_else_is_tried(
    tmp_path: Path,
    their_livekit: dict[str, str],
    changes: dict[str, str],
    more: dict[str, Any],
    failed: str,
    said: str,
) -> None:
    visit = doctor(tmp_path, {"mine": THEIRS}, their_livekit | changes, stack="external", **more)
    assert visit.exit_code == 2
    assert [name for name, finding in visit.findings.items() if finding["state"] == "failed"] == [failed]
    assert said in f"{visit.findings[failed]}"
    assert visit.states("agents") == {"agents": "not known"}
    assert "agent of mine" not in visit.findings


def test_an_agent_that_is_not_registered(tmp_path: Path, their_livekit: dict[str, str]) -> None:
    nobody = {**THEIRS, "agent": {"external": True, "name": "nobody"}}
    visit = doctor(tmp_path, {"mine": nobody}, their_livekit, stack="external", callee={"agent_join_limit_s": 1.0})
    assert visit.exit_code == 2
    found = visit.findings["agent of mine"]
    assert (found["state"], found["found"]) == ("failed", "no agent joined within 1 s, as no worker took the job")
    assert "'nobody'" in found["remedy"]


def test_without_a_scenario_the_machine_and_the_server_are_looked_at(their_livekit: dict[str, str]) -> None:
    visit = loadtest("doctor", env=their_livekit)
    assert visit.returncode == 0, visit.stderr
    for name in ("cores", "livekit-server", "disk", "open files", "keys", "websocket", "media"):
        assert f"\n{name} " in f"\n{visit.stdout}"
    assert their_livekit["LIVEKIT_API_SECRET"] not in visit.stdout + visit.stderr
