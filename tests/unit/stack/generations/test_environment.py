"""How a generation's environment is made. uv is a script here; the files and the lock are real."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loadtest.errors import StackError
from loadtest.scenario.plugins import PLUGIN_GENERATIONS
from loadtest.stack.generations import environment
from loadtest.stack.generations.environment import generation_environ, pinned_versions, provide_generation

LISTS = Path(environment.__file__).parent

UV = """#!/bin/bash
echo "$*" >> "$UV_LOG"
if [ "$1" = venv ]; then
  mkdir -p "${!#}/bin"
  printf '#!/bin/sh\\necho "No module named livekit" >&2; exit %s\\n' "${LOADS:-0}" > "${!#}/bin/python"
  chmod +x "${!#}/bin/python"
  exit
fi
sleep "${TAKES_S:-0}"
echo "Resolved 3 packages" >&2
if [ -n "$OFFLINE" ]; then echo "error: Failed to fetch numpy" >&2; exit 2; fi
"""


class Machine:
    """A machine with a fake uv and an empty cache."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache, self.log = folder / "cache" / "loadtest" / "generations", folder / "uv.log"
        self.log.touch()
        uv = folder / "uv"
        uv.write_text(UV)
        uv.chmod(0o755)
        monkeypatch.setattr(environment, "find_uv_bin", lambda: str(uv))
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setenv("UV_LOG", str(self.log))

    def made(self) -> int:
        return self.log.read_text().count("pip sync")

    def left(self) -> set[str]:
        return {path.name for path in self.cache.iterdir() if path.is_dir()}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_is_made_once_from_its_list_and_only_from_packages_with_the_right_hash(machine: Machine) -> None:
    first, second = provide_generation("1.6.0"), provide_generation("1.6.0")
    assert first == second
    assert first.is_file()
    assert machine.made() == 1
    asked = machine.log.read_text()
    assert "--require-hashes --only-binary :all:" in asked
    assert str(LISTS / "1.6.0.txt") in asked


def test_each_generation_has_its_own(machine: Machine) -> None:
    assert len({provide_generation(plugin) for plugin in PLUGIN_GENERATIONS}) == len(PLUGIN_GENERATIONS)


def test_another_list_is_another_environment(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = provide_generation("1.6.0")
    (tmp_path / "1.6.0.txt").write_text((LISTS / "1.6.0.txt").read_text() + "extra==1.0\n")
    monkeypatch.setattr(environment, "LISTS", tmp_path)
    assert provide_generation("1.6.0") != before


def test_without_a_network_it_says_what_uv_said_and_leaves_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFLINE", "1")
    with pytest.raises(StackError, match="Failed to fetch numpy") as error:
        provide_generation("1.6.0")
    assert "loadtest stack install --plugin 1.6.0" in error.value.remedy
    assert machine.left() == set()
    monkeypatch.delenv("OFFLINE")
    assert provide_generation("1.6.0").is_file()


def test_what_does_not_load_is_not_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADS", "1")
    with pytest.raises(StackError, match="No module named livekit"):
        provide_generation("1.6.0")
    assert machine.left() == set()


def test_two_that_need_it_at_the_same_time_make_it_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKES_S", "0.2")
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(provide_generation, ["1.6.0", "1.6.0"])
    assert first == second
    assert machine.made() == 1


def test_what_a_killed_preparation_left_is_cleared_away(machine: Machine) -> None:
    name = provide_generation("1.6.0").parents[1]
    half = name.with_name(f"{name.name}-abcd")
    name.rename(half)
    assert provide_generation("1.6.0").is_file()
    assert machine.left() == {name.name}


def test_says_that_it_takes_long_and_then_nothing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    provide_generation("1.6.0")
    assert "preparing its environment" in capsys.readouterr().err
    provide_generation("1.6.0")
    assert capsys.readouterr().err == ""


def test_a_process_of_a_generation_has_our_probe_and_none_of_our_packages(tmp_path: Path) -> None:
    env = generation_environ({"PATH": "/usr/bin", "PYTHONPATH": "/elsewhere", "PYTHONHOME": "/x"}, tmp_path / "way")
    assert env == {"PATH": "/usr/bin", "PYTHONPATH": str(tmp_path / "way")}
    assert {path.name for path in (tmp_path / "way").iterdir()} == {"loadtest_probe"}
    assert (tmp_path / "way" / "loadtest_probe" / "wire.py").is_file()


@pytest.mark.parametrize("plugin", PLUGIN_GENERATIONS)
def test_the_list_pins_every_package_by_hash_and_names_no_address(plugin: str) -> None:
    text = (LISTS / f"{plugin}.txt").read_text()
    assert "://" not in text
    for requirement in re.sub(r"\\\n\s*", "", text).splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ; [^-]+?)?( ?--hash=sha256:[0-9a-f]{64})+", requirement), requirement


@pytest.mark.parametrize("plugin", PLUGIN_GENERATIONS)
def test_the_list_comes_from_what_makes_the_generation(plugin: str) -> None:
    asked = (LISTS / f"{plugin}.in").read_text().splitlines()
    pinned = pinned_versions(plugin)
    assert {line for line in asked if not line.startswith("#")} == {f"{k}=={v}" for k, v in pinned.items()}
    assert pinned["livekit-plugins-google"] == plugin
