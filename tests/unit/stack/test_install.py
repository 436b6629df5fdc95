"""How livekit-server is found and built. Go is a script here; the processes, the files and the lock are real."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.errors import StackError
from loadtest.stack.install import LIVEKIT_SERVER_VERSION, find_server, provide_server

# Counts its builds in $GO_LOG; $GO_DOES says how it ends.
GO = """#!/bin/bash
if [ "$1" = version ]; then echo "go version go${GO_VERSION:-1.26.8} linux/amd64"; exit; fi
echo "$$ $*" >> "$GO_LOG"
mkdir -p "$GOPATH/pkg" "$GOCACHE" "$GOBIN"
echo "go: downloading github.com/livekit/protocol v1.2.3" >&2
case $GO_DOES in
  fail) echo "dial tcp: no route to host" >&2; exit 1;;
  hang) sleep 600 & echo $! >> "$GO_LOG"; wait;;
  slow) sleep 1;;
esac
echo "github.com/livekit/protocol" >&2
printf '#!/bin/sh\\necho livekit-server version ${BUILT:-VERSION}\\n' > "$GOBIN/server"
chmod +x "$GOBIN/server"
""".replace("VERSION}\\n", LIVEKIT_SERVER_VERSION + "}\\n")


class Machine:
    """A machine with a fake Go and an empty cache."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache, self.log = folder / "bin", folder / "cache" / "loadtest", folder / "go.log"
        self.bin.mkdir()
        self.log.touch()
        self.put("go", GO)
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setenv("GO_LOG", str(self.log))
        monkeypatch.delenv("LOADTEST_LIVEKIT_SERVER", raising=False)

    def put(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def builds(self) -> int:
        return self.log.read_text().count(f"github.com/livekit/livekit-server/cmd/server@v{LIVEKIT_SERVER_VERSION}")

    def left(self) -> set[str]:
        return {path.name for path in self.cache.iterdir()} - {"install.lock"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def install() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from loadtest.cli import main; main()", "stack", "install"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def server_script(version: str) -> str:
    return f"#!/bin/sh\necho livekit-server version {version}\n"


BINARY = f"livekit-server-{LIVEKIT_SERVER_VERSION}"


def test_the_pinned_version_is_built_once(machine: Machine) -> None:
    with pytest.raises(StackError, match="no livekit-server") as raised:
        find_server()
    assert "loadtest stack install" in raised.value.remedy
    server = provide_server()
    assert server == provide_server() == find_server()
    assert (server.path, server.version) == (machine.cache / BINARY, LIVEKIT_SERVER_VERSION)
    assert machine.builds() == 1
    assert machine.left() == {BINARY}


def test_the_command_says_what_there_is_and_what_it_does(machine: Machine) -> None:
    with install() as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == f"livekit-server {LIVEKIT_SERVER_VERSION}: {machine.cache / BINARY}\n"
    assert "building it once" in err


def test_two_at_once_build_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_DOES", "slow")
    with install() as one, install() as other:
        said = [process.communicate(timeout=60) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert machine.builds() == 1


def test_a_failed_build_leaves_nothing_and_says_what_go_said(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_DOES", "fail")
    with pytest.raises(StackError, match="no route to host") as raised:
        provide_server()
    assert "LOADTEST_LIVEKIT_SERVER" in raised.value.remedy
    assert machine.left() == set()


def test_a_build_that_does_not_run_is_not_installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.put("go", GO.replace("echo livekit-server version", "echo Segmentation fault"))
    with pytest.raises(StackError, match="no livekit-server: its --version says"):
        provide_server()
    assert machine.left() == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_is_neither_used_nor_left_running(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("GO_DOES", "hang")
    with install() as process:
        until(lambda: machine.log.read_text().count("\n") == 2, "compiling")
        pids = [int(line.split()[0]) for line in machine.log.read_text().splitlines()]
        process.send_signal(number)
        process.communicate(timeout=60)
    until(lambda: not any(map(alive, pids)), "gone")
    assert not (machine.cache / BINARY).exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert machine.left() == set()
    monkeypatch.delenv("GO_DOES")
    provide_server()
    assert machine.left() == {BINARY}  # what SIGKILL left behind has been cleared away


def test_a_go_that_is_too_old_and_no_network(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_VERSION", "1.21.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(StackError, match="there is no Go on this machine") as raised:
        provide_server()
    assert "LOADTEST_LIVEKIT_SERVER" in raised.value.remedy
    assert machine.left() == set()


def test_the_variable_comes_before_path_and_path_before_the_cache(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide_server()
    on_path = machine.put("livekit-server", server_script("1.9.0"))
    assert find_server().path == on_path
    assert find_server().version == "1.9.0"
    named = machine.put("mine", server_script("1.10.1"))
    monkeypatch.setenv("LOADTEST_LIVEKIT_SERVER", str(named))
    assert provide_server().version == "1.10.1"


@pytest.mark.parametrize(
    ("script", "mode", "says"),
    [
        (None, 0, "is not a file"),
        ("#!/bin/sh\n", 0o644, "is not executable"),
        ("#!/bin/sh\nexit 3\n", 0o755, "does not run"),
        ("#!/bin/sh\necho redis 7.0.0\n", 0o755, "no livekit-server"),
    ],
)
def test_a_named_executable_is_checked(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, script: str | None, mode: int, says: str
) -> None:
    named = machine.bin / "named"
    if script is not None:
        machine.put("named", script).chmod(mode)
    monkeypatch.setenv("LOADTEST_LIVEKIT_SERVER", str(named))
    with pytest.raises(StackError, match=says) as raised:
        find_server()
    assert str(named) in raised.value.message
    assert "LOADTEST_LIVEKIT_SERVER" in raised.value.remedy
