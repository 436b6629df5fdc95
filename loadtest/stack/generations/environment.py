"""The environment of one generation of the Google plugin: made once, kept in the user's cache, never changed.

It runs on the tester's own Python and holds exactly what the generation's list names, so that two generations differ
in nothing that is not written there. The probe comes from the tester's installation, as it is, when an agent starts.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import click
from platformdirs import user_cache_path
from uv import find_uv_bin

from loadtest.errors import StackError
from loadtest.scenario.plugins import PLUGIN_GENERATIONS
from loadtest.stack.building import guarded, only_one, progress

__all__ = ["generation_environ", "generation_python", "pinned_versions", "provide_generation"]

LISTS = Path(__file__).parent
TOLD = ("livekit-agents", "livekit-plugins-google", "google-genai", "livekit")
"""What a figure depends on most."""
REMEDY = (
    "Preparing it needs PyPI, or the index that uv's own settings name (UV_DEFAULT_INDEX), and ready-made packages for "
    "this Python and machine: x86-64 or ARM. With them, run `loadtest stack install --plugin {plugin}` once; from then "
    "on it needs no network."
)
NOT_INHERITED = ("PYTHONHOME", "VIRTUAL_ENV")
# These would lead uv to another environment than the one that it is told.
NOT_FOR_UV = ("UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")


def pinned_versions(plugin: str) -> dict[str, str]:
    """The versions that this generation is known by, by distribution."""
    found = {}
    for line in _list_of(plugin).read_text().splitlines():
        pinned = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if pinned is not None and pinned[1] in TOLD:
            found[pinned[1]] = pinned[2]
    return {name: found[name] for name in TOLD}


def generation_python(plugin: str) -> Path:
    """The interpreter that has this generation of the plugin, once it has been provided."""
    return _folder(plugin) / "bin" / "python"


def provide_generation(plugin: str) -> Path:
    """Make the environment of that generation if there is none. Returns its interpreter. Says on stderr what it does.

    Raises StackError, with what uv said last, when it cannot be made. With an environment that exists no network is
    needed, and nothing is said.
    """
    folder, python = _folder(plugin), generation_python(plugin)
    if not python.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with only_one(folder.with_name(f"{folder.name}.lock"), f"preparation of plugin {plugin}"):
            if not python.exists():
                _make(plugin, folder)
    return python


def generation_environ(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment variables for a process of any generation: with the tester's own probe, and no other package.

    folder: where the way to the probe is laid; it must be left there as long as the process runs.
    """
    probe = find_spec("loadtest_probe")
    assert probe is not None, "it comes with loadtest"
    assert probe.origin is not None
    folder.mkdir(parents=True, exist_ok=True)
    way = folder / "loadtest_probe"
    if not way.is_symlink():
        way.symlink_to(Path(probe.origin).resolve().parent, target_is_directory=True)
    return {k: v for k, v in environ.items() if k not in NOT_INHERITED} | {"PYTHONPATH": str(folder)}


def _list_of(plugin: str) -> Path:
    assert plugin in PLUGIN_GENERATIONS
    return LISTS / f"{plugin}.txt"


def _folder(plugin: str) -> Path:
    """Named by all that it depends on, so that it never has to be changed."""
    made_of = "\0".join([sys.version, sys.base_prefix, platform.machine(), _list_of(plugin).read_text()])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    return (
        user_cache_path("loadtest") / "generations" / f"{plugin}-py{sys.version_info[0]}.{sys.version_info[1]}-{digest}"
    )


def _make(plugin: str, folder: Path) -> None:
    """Fill a folder beside `folder`, and move it there when the plugin is known to load."""
    for abandoned in folder.parent.glob(f"{folder.name}-*"):  # of a preparation that was killed; we hold the lock
        if abandoned.is_dir():
            shutil.rmtree(abandoned)
    packages = sum(line[:1].isalnum() for line in _list_of(plugin).read_text().splitlines())
    making = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        announcement = f"preparing its environment of some {packages} packages once; this can take minutes."
        with progress(f"Google plugin {plugin}", announcement) as say:
            python = str(making / "bin" / "python")
            venv = ["venv", "--quiet", "--allow-existing", "--relocatable", "--python", sys.executable, str(making)]
            _uv(plugin, venv, cwd=folder.parent)
            listed = ["--require-hashes", "--only-binary", ":all:", str(_list_of(plugin))]
            _uv(plugin, ["pip", "sync", "--python", python, *listed], cwd=folder.parent, say=say)
            say("trying it")
            _try(plugin, python)
        making.replace(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    click.echo(f"Google plugin {plugin}: ready in {folder}", err=True)


def _uv(plugin: str, arguments: list[str], *, cwd: Path, say: Callable[[str], None] | None = None) -> None:
    env = {k: v for k, v in os.environ.items() if k not in NOT_FOR_UV} | {"UV_PYTHON_DOWNLOADS": "never"}
    last: deque[str] = deque(maxlen=12)
    # Not where the user is: uv would read the pyproject.toml of whatever project that is.
    with guarded([find_uv_bin(), *arguments], env, cwd=cwd) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line.rstrip())
            if say is not None and not line.startswith(" +"):
                say(line.strip().lower())
        code = process.wait()
    if code != 0:
        raise _cannot(plugin, f"its environment cannot be made: uv ended with code {code}", last)


def _try(plugin: str, python: str) -> None:
    command = [python, "-I", "-W", "ignore", "-c", "import livekit.agents, livekit.plugins.google"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise _cannot(plugin, "what was installed does not load", done.stdout.splitlines()[-6:])


def _cannot(plugin: str, what: str, said: Iterable[str]) -> StackError:
    quoted = "\n".join(f"    {line[:300]}" for line in said)
    return StackError(f"Google plugin {plugin}: {what}\n{quoted}", remedy=REMEDY.format(plugin=plugin))
