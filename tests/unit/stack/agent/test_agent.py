from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import loadtest

SCRIPT = Path(loadtest.__file__).parent / "stack" / "agent" / "agent.py"


@pytest.fixture(scope="module")
def agent() -> ModuleType:
    """The script, loaded the way it is used: by path."""
    spec = importlib.util.spec_from_file_location("reference_agent", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "test-key")


def metadata(**fields: Any) -> str:
    wanted = {"call_id": "c1", "arm": "preview", "model": "gemini-3.1-flash-live-preview", "api": "gemini"}
    return json.dumps({"loadtest": wanted | fields, "customer": "their own metadata"})


def test_the_metadata_names_the_endpoint(agent: ModuleType) -> None:
    endpoint = agent.endpoint_from(metadata(base_url="https://127.0.0.1:1/arms/preview", probe_dir="/logs"))
    assert (endpoint.call_id, endpoint.voice, endpoint.probe_dir) == ("c1", "Zephyr", "/logs")
    model = agent.realtime_model(endpoint)
    assert model.model == "gemini-3.1-flash-live-preview"
    assert model._opts.voice == "Zephyr"
    assert model._opts.http_options.base_url == "https://127.0.0.1:1/arms/preview"
    assert model._opts.http_options.headers == {"x-loadtest-call": "c1"}
    assert not model._opts.vertexai


def test_vertex_behind_a_base_url_takes_the_key_as_its_token(agent: ModuleType) -> None:
    endpoint = agent.endpoint_from(
        metadata(api="vertex", model="gemini-live-2.5-flash-native-audio", base_url="https://127.0.0.1:1")
    )
    options = agent.realtime_model(endpoint)._opts
    assert (options.vertexai, options.credentials.token) == (True, "test-key")
    assert (options.project, options.location) == ("loadtest", "us-central1")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "JSON"),
        ("{}", "'loadtest'"),
        ('{"loadtest": {"call_id": "c1"}}', "'model'"),
        ('{"loadtest": null}', "JSON"),
        ("[]", "JSON"),
        (metadata(api="openai"), "'openai'"),
    ],
)
def test_unusable_metadata_is_refused_with_what_is_wrong(agent: ModuleType, text: str, names: str) -> None:
    with pytest.raises(agent.MetadataError, match=names):
        agent.endpoint_from(text)


def test_the_script_imports_only_what_its_interpreter_has() -> None:
    imported = [line.split()[1] for line in SCRIPT.read_text().splitlines() if line.startswith(("import ", "from "))]
    roots = {name.split(".")[0] for name in imported}
    assert roots & {"loadtest", "pydantic", "numpy"} == set()
    assert "loadtest_probe" in roots


@dataclass
class Timers:
    """Takes the place of the loop's call_later; what is set goes off when a test says so."""

    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def call_later(self, delay_s: float, what: Callable[[], None]) -> Any:
        entry = (delay_s, what)
        self.waiting.append(entry)

        def cancel() -> None:
            self.waiting = [other for other in self.waiting if other is not entry]

        return SimpleNamespace(cancel=cancel)

    def go_off(self) -> None:
        (entry,) = self.waiting
        self.waiting.clear()
        entry[1]()


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    found = Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: found)
    return found


def keypad(agent: ModuleType, said: list[str]) -> Any:
    return agent.Keypad(SimpleNamespace(generate_reply=lambda *, user_input: said.append(user_input)))


def test_keys_that_follow_one_another_are_answered_together(agent: ModuleType, timers: Timers) -> None:
    said: list[str] = []
    keys = keypad(agent, said)
    for digit in "471":
        keys.pressed(SimpleNamespace(digit=digit))
        assert [delay for delay, _ in timers.waiting] == [agent.KEYS_OVER_S]
    timers.go_off()
    assert said == ["The customer pressed 4 7 1 on the keypad of the telephone."]
    keys.pressed(SimpleNamespace(digit="2"))
    timers.go_off()
    assert said[1:] == ["The customer pressed 2 on the keypad of the telephone."]


def test_the_hash_key_ends_them_at_once(agent: ModuleType, timers: Timers) -> None:
    keys = keypad(agent, [])
    for digit in "4#":
        keys.pressed(SimpleNamespace(digit=digit))
    assert [delay for delay, _ in timers.waiting] == [0.0]


def test_keys_to_a_session_that_is_over_do_no_harm(agent: ModuleType, timers: Timers) -> None:
    def over(*, user_input: str) -> None:
        raise RuntimeError("AgentSession is closing")

    keys = agent.Keypad(SimpleNamespace(generate_reply=over))
    keys.pressed(SimpleNamespace(digit="1"))
    timers.go_off()
