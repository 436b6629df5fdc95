"""What comes with loadtest is found in an installed package and in a checkout."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import loadtest
from loadtest.scenario.shipped import shipped, shipped_folder, shipped_scenarios

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    shipped_folder.cache_clear()
    yield
    shipped_folder.cache_clear()


def test_a_checkout_has_them_in_scenarios() -> None:
    assert shipped_folder() == ROOT / "scenarios"
    assert {"smoke", "peak", "plugin-upgrade"} <= set(shipped_scenarios())


def test_an_installed_package_has_them_where_the_wheel_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "loadtest"
    inside = package.parent / _put_into_the_wheel(monkeypatch)["scenarios"]
    inside.mkdir(parents=True)
    (inside / "mine.yaml").touch()
    monkeypatch.setattr(loadtest, "__file__", str(package / "__init__.py"))
    assert shipped_folder() == inside
    assert shipped_scenarios() == {"mine": inside / "mine.yaml"}


def test_an_editable_install_copies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _put_into_the_wheel(monkeypatch, version="editable") == {}


def _put_into_the_wheel(monkeypatch: pytest.MonkeyPatch, version: str = "standard") -> dict[str, str]:
    """What hatch_build.py adds to a wheel: path in the wheel by path in the checkout."""
    interface: Any = ModuleType("hatchling.builders.hooks.plugin.interface")
    interface.BuildHookInterface = object
    for name in ("hatchling", "hatchling.builders", "hatchling.builders.hooks", "hatchling.builders.hooks.plugin"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    added: dict[str, dict[str, str]] = {"force_include": {}}
    module.Shipped().initialize(version, added)
    return added["force_include"]


@pytest.mark.parametrize("named", ["/etc/passwd", "../x.yaml", "scripts/../../x.yaml", "../scenarios/smoke.yaml"])
def test_nothing_outside_is_taken_for_one_of_them(named: str) -> None:
    assert shipped(named) is None


def test_a_path_inside_may_be_written_in_any_way() -> None:
    assert shipped("scripts/../audio/./yes.wav") == ROOT / "scenarios" / "audio" / "yes.wav"
