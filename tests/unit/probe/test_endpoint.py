"""The host that the probe tells is the one that google-genai connects to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from google import genai
from google.genai.types import HttpOptions
from google.oauth2.credentials import Credentials

from loadtest_probe.endpoint import endpoint_host


def told(**options: Any) -> str | None:
    return endpoint_host(SimpleNamespace(_client=genai.Client(**options)))


VERTEX = {"vertexai": True, "project": "p", "credentials": Credentials(token="t")}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({"api_key": "k"}, "generativelanguage.googleapis.com"),
        ({**VERTEX, "location": "us-central1"}, "us-central1-aiplatform.googleapis.com"),
        ({**VERTEX, "location": "global"}, "aiplatform.googleapis.com"),
        ({"api_key": "k", "http_options": HttpOptions(base_url="https://127.0.0.1:8443/arms/ga")}, "127.0.0.1"),
        (
            {**VERTEX, "location": "us-central1", "http_options": HttpOptions(base_url="https://Proxy.example.org")},
            "proxy.example.org",
        ),
    ],
)
def test_the_host_of_the_client(options: dict[str, Any], host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GOOGLE_API_USE_MTLS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert told(**options) == host


def test_a_base_url_from_the_environment_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://127.0.0.1:8443")
    assert told(api_key="k") == "127.0.0.1"


@pytest.mark.parametrize("rt_session", [None, SimpleNamespace(), SimpleNamespace(_client=object())])
def test_a_client_that_does_not_tell_is_no_error(rt_session: Any) -> None:
    assert endpoint_host(rt_session) is None
