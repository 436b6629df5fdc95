"""`--live`, and the credentials that Google's endpoints need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.errors import ScenarioError
from loadtest.scenario.google import is_google
from loadtest.scenario.hosts import check_environment, check_hosts
from loadtest.scenario.load import LoadedScenario, load_scenario
from tests.unit.scenario.conftest import Spoil

SHIPPED = sorted((Path(__file__).parents[3] / "scenarios").glob("*.yaml"))
VERTEX = ("arms.preview.api=vertex", "arms.ga.api=vertex")
SECRET = "AIza-this-is-a-secret"


def refused(loaded: LoadedScenario, environ: dict[str, str]) -> str:
    with pytest.raises(ScenarioError) as raised:
        check_environment(loaded, environ)
    assert SECRET not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_live_turns_every_shipped_scenario_to_google(path: Path) -> None:
    rehearsal, live = load_scenario(path), load_scenario(path, live=True)
    check_hosts(live, {})
    assert all(arm.endpoint is not None and arm.endpoint.google for arm in live.scenario.arms.values())
    arms = rehearsal.scenario.arms
    injected = {f"arms.{name}.faults": () for name, arm in arms.items() if arm.faults}
    assert dict(live.overrides) == {f"arms.{name}.endpoint": "google" for name in arms} | injected
    assert not any(arm.faults for arm in live.scenario.arms.values())
    assert (live.scenario.thresholds, live.scenario.compare) == (
        rehearsal.scenario.thresholds,
        rehearsal.scenario.compare,
    )
    assert live.profiles == {}
    assert all(f"# --set arms.{arm}.endpoint=google" in live.resolved_yaml for arm in live.scenario.arms)


def test_what_live_changed_loads_the_same_scenario_again(spoil: Spoil) -> None:
    path = spoil()
    live = load_scenario(path, ["seed=9"], live=True)
    assert load_scenario(path, [f"{name}={text}" for name, text in live.override_texts]).hashes == live.hashes


def test_live_comes_last(spoil: Spoil) -> None:
    only = "arms={only: {model: m, endpoint: {base_url: 'https://127.0.0.1:1'}}}"
    (arm,) = load_scenario(spoil(), [only], live=True).scenario.arms.values()
    assert arm.endpoint is not None
    assert (arm.endpoint.google, arm.endpoint.base_url) == (True, None)


def test_live_is_a_declaration_for_an_external_agent_whose_credentials_are_its_own(spoil: Spoil) -> None:
    arms = "arms={theirs: {model: m, agent: {external, name: a}}}"
    loaded = load_scenario(spoil(), ["stack=external", arms], live=True)
    check_environment(loaded, {"LIVEKIT_URL": "ws://127.0.0.1:7880", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"})


@pytest.mark.parametrize(
    "other", ["{base_url: 'https://127.0.0.1:1'}", "{profile: endpoint.yaml}", "null"], ids=["other", "ours", "unknown"]
)
def test_google_beside_what_is_not_known_to_be_google_is_refused(spoil: Spoil, other: str) -> None:
    arm = f"{{model: model-a, agent: {{external, name: a}}, endpoint: {other}}}"
    if "profile" in other:
        arm = arm.replace("agent: {external, name: a}, ", "")
    arms = f"arms={{live: {{model: model-a, endpoint: google}}, other: {arm}}}"
    with pytest.raises(ScenarioError, match=r"arms\.other\.endpoint: mixed refused"):
        load_scenario(spoil(), ["stack=external", arms])


@pytest.mark.parametrize("variable", ["GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"])
def test_an_arm_that_leads_elsewhere_is_not_googles(spoil: Spoil, variable: str) -> None:
    arm = f"{{model: m, endpoint: google, agent: {{command: [x]}}, env: {{{variable}: 'https://127.0.0.1:1'}}}}"
    with pytest.raises(ScenarioError, match=f"{variable} beside `endpoint: google` would lead elsewhere"):
        load_scenario(spoil(), [f"arms={{only: {arm}}}"])


@pytest.mark.parametrize(
    ("host", "googles"),
    [
        ("generativelanguage.googleapis.com", True),
        ("us-central1-aiplatform.googleapis.com", True),
        ("generativelanguage.mtls.googleapis.com", True),
        ("googleapis.com.example.org", False),
        ("notgoogleapis.com", False),
        ("127.0.0.1", False),
    ],
)
def test_googles_hosts(host: str, googles: bool) -> None:
    assert is_google(host) is googles


def test_the_gemini_api_needs_a_key(spoil: Spoil) -> None:
    loaded = load_scenario(spoil(), live=True)
    said = refused(loaded, {})
    assert "GOOGLE_API_KEY (arms preview, ga: the Gemini API's key) is not set" in said
    assert "Export GOOGLE_API_KEY" in said
    check_environment(loaded, {"GOOGLE_API_KEY": "k"})


def test_a_key_under_the_name_that_the_plugin_does_not_read(spoil: Spoil) -> None:
    said = refused(load_scenario(spoil(), live=True), {"GEMINI_API_KEY": SECRET})
    assert 'export GOOGLE_API_KEY="$GEMINI_API_KEY"' in said


def test_a_rehearsal_needs_nothing(spoil: Spoil) -> None:
    check_environment(load_scenario(spoil()), {})


def test_vertex_needs_a_project_and_credentials(spoil: Spoil, tmp_path: Path) -> None:
    loaded = load_scenario(spoil(), VERTEX, live=True)
    nowhere = {"HOME": str(tmp_path)}
    said = refused(loaded, nowhere)
    assert "GOOGLE_CLOUD_PROJECT (arms preview, ga: Vertex AI) is not set" in said
    assert "gcloud has left no application default credentials" in said
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"type": "service_account", "private_key": SECRET}))
    project = {**nowhere, "GOOGLE_CLOUD_PROJECT": "p"}
    check_environment(loaded, {**project, "GOOGLE_APPLICATION_CREDENTIALS": str(key)})
    assert "GOOGLE_CLOUD_PROJECT" in refused(loaded, {**nowhere, "GOOGLE_APPLICATION_CREDENTIALS": str(key)})


def test_gclouds_own_file_will_do(spoil: Spoil, tmp_path: Path) -> None:
    loaded = load_scenario(spoil(), VERTEX, live=True)
    for folder, environ in (
        (tmp_path / ".config" / "gcloud", {"HOME": str(tmp_path)}),
        (tmp_path / "mine", {"CLOUDSDK_CONFIG": str(tmp_path / "mine")}),
    ):
        folder.mkdir(parents=True)
        (folder / "application_default_credentials.json").write_text('{"type": "authorized_user"}')
        check_environment(loaded, {**environ, "GOOGLE_CLOUD_PROJECT": "p"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (SECRET, "is not JSON"),
        (json.dumps({"key": SECRET}), "holds no credentials"),
    ],
)
def test_an_unusable_key_file_is_named_and_never_quoted(
    spoil: Spoil, tmp_path: Path, content: str | None, said: str
) -> None:
    loaded = load_scenario(spoil(), VERTEX, live=True)
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    found = refused(loaded, {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert f"names {file}, which {said}" in found


def test_the_reference_agent_takes_its_project_from_the_metadata(spoil: Spoil, tmp_path: Path) -> None:
    agent = "agent: {reference, metadata: {project: p}}"
    arms = f"arms={{only: {{model: m, api: vertex, endpoint: google, {agent}}}}}"
    file = tmp_path / "key.json"
    file.write_text('{"type": "service_account"}')
    check_environment(load_scenario(spoil(), [arms]), {"GOOGLE_APPLICATION_CREDENTIALS": str(file)})
