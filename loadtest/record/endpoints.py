"""Whose endpoints the figures of a run speak of: Google's only where its host is known to be.

The reference agent connects where the run says. What any other agent connects to is a declaration until its probe has
told the host: a command may have its own mind, whatever its environment says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from loadtest.record.run_json import RunKind
from loadtest.scenario.arms import Arm, EndpointSpec
from loadtest.scenario.google import is_google
from loadtest.scenario.hosts import is_loopback

__all__ = ["Hosts", "Whose", "endpoint_label", "other_hosts", "run_kind", "whose_endpoint"]

Hosts = Mapping[str, Collection[str]]
"""By arm: where its agents' probes said that they connect to."""


class Whose(StrEnum):
    """Whose endpoint an arm talks to, as far as it is known."""

    GOOGLE = "google"
    SIMULATED = "simulated"
    OTHER = "other"
    """Somebody else's, or not known."""


def other_hosts(hosts: Collection[str]) -> tuple[str, ...]:
    """Those of the hosts that are not Google's."""
    return tuple(sorted({host for host in hosts if not is_google(host)}))


def whose_endpoint(arm: Arm, hosts: Collection[str]) -> Whose:
    """hosts: where the arm's connections went, as far as its agents' probes told."""
    endpoint = arm.endpoint
    if endpoint is None or endpoint.base_url is not None or _elsewhere(endpoint, hosts):
        return Whose.OTHER
    if endpoint.profile is not None:
        return Whose.SIMULATED
    return Whose.GOOGLE if arm.agent.reference or hosts else Whose.OTHER


def _elsewhere(endpoint: EndpointSpec, hosts: Collection[str]) -> tuple[str, ...]:
    """Those of the hosts that are not what the scenario says."""
    if endpoint.google:
        return other_hosts(hosts)
    if endpoint.base_url is not None:
        return tuple(sorted({host for host in hosts if host != urlsplit(endpoint.base_url).hostname}))
    return tuple(sorted({host for host in hosts if not is_loopback(host)}))


def run_kind(arms: Mapping[str, Arm], hosts: Hosts) -> RunKind:
    """Live if all arms' endpoints are Google's, a rehearsal if all are simulated."""
    found = {whose_endpoint(arm, hosts.get(name, ())) for name, arm in arms.items()}
    if found == {Whose.GOOGLE}:
        return RunKind.LIVE
    return RunKind.REHEARSAL if found == {Whose.SIMULATED} else RunKind.OTHER


def endpoint_label(arm: Arm, hosts: Collection[str]) -> str:
    """Where an arm's model is, in words."""
    endpoint = arm.endpoint
    if endpoint is None:
        return "the agent's own, not known to be Google's"
    match whose_endpoint(arm, hosts):
        case Whose.GOOGLE:
            return "Google"
        case Whose.SIMULATED:
            return "simulated"
    strange = ", ".join(_elsewhere(endpoint, hosts))
    if endpoint.google:
        return (
            f"not Google's: declared so, but seen to connect to {strange}"
            if strange
            else "declared Google's, not verified"
        )
    if strange:
        return f"not known: not where the scenario says, but seen to connect to {strange}"
    return "not Google's"
