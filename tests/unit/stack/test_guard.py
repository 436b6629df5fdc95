"""Nothing that the guard runs outlives it or its starter, whoever dies and however."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.stack.guard import descendants

# A child that starts: a grandchild, one that ignores SIGTERM, and an orphan in a session of its own. Each writes its
# pid into the folder once it is set up, the child last.
FAMILY = """
import os, signal, subprocess, sys, time
folder, ending = sys.argv[1:]
script = '''
import os, signal, sys, time
folder, name = sys.argv[1:]
if name == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if name == "orphan":
    os.setsid()
    if os.fork():
        os._exit(0)
open(f"{folder}/{name}.tmp", "w").write(str(os.getpid()))
os.rename(f"{folder}/{name}.tmp", f"{folder}/{name}")
time.sleep(600)
'''
for name in ("grandchild", "stubborn", "orphan"):
    subprocess.Popen([sys.executable, "-c", script, folder, name])
while not all(os.path.exists(f"{folder}/{name}") for name in ("grandchild", "stubborn", "orphan")):
    time.sleep(0.01)
if ending == "stays":
    def leave(*_):
        open(f"{folder}/asked", "w")
        sys.exit(7)
    signal.signal(signal.SIGTERM, leave)
open(f"{folder}/child.tmp", "w").write(str(os.getpid()))
os.rename(f"{folder}/child.tmp", f"{folder}/child")
if ending == "leaves":
    sys.exit(5)
if ending == "crashes":
    os.kill(os.getpid(), signal.SIGSEGV)
