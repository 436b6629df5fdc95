"""Where calls may go, and what the environment must hold: checked before anything is started.

Calls go to loopback unless the scenario lists the host. LiveKit Cloud needs an acknowledgement besides, as its
acceptable-use policy limits load tests.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from loadtest.errors import ScenarioError
from loadtest.scenario.google import credential_problems, is_google
from loadtest.scenario.load import LoadedScenario
from loadtest.scenario.models import Scenario
from loadtest.scenario.problems import Place, Problem, ScenarioProblems

__all__ = [
    "CLOUD_ACKNOWLEDGEMENT",
    "CLOUD_CALLS",
    "LIVEKIT_URL_EXAMPLE",
    "LIVEKIT_URL_EXPECTED",
    "LIVEKIT_VARIABLES",
    "check_environment",
    "check_hosts",
    "host_problems",
    "is_livekit_url",
    "is_loopback",
]

CLOUD_ACKNOWLEDGEMENT = "livekit-cloud-acceptable-use"
CLOUD_CALLS = 50
"""Most calls at the same time on LiveKit Cloud, whatever is acknowledged; LiveKit's own tester stops there, too."""
LIVEKIT_VARIABLES = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
LIVEKIT_URL_EXPECTED = "expected a ws:// or wss:// URL with a host and no user or query; found another"
LIVEKIT_URL_EXAMPLE = "For example ws://127.0.0.1:7880"
_LIVEKIT_SCHEMES = {"ws", "wss", "http", "https"}


def is_loopback(host: str) -> bool:
    """True for names and addresses that never leave the machine."""
    host = _plain(host)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_livekit_url(url: str) -> bool:
    """Whether it can be the address of a LiveKit server, and holds nothing that must not be shown."""
    return _host_of(url) is not None and urlsplit(url).scheme in _LIVEKIT_SCHEMES and not _holds_more(url)


def check_hosts(loaded: LoadedScenario, environ: Mapping[str, str]) -> None:
    """Raise ScenarioError if a call or a model's connection would go to a host that the scenario does not permit.

    environ: holds LIVEKIT_URL when the stack is external.
    """
    problems = list(host_problems(loaded))
    if loaded.scenario.stack == "external" and environ.get("LIVEKIT_URL"):
        problems += _livekit_problems(loaded, environ["LIVEKIT_URL"])
    if problems:
        raise ScenarioProblems(problems, scenario=str(loaded.path))


def host_problems(loaded: LoadedScenario) -> Iterator[Problem]:
    """What the scenario itself says wrongly about hosts, whatever the environment."""
    scenario = loaded.scenario
    for i, host in enumerate(scenario.hosts):
        if not _plain(host) or any(mark in host for mark in "/*@ ") or (":" in host and not _is_address(host)):
            text = f'expected a host name or address without scheme, port or wildcard; found "{host}"'
            yield Problem(loaded.place(f"hosts.{i}"), f"hosts.{i}", text, "For example: hosts: [livekit.example.org].")
    for name, arm in scenario.arms.items():
        if arm.endpoint is None or arm.endpoint.base_url is None:
            continue
        field = f"arms.{name}.endpoint.base_url"
        place = loaded.place(field)
        target = _host_of(arm.endpoint.base_url)
        if target is None:
            text = f'expected an https:// URL with a host; found "{arm.endpoint.base_url}"'
            yield Problem(place, field, text, "For example: base_url: https://127.0.0.1:8443")
        elif _holds_more(arm.endpoint.base_url):
            text = "expected a URL without user, password, query and fragment, as it is kept with the results"
            yield Problem(place, field, text, f"For example: base_url: https://{target}")
        elif is_google(target):
            text = f"expected another endpoint than Google's own; found {target}"
            yield Problem(place, field, text, "Say `endpoint: google`, so that the run is reported as live.")
        else:
            yield from _permitted(scenario, target, place, field)


def check_environment(loaded: LoadedScenario, environ: Mapping[str, str]) -> None:
    """Raise ScenarioError if a variable is missing that the stack or Google's endpoint needs."""
    found = []
    if loaded.scenario.stack == "external":
        missing = [name for name in LIVEKIT_VARIABLES if not environ.get(name)]
        if missing:
            found.append((f"{', '.join(missing)} (stack: external) not set", f"Export {', '.join(missing)}."))
    found += credential_problems(loaded.scenario, environ)
    if found:
        raise ScenarioError(
            f"{loaded.path}: in the environment: {'; '.join(text for text, _ in found)}",
            remedy=f"{' '.join(remedy for _, remedy in found)} "
            "Keys come from the environment only, never from a scenario.",
        )


def _livekit_problems(loaded: LoadedScenario, url: str) -> Iterator[Problem]:
    scenario = loaded.scenario
    place = Place("LIVEKIT_URL")
    target = _host_of(url)
    if target is None or not is_livekit_url(url):
        yield Problem(place, "", LIVEKIT_URL_EXPECTED, LIVEKIT_URL_EXAMPLE)
    else:
        yield from _permitted(scenario, target, place, "")
        if _is_cloud(target) and scenario.cap != "auto" and scenario.cap > CLOUD_CALLS:
            yield Problem(
                loaded.place("cap"),
                "cap",
                f"expected at most {CLOUD_CALLS} calls at the same time on LiveKit Cloud; found {scenario.cap}",
                f"Say cap: {CLOUD_CALLS} or less, or test more calls on a LiveKit server of your own.",
            )


def _permitted(scenario: Scenario, target: str, place: Place, field: str) -> Iterator[Problem]:
    if is_loopback(target):
        return
    if target not in {_plain(host) for host in scenario.hosts}:
        yield Problem(
            place,
            field,
            f"expected loopback or a host listed in `hosts`; found {target}",
            f"If you may put load on it, add it to the scenario: hosts: [{target}].",
        )
    if _is_cloud(target) and CLOUD_ACKNOWLEDGEMENT not in scenario.acknowledge:
        yield Problem(
            place,
            field,
            f"expected `acknowledge: [{CLOUD_ACKNOWLEDGEMENT}]` in the scenario, as {target} is LiveKit Cloud",
            "Read LiveKit's acceptable-use policy and clear the test with them; then add that line.",
        )


def _is_cloud(target: str) -> bool:
    return target == "livekit.cloud" or target.endswith(".livekit.cloud")


def _host_of(url: str) -> str | None:
    """The host that a client would connect to, in small letters; None if there is none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return _plain(host) if host else None


def _holds_more(url: str) -> bool:
    """Whether there is a place in it where secrets are put."""
    parts = urlsplit(url)
    return "@" in parts.netloc or bool(parts.query or parts.fragment)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(_plain(host))
    except ValueError:
        return False
    return True
