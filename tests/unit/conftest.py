"""A machine for tests: with a stand-in for espeak-ng and a cache of its own, and never calibrated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.record import capacity
from tests.unit.audio.installed import Installed, install, path_with


@pytest.fixture(scope="session", autouse=True)
def uncalibrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine was seen to hold is no matter for tests."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capacity, "user_cache_path", lambda name: cache / name)
        yield


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
