"""Which livekit-server is used, and how the pinned one gets onto the machine.

In this order: the executable that LOADTEST_LIVEKIT_SERVER names; `livekit-server` on PATH; the pinned version in the
user's cache directory, which `provide_server` builds once. With any of these a run needs no network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from loadtest.errors import StackError
from loadtest.stack.building import only_one
from loadtest.stack.gobuild import build_with_go

__all__ = ["LIVEKIT_SERVER_VERSION", "ServerBinary", "find_server", "provide_server"]

LIVEKIT_SERVER_VERSION = "1.13.5"
# Later versions carry `replace` lines in go.mod, which `go install` refuses.
GO_PACKAGE = f"github.com/livekit/livekit-server/cmd/server@v{LIVEKIT_SERVER_VERSION}"
VARIABLE = "LOADTEST_LIVEKIT_SERVER"


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A livekit-server executable that has been seen to run, and the version it states."""

    path: Path
    version: str


def find_server() -> ServerBinary:
    """The livekit-server to use. Raises StackError when there is none, or the one that is named does not run."""
    server = _find()
    if server is None:
        raise StackError(
            "there is no livekit-server on this machine",
            remedy=f"Run `loadtest stack install`, or let {VARIABLE} name an executable.",
        )
    return server


def provide_server() -> ServerBinary:
    """As `find_server`, but builds the pinned version if there is none. Says on stderr what it does."""
    server = _find()
    if server is not None:
        return server
    cached = _cached_path()
    cached.parent.mkdir(parents=True, exist_ok=True)
    with only_one(cached.parent / "install.lock", "`loadtest stack install`"):
        if not cached.exists():
            _build(cached)
    return _checked(cached, remedy=f"Delete {cached} and run `loadtest stack install` again.")


def _find() -> ServerBinary | None:
    named = os.environ.get(VARIABLE)
    if named:
        return _checked(Path(named), remedy=f"Let {VARIABLE} name a livekit-server executable, or unset it.")
    on_path = shutil.which("livekit-server")
    if on_path:
        return _checked(Path(on_path), remedy=f"Correct PATH, or let {VARIABLE} name another livekit-server.")
    cached = _cached_path()
    if cached.exists():
        return _checked(cached, remedy=f"Delete {cached} and run `loadtest stack install`.")
    return None


def _cached_path() -> Path:
    return user_cache_path("loadtest") / f"livekit-server-{LIVEKIT_SERVER_VERSION}"


def _checked(path: Path, *, remedy: str) -> ServerBinary:
    if not path.is_file():
        raise StackError(f"{path} is not a file", remedy=remedy)
    if not os.access(path, os.X_OK):
        raise StackError(f"{path} is not executable", remedy=remedy)
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise StackError(f"{path} does not run: {error}", remedy=remedy) from error
    version = re.search(r"\d+\.\d+\.\d+\S*", said)
    if "livekit" not in said or version is None:
        raise StackError(f"{path} is no livekit-server: its --version says {said.strip()[:80]!r}", remedy=remedy)
    return ServerBinary(path.resolve(), version.group())


def _build(target: Path) -> None:
    """Build the pinned version in a folder beside `target`, and move it there when it is known to run."""
    for abandoned in target.parent.glob("build-*"):  # of an installation that was killed; we hold the lock
        shutil.rmtree(abandoned)
    folder = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    try:
        built = build_with_go(GO_PACKAGE, folder, name=f"livekit-server {LIVEKIT_SERVER_VERSION}")
        _checked(built, remedy=f"Let {VARIABLE} name a livekit-server that runs on this machine.")
        built.replace(target)
    finally:
        shutil.rmtree(folder)