time.sleep(600)
"""
# What stands for `loadtest run`: holds the guard's stdin and waits.
STARTER = """
import subprocess, sys, time
guard = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
print(guard.pid, flush=True)
time.sleep(600)
"""
NAMES = ("child", "grandchild", "stubborn", "orphan")


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    return state(pid) not in {"Z", "X"}


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def guarded(folder: Path, ending: str, grace_s: float) -> list[str]:
    guard = [sys.executable, "-m", "loadtest.stack.guard", "--grace", str(grace_s), "--"]
    return [*guard, sys.executable, "-c", FAMILY, str(folder), ending]


def family(folder: Path) -> list[int]:
    until((folder / "child").exists, "set up")
    return [int((folder / name).read_text()) for name in NAMES]


def assert_gone(pids: list[int]) -> None:
    until(lambda: not any(map(alive, pids)), f"gone: {[pid for pid in pids if alive(pid)]}")


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A guard with a family that stays; asked to stop, the child leaves with 7."""
    process = subprocess.Popen(guarded(tmp_path, "stays", 0.5), stdin=subprocess.PIPE, start_new_session=True)
    yield process
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def test_closing_stdin_stops_everything_and_passes_the_code_on(guard: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pids = family(tmp_path)
    assert all(map(alive, pids))
    assert set(pids) <= set(descendants(guard.pid))
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(30) == 7
    assert (tmp_path / "asked").exists()
    assert not any(map(alive, pids))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_stops_everything(guard: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals) -> None:
    pids = family(tmp_path)
    guard.send_signal(number)
    assert guard.wait(30) == 7
    assert not any(map(alive, pids))


def test_the_outer_guard_killed(guard: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pids = family(tmp_path)
    everything = descendants(guard.pid)
    guard.kill()
    assert_gone(pids + everything)


def test_the_inner_guard_killed(guard: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pids = family(tmp_path)
    inner = descendants(guard.pid)[0]
    assert inner not in pids
    os.kill(inner, signal.SIGKILL)
    assert guard.wait(30) == 128 + signal.SIGKILL
    assert not any(map(alive, pids))


def test_the_folder_goes_with_the_command_also_when_the_starter_is_killed(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "certificate").touch()
    guard = [sys.executable, "-m", "loadtest.stack.guard", "--remove", str(private), "--", "sleep", "600"]
    with subprocess.Popen([sys.executable, "-c", STARTER, *guard], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        starter.stdout.readline()
        assert private.exists()
        starter.kill()
    until(lambda: not private.exists(), "removed")


@pytest.mark.parametrize("group", [False, True], ids=["process", "group"])
def test_the_starter_killed(tmp_path: Path, group: bool) -> None:
    command = [sys.executable, "-c", STARTER, *guarded(tmp_path, "stays", 0.5)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as starter:
        pids = family(tmp_path)
        everything = descendants(starter.pid)
        if group:
            os.killpg(starter.pid, signal.SIGKILL)
        else:
            starter.kill()
    assert len(everything) >= 6
    assert_gone(pids + everything)


@pytest.mark.parametrize(("ending", "code"), [("leaves", 5), ("crashes", 128 + signal.SIGSEGV)])
def test_a_child_that_ends_takes_its_family_along(tmp_path: Path, ending: str, code: int) -> None:
    # A grace so long that waiting for it would be noticed: those whose parent has gone are not asked.
    with subprocess.Popen(guarded(tmp_path, ending, 600), stdin=subprocess.PIPE) as process:
        assert process.wait(30) == code
        assert not any(map(alive, family(tmp_path)))


def test_the_child_is_out_of_reach_of_the_terminal(guard: subprocess.Popen[bytes], tmp_path: Path) -> None:
    child = family(tmp_path)[0]
    assert os.getsid(child) == child != os.getsid(0)


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest.stack.guard", "--", str(tmp_path / "absent")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.wait(30) == 127
        assert process.stderr is not None
        assert "absent" in process.stderr.read()


def run_guard(script: str, *, stderr: int, **env: str) -> int:
    """Guard a script until it ends by itself; its exit code."""
    guard = [sys.executable, "-m", "loadtest.stack.guard", "--", sys.executable, "-c", script]
    with subprocess.Popen(guard, stdin=subprocess.PIPE, stderr=stderr, env={**os.environ, **env}) as process:
        return process.wait(60)


TELLTALE = """
import os, sys
for name, value in os.environ.items():
    print(name, value)
sys.stderr.write("Authorization: Bearer " + os.environ["A_TOKEN"] + "\\n")
os.write(1, b"x" * 300_000 + os.environ["A_TOKEN"].encode() + b"y" * 20_000)
os.write(1, b"\\nunfinished " + os.environ["A_TOKEN"].encode())
"""


def test_no_secret_of_the_environment_gets_through(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        secrets = {"A_TOKEN": "t0psecret-t0psecret", "PLAIN": "harmless-harmless"}
        assert run_guard(TELLTALE, stderr=out.fileno(), **secrets) == 0
    said = log.read_text()
    assert "t0psecret" not in said
    assert "A_TOKEN [redacted]\n" in said
    assert "PLAIN harmless-harmless\n" in said
    assert "Bearer [redacted]\n" in said
    assert "x" * 300_000 + "[redacted]" + "y" * 20_000 in said
    assert said.endswith("\nunfinished [redacted]")


def test_a_log_that_cannot_be_written_does_not_harm_the_command(tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = f"import sys\nfor _ in range(3000): print('x' * 100, flush=True)\nopen({str(done)!r}, 'w').close()"
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        assert run_guard(script, stderr=full) == 0
    finally:
        os.close(full)
    assert done.exists()


def test_what_a_command_said_is_kept_when_its_starter_is_killed(tmp_path: Path) -> None:
    script = f"""
import signal, sys, time
def last_words(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, last_words)
print("hello", flush=True)
open({str(tmp_path / "said")!r}, "w").close()
time.sleep(600)
"""
    guard = [sys.executable, "-m", "loadtest.stack.guard", "--", sys.executable, "-c", script]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([sys.executable, "-c", STARTER, *guard], stderr=log, stdout=subprocess.PIPE) as starter,
    ):
        until((tmp_path / "said").exists, "said")
        everything = descendants(starter.pid)
        starter.kill()
    assert_gone(everything)
    assert (tmp_path / "log").read_text() == "hello\ngoodbye\n"


def test_a_command_that_talks_with_its_starter_dies_with_it_even_if_it_is_stopped(tmp_path: Path) -> None:
    starter_end, lifeline = os.pipe()
    options = ["--grace", "0.2", "--lifeline", str(starter_end)]
    guard = [sys.executable, "-m", "loadtest.stack.guard", *options, "--"]
    script = "import os\nprint(input() + '!', os.getpid(), flush=True)\ninput()"
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [*guard, sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[starter_end],
        ) as process,
    ):
        os.close(starter_end)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        answer, pid = process.stdout.readline().split()
        assert answer == b"hello!"
        os.kill(int(pid), signal.SIGSTOP)
        until(lambda: state(int(pid)) == "T", "stopped")  # or SIGTERM, a lower number, would be delivered first
        os.close(lifeline)
        assert process.wait(30) == 128 + signal.SIGKILL
        assert not alive(int(pid))


def test_usage() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "loadtest.stack.guard", "true"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage:")
