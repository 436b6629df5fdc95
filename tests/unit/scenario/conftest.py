"""A small scenario on disk, with all that it names, to be spoiled by the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

SCENARIO = """\
version: 1
name: small
arms:
  preview:
    model: model-a
    endpoint: {profile: endpoint.yaml}
  ga:
    model: model-a
    endpoint: {profile: endpoint.yaml}
blocks: 3
arrivals:
  - rate_per_minute: 12
script: scripts/script.yaml
thresholds: [reply_latency.p95 < 3000]
"""
SCRIPT = """\
version: 1
lines:
  - name: first
    audio: ../audio/first.wav
  - name: second
    audio: ../audio/second.wav
reprompts:
  - name: hello
    audio: ../audio/hello.wav
"""
ENDPOINT = """\
version: 1
model: model-a
reply_delay: {distribution: constant, value_ms: 500}
"""

Spoil = Callable[..., Path]


def write_tone(path: Path, *, rate: int = 16_000, channels: int = 1, hz: float = 300) -> None:
    """Half a second that is loud and restless enough to be a line."""
    at_s = np.arange(rate // 2) / rate
    tone = 0.3 * (0.6 + 0.4 * np.cos(2 * np.pi * 4 * at_s)) * np.sin(2 * np.pi * hz * at_s)
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate, subtype="PCM_16")


@pytest.fixture
def spoil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Writes the scenario `small.yaml` into the current folder, with `old` replaced by `new` in the file `of`."""
    monkeypatch.chdir(tmp_path)
    Path("scripts").mkdir()
    Path("audio").mkdir()
    for hz, name in enumerate(("first", "second", "hello"), start=3):
        write_tone(Path(f"audio/{name}.wav"), hz=100 * hz)
    files = {"small.yaml": SCENARIO, "scripts/script.yaml": SCRIPT, "endpoint.yaml": ENDPOINT}
    for name, text in files.items():
        Path(name).write_text(text)

    def spoiled(old: str = "", new: str = "", *, of: str = "small.yaml") -> Path:
        text = Path(of).read_text()
        assert old in text
        Path(of).write_text(text.replace(old, new, 1))
        return Path("small.yaml")

    return spoiled
