"""A voice for tests: a stand-in for espeak-ng, with a cache of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.audio.installed import Installed, install, path_with


@pytest.fixture(name="install")
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Installed]:
    """Installs the stand-in, of the version that is given; again for another one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", path_with(tmp_path / "bin"))
    return lambda **version: install(tmp_path / "bin", **version)


@pytest.fixture
def installed(install: Callable[..., Installed]) -> Installed:
    """The stand-in, installed."""
    return install()
