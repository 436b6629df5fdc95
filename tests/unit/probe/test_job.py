"""How the agent's worker was started, as a job's process can tell."""

from __future__ import annotations

import sys

import pytest

from loadtest_probe.job import worker_mode


@pytest.mark.parametrize(
    ("arguments", "environ", "mode"),
    [
        (["start"], {}, "start"),
        (["--log-level", "info", "start"], {}, "start"),
        (["dev"], {"LIVEKIT_DEV_MODE": "1"}, "dev"),
        (["start", "--dev"], {}, "dev"),
        (["console"], {"LIVEKIT_DEV_MODE": "1"}, "console"),
        ([], {"LIVEKIT_DEV_MODE": "1"}, "dev"),
        ([], {}, None),
    ],
)
def test_mode(monkeypatch: pytest.MonkeyPatch, arguments: list[str], environ: dict[str, str], mode: str | None) -> None:
    monkeypatch.setattr(sys, "argv", ["agent.py", *arguments])
    monkeypatch.delenv("LIVEKIT_DEV_MODE", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert worker_mode() == mode
