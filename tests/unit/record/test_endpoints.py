"""Whose figures a run's are: Google's only where every endpoint is known to be."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.record.endpoints import Whose, endpoint_label, run_kind, whose_endpoint
from loadtest.record.run_json import RunKind
from loadtest.scenario.arms import Arm

THEIRS = {"external": True, "name": "a"}
STARTED = {"command": ["x"], "name": "a"}
GOOGLE = "generativelanguage.googleapis.com"


def arm(endpoint: Any, agent: Any = "reference") -> Arm:
    return Arm.model_validate({"model": "m", "endpoint": endpoint, "agent": agent})


@pytest.mark.parametrize(
    ("one", "hosts", "whose", "label"),
    [
        (arm({"profile": "p.yaml"}), (), Whose.SIMULATED, "simulated"),
        (arm({"profile": "p.yaml"}), ("127.0.0.1",), Whose.SIMULATED, "simulated"),
        (
            arm({"profile": "p.yaml"}, STARTED),
            ("127.0.0.1", GOOGLE),
            Whose.OTHER,
            f"not known: not where the scenario says, but seen to connect to {GOOGLE}",
        ),
        (arm({"base_url": "https://127.0.0.1:1"}), (), Whose.OTHER, "not Google's"),
        (arm({"base_url": "https://U@Proxy.example.org:1/x"}), ("proxy.example.org",), Whose.OTHER, "not Google's"),
        (
            arm({"base_url": "https://127.0.0.1:1"}, STARTED),
            (GOOGLE,),
            Whose.OTHER,
            f"not known: not where the scenario says, but seen to connect to {GOOGLE}",
        ),
        (arm(None, THEIRS), (), Whose.OTHER, "the agent's own, not known to be Google's"),
        # What an agent of unknown settings says of one connection is no declaration.
        (arm(None, THEIRS), (GOOGLE,), Whose.OTHER, "the agent's own, not known to be Google's"),
        (arm("google"), (), Whose.GOOGLE, "Google"),
        (arm("google"), (GOOGLE,), Whose.GOOGLE, "Google"),
        # It may ignore what its environment says.
        (arm("google", STARTED), (), Whose.OTHER, "declared Google's, not verified"),
        (arm("google", STARTED), (GOOGLE,), Whose.GOOGLE, "Google"),
        (
            arm("google", STARTED),
            (GOOGLE, "127.0.0.1"),
            Whose.OTHER,
            "not Google's: declared so, but seen to connect to 127.0.0.1",
        ),
        (arm("google", THEIRS), (), Whose.OTHER, "declared Google's, not verified"),
        (arm("google", THEIRS), (GOOGLE,), Whose.GOOGLE, "Google"),
        (
            arm("google", THEIRS),
            ("proxy.example.org",),
            Whose.OTHER,
            "not Google's: declared so, but seen to connect to proxy.example.org",
        ),
    ],
)
def test_whose_an_endpoint_is(one: Arm, hosts: tuple[str, ...], whose: Whose, label: str) -> None:
    assert (whose_endpoint(one, hosts), endpoint_label(one, hosts)) == (whose, label)


@pytest.mark.parametrize(
    ("arms", "kind"),
    [
        ((arm("google"), arm("google")), RunKind.LIVE),
        ((arm({"profile": "a"}), arm({"profile": "b"})), RunKind.REHEARSAL),
        ((arm({"profile": "a"}), arm({"base_url": "https://127.0.0.1:1"})), RunKind.OTHER),
        ((arm("google"), arm("google", THEIRS)), RunKind.OTHER),
        ((arm("google"), arm("google", STARTED)), RunKind.OTHER),
        ((arm(None, THEIRS),), RunKind.OTHER),
    ],
)
def test_the_kind_of_a_run(arms: tuple[Arm, ...], kind: RunKind) -> None:
    assert run_kind({str(i): one for i, one in enumerate(arms)}, {}) is kind
