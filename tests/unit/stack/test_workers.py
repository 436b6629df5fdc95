"""Which agent processes the arms need, and what these are told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loadtest.errors import ScenarioError
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.generations.environment import generation_python
from loadtest.stack.workers import REFERENCE_AGENT, ArmSpec, agent_environment, registered_as, workers_of

LIVEKIT = LiveKitAccess("ws://127.0.0.1:1", "k", "s")


def arm(
    name: str,
    *command: str,
    agent_name: str | None = None,
    api: str = "gemini",
    plugin: str | None = None,
    **env: str,
) -> ArmSpec:
    return ArmSpec(
        name=name,
        api=api,
        agent_name=agent_name,
        command=command or None,
        env=env,
        profile={"version": 1},
        base_url=None,
        ca_file=None,
        plugin=plugin,
    )


def environment(*arms: ArmSpec, temporary: Path = Path("/private/tmp")) -> dict[str, str]:
    (worker,) = workers_of(arms)
    return agent_environment(
        worker,
        livekit=LIVEKIT,
        api_key="secret",
        ca_bundle=Path("/bundle.pem"),
        probe_dir=Path("/probe"),
        temporary=temporary,
        base_url=lambda name: f"https://127.0.0.1:2/arms/{name}",
    )


def test_arms_share_the_reference_agent() -> None:
    (worker,) = workers_of([arm("a"), arm("b")])
    assert worker.agent_name == REFERENCE_AGENT
    assert [shared.name for shared in worker.arms] == ["a", "b"]
    assert Path(worker.command[1]).is_file()


def test_the_reference_agent_takes_another_name() -> None:
    (worker,) = workers_of([arm("a", agent_name="loadtest-reference-1f"), arm("b", agent_name="loadtest-reference-1f")])
    assert worker.agent_name == environment(*worker.arms)["LIVEKIT_AGENT_NAME"] == "loadtest-reference-1f"
    assert worker.title == "agent-loadtest-reference"


def test_each_generation_of_the_plugin_is_a_worker_of_its_own_with_its_own_interpreter() -> None:
    workers = workers_of([arm("a"), arm("b", plugin="1.6.0"), arm("c", plugin="1.8.9"), arm("d", plugin="1.6.0")])
    assert [[one.name for one in worker.arms] for worker in workers] == [["a"], ["b", "d"], ["c"]]
    assert len({worker.agent_name for worker in workers}) == 3
    assert len({worker.log_name for worker in workers}) == 3
    assert [worker.command[0] for worker in workers] == [
        sys.executable,
        str(generation_python("1.6.0")),
        str(generation_python("1.8.9")),
    ]
    assert len({worker.command[1:] for worker in workers}) == 1  # the same script


def test_another_generation_finds_the_probe_and_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/mine")
    assert environment(arm("a"))["PYTHONPATH"] == "/mine"
    way = Path(environment(arm("a", plugin="1.6.0"), temporary=tmp_path)["PYTHONPATH"])
    assert [path.name for path in way.iterdir()] == ["loadtest_probe"]


def test_each_command_is_started_once_for_each_name() -> None:
    workers = workers_of([arm("a", "x", agent_name="one"), arm("b", "x", agent_name="two"), arm("c")])
    assert [worker.agent_name for worker in workers] == ["one", "two", REFERENCE_AGENT]
    assert len(workers_of([arm("a", "x", agent_name="one"), arm("b", "x", agent_name="one")])) == 1


def test_one_name_for_two_agents_is_refused() -> None:
    with pytest.raises(ScenarioError, match="arms a and b start different agents under one name"):
        workers_of([arm("a", "x", agent_name="one", V="1"), arm("b", "x", agent_name="one", V="2")])


def test_a_command_that_knows_nothing_of_loadtest_finds_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://elsewhere")
    env = environment(arm("a", "x", agent_name="one"))
    assert env["GOOGLE_GEMINI_BASE_URL"] == "https://127.0.0.1:2/arms/a"
    assert env["LIVEKIT_AGENT_NAME"] == "one"
    assert env["GOOGLE_API_KEY"] == "secret"
    assert env["SSL_CERT_FILE"] == "/bundle.pem"
    assert env.items() >= LIVEKIT.environ().items()
    vertex = environment(arm("a", "x", agent_name="one", api="vertex"))
    assert vertex["GOOGLE_VERTEX_BASE_URL"] == "https://127.0.0.1:2/arms/a"
    assert "GOOGLE_GEMINI_BASE_URL" not in vertex


def test_a_command_for_two_endpoints_and_the_reference_agent_are_told_by_dispatch_only() -> None:
    for env in (
        environment(arm("a"), arm("b")),
        environment(arm("a", "x", agent_name="n"), arm("b", "x", agent_name="n")),
    ):
        assert "GOOGLE_GEMINI_BASE_URL" not in env


def test_an_arm_may_set_what_it_likes() -> None:
    assert environment(arm("a", "x", agent_name="one", GOOGLE_API_KEY="mine"))["GOOGLE_API_KEY"] == "mine"


def test_loopback_is_reached_without_the_users_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    env = environment(arm("a"))
    assert env["NO_PROXY"] == env["no_proxy"] == "intranet,127.0.0.1,localhost"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('{"message": "registered worker", "level": "INFO", "agent_name": "mine", "id": "AW_1"}', "mine"),
        ('{"message": "registered worker", "level": "INFO", "agent_name": "", "id": "AW_1"}', ""),
        (
            '2026-11-22 19:00:00,1 - INFO livekit.agents - registered worker {"agent_name": "mine", "id": "AW_1"}',
            "mine",
        ),
        ('{"level":30,"time":1,"id":"AW_1","version":"1.0.0","msg":"registered worker"}', None),
    ],
)
def test_registrations_in_workers_logs(line: str, name: str | None) -> None:
    found = registered_as(line)
    assert found is not None
    assert found.agent_name == name


def test_other_lines_register_nobody() -> None:
    assert registered_as('{"message": "starting worker", "agent_name": "mine"}') is None


def test_what_an_agent_leaves_behind_is_removed_with_the_stack() -> None:
    assert environment(arm("a"))["TMPDIR"] == "/private/tmp"
