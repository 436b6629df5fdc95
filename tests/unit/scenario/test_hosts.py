"""Where calls may go, and what the environment must hold."""

from __future__ import annotations

import pytest

from loadtest.errors import ScenarioError
from loadtest.plan.cap import resolve_cap
from loadtest.scenario.hosts import check_environment, check_hosts, is_loopback
from loadtest.scenario.load import LoadedScenario, load_scenario
from tests.unit.scenario.conftest import Spoil

LIVEKIT = {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"}
EXTERNAL = (
    "stack=external",
    "arms.preview={model: model-a, agent: {external, name: a}}",
    "arms.ga={model: model-a, agent: {external, name: b}}",
)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1.example.org", "localhost.example.org", "0.0.0.0", "10.0.0.1"]
)
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def refused(loaded: LoadedScenario, url: str) -> str:
    with pytest.raises(ScenarioError) as raised:
        check_hosts(loaded, {"LIVEKIT_URL": url})
    return str(raised.value)


def test_an_unlisted_livekit_server_is_refused(spoil: Spoil) -> None:
    loaded = load_scenario(spoil(), [*EXTERNAL, "hosts=[livekit.example.org]"])
    check_hosts(loaded, {"LIVEKIT_URL": "wss://livekit.example.org:7880"})
    check_hosts(loaded, {"LIVEKIT_URL": "ws://127.0.0.1:7880"})
    assert "found other.example.org" in refused(loaded, "wss://other.example.org")
    assert "no user or query" in refused(loaded, "wss://livekit.example.org@evil.example.org")
    assert "expected a ws:// or wss:// URL" in refused(loaded, "livekit.example.org")


def test_livekit_cloud_needs_an_acknowledgement_besides(spoil: Spoil) -> None:
    hosts = "hosts=[mine.livekit.cloud]"
    loaded = load_scenario(spoil(), [*EXTERNAL, hosts])
    assert "acknowledge: [livekit-cloud-acceptable-use]" in refused(loaded, "wss://mine.livekit.cloud")
    assert "acknowledge" in refused(loaded, "wss://MINE.livekit.cloud.")
    acknowledged = load_scenario(loaded.path, [*EXTERNAL, hosts, "acknowledge=[livekit-cloud-acceptable-use]"])
    check_hosts(acknowledged, {"LIVEKIT_URL": "wss://mine.livekit.cloud"})
    unlisted = load_scenario(loaded.path, [*EXTERNAL, "acknowledge=[livekit-cloud-acceptable-use]"])
    assert "listed in `hosts`" in refused(unlisted, "wss://mine.livekit.cloud")


def test_livekit_cloud_gets_fifty_calls_at_the_same_time_and_no_more(spoil: Spoil) -> None:
    cloud = (*EXTERNAL, "hosts=[mine.livekit.cloud]", "acknowledge=[livekit-cloud-acceptable-use]")
    loaded = load_scenario(spoil(), [*cloud, "cap=51"])
    assert "cap: expected at most 50 calls at the same time on LiveKit Cloud; found 51" in refused(
        loaded, "wss://mine.livekit.cloud"
    )
    check_hosts(loaded, {"LIVEKIT_URL": "ws://127.0.0.1:7880"})
    check_hosts(load_scenario(loaded.path, [*cloud, "cap=50"]), {"LIVEKIT_URL": "wss://mine.livekit.cloud"})
    assert resolve_cap(load_scenario(loaded.path, [*cloud, "cap=auto"]).scenario, 96) == 50
    assert resolve_cap(load_scenario(loaded.path, ["cap=auto"]).scenario, 96) == 144


def test_the_embedded_stack_does_not_care_about_the_environment(spoil: Spoil) -> None:
    loaded = load_scenario(spoil())
    check_hosts(loaded, {"LIVEKIT_URL": "wss://mine.livekit.cloud"})
    check_environment(loaded, {})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "https://stand-in.example.org",
            "small.yaml:6:26: arms.preview.endpoint.base_url: expected loopback or a host",
        ),
        ("https://generativelanguage.googleapis.com/", "Say `endpoint: google`"),
        ("https://GenerativeLanguage.GoogleAPIs.com.:443/v1", "Say `endpoint: google`"),
        ("https://localhost@stand-in.example.org", "without user"),
        ("https://u:hush-hush@127.0.0.1", "without user"),
        ("https://127.0.0.1/x?key=hush-hush", "without user"),
    ],
)
def test_a_stand_in_elsewhere_is_refused(spoil: Spoil, url: str, said: str) -> None:
    loaded = load_scenario(spoil("{profile: endpoint.yaml}", f'{{base_url: "{url}"}}'))
    with pytest.raises(ScenarioError) as raised:
        check_hosts(loaded, {})
    assert said in str(raised.value)
    assert "hush" not in str(raised.value)


def test_the_url_of_livekit_holds_no_password(spoil: Spoil) -> None:
    with pytest.raises(ScenarioError, match="no user or query; found another") as raised:
        check_hosts(load_scenario(spoil(), [*EXTERNAL]), {"LIVEKIT_URL": "ws://u:hush-hush@127.0.0.1:7880"})
    assert "hush" not in str(raised.value)


def test_a_listed_or_local_stand_in_is_fine(spoil: Spoil) -> None:
    path = spoil("{profile: endpoint.yaml}", "{base_url: 'https://stand-in.example.org:8443/x'}")
    path = spoil("{profile: endpoint.yaml}", "{base_url: 'https://[::1]:8443'}")
    check_hosts(load_scenario(path, ["hosts=[Stand-In.example.org]"]), {})


@pytest.mark.parametrize("host", ["https://a.example.org", "a.example.org:443", "*.example.org", ""])
def test_hosts_are_names(spoil: Spoil, host: str) -> None:
    loaded = load_scenario(spoil(), [f'hosts=["{host}"]'])
    with pytest.raises(ScenarioError, match="expected a host name or address"):
        check_hosts(loaded, {})


def test_an_external_stack_needs_url_and_keys(spoil: Spoil) -> None:
    loaded = load_scenario(spoil(), [*EXTERNAL])
    with pytest.raises(ScenarioError, match="LIVEKIT_URL"):
        check_environment(loaded, LIVEKIT)
    check_environment(loaded, {**LIVEKIT, "LIVEKIT_URL": "ws://127.0.0.1:7880"})


def test_an_external_stack_takes_agents_and_endpoints_of_every_kind(spoil: Spoil) -> None:
    arms = (
        "arms={ours: {model: model-a, agent: reference, endpoint: {profile: endpoint.yaml}},"
        " started: {model: model-a, agent: {command: [x], name: x}, endpoint: {profile: endpoint.yaml}},"
        " theirs: {model: model-a, agent: {external, name: a}}}"
    )
    loaded = load_scenario(spoil(), ["stack=external", arms])
    assert set(loaded.profiles) == {"ours", "started"}


@pytest.mark.parametrize(
    ("stack", "endpoint", "said"),
    [
        ("embedded", "", "an external agent cannot reach the embedded stack"),
        ("external", ", endpoint: {profile: endpoint.yaml}", "cannot be pointed at a simulated endpoint"),
    ],
)
def test_an_external_agent_is_not_started_and_not_pointed_anywhere(
    spoil: Spoil, stack: str, endpoint: str, said: str
) -> None:
    arm = f"arms={{ga: {{model: model-a, agent: {{external, name: a}}{endpoint}}}}}"
    with pytest.raises(ScenarioError, match=said):
        load_scenario(spoil(), [f"stack={stack}", arm])
