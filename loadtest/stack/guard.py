"""Runs a command so that it and all its descendants die with whoever started it, however that happens.

    python -m loadtest.stack.guard [OPTION VALUE...] -- COMMAND [ARGUMENT...]

    --grace SECONDS   between the request to stop and SIGKILL (5)
    --remove FOLDER   remove it when all is over
    --lifeline FD     see below
    --ice-tcp no      let nothing listen for WebRTC over TCP: loadtest/stack/seccomp.py
    --words no        leave what was said out of the log: loadtest/stack/spoken.py

The starter keeps the write end of the guard's standard input. When that closes (the starter ended, by SIGKILL too),
when the guard gets SIGTERM, SIGINT or SIGHUP, or when the command ends, nothing of the command is left: SIGTERM to
every descendant, SIGKILL after the grace; SIGKILL at once if the command ended by itself. The exit code is the
command's, 128 + n if signal n ended it.

What the command says goes through the guard to the guard's standard error, line by line, and the secrets of the
command's environment are taken out on the way; telephone numbers are hashed where the run does that. Where it goes to
may be full: the command does not notice. With --lifeline the starter holds another file descriptor's write end instead,
the command has the guard's standard input and output to talk to the starter, and only its standard error is passed on.

There are two guard processes, one the parent of the other, as a guard can be killed as well. Each is a subreaper, so
that descendants whose parent has died stay in reach: if the inner one is killed, the outer one kills what is left; if
the outer one is killed, the inner one notices that their pipe has closed. Linux only; standard library only, to start
quickly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from loadtest.numbers import hashing_environ, take_hashing
from loadtest.redact import own_redactor
from loadtest.stack.seccomp import refuse_ice_tcp
from loadtest.stack.spoken import without_words

__all__ = ["descendants", "main"]

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
USAGE = "usage: python -m loadtest.stack.guard [OPTION VALUE...] -- COMMAND [ARGUMENT...]"
LONGEST_LINE = 2**18
TOKEN_LENGTH = 2**14
"""No secret is longer: so much of a line without an end is kept back."""
TOO_LONG = b"guard: a line was too long to be stored without what was said in it\n"
LAST_WORDS_S = 5.0


def main(argv: list[str]) -> int:
    """Guard the command in argv. Returns its exit code once nothing of it, nor the folder to remove, is left."""
    options = {"--grace": "5", "--remove": "", "--lifeline": "", "--ice-tcp": "yes", "--words": "yes"}
    while argv[:1] and argv[0] in options and len(argv) > 1:
        options[argv[0]], argv = argv[1], argv[2:]
    if argv[:1] != ["--"] or len(argv) < 2:
        sys.stderr.write(USAGE + "\n")
        return 2
    command = argv[1:]
    take_hashing(os.environ)
    talks = bool(options["--lifeline"])
    starter = int(options["--lifeline"]) if talks else sys.stdin.fileno()
    os.set_inheritable(starter, False)
    lifeline, outer_end = os.pipe()  # both close on exec, so that the command cannot hold them

    def inner() -> int:
        os.close(outer_end)
        said, says = os.pipe()
        passing_on = threading.Thread(target=_pass_on, args=(said, options["--words"] != "no"), daemon=True)

        def begin() -> None:
            os.close(says)
            passing_on.start()

        code = _guard(
            lifeline,
            lambda: _execute(command, says, talks=talks, ice_tcp=options["--ice-tcp"] != "no"),
            lambda child: _stop(child, float(options["--grace"])),
            begin,
        )
        passing_on.join(LAST_WORDS_S)  # nobody is left who could say more
        return code

    def stop_inner(child: int) -> int:
        os.close(outer_end)
        return _wait(child)

    code = _guard(starter, inner, stop_inner)
    if options["--remove"]:
        shutil.rmtree(options["--remove"], ignore_errors=True)
    return code


def descendants(ancestor: int) -> list[int]:
    """Process ids of the living (not zombie) descendants of a process, parents first."""
    children: dict[int, list[tuple[int, bool]]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  # names are all that is needed
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_bytes()
        except OSError:
            continue
        state, parent = stat.rpartition(b")")[2].split()[:2]
        children.setdefault(int(parent), []).append((int(entry), state not in {b"Z", b"X"}))
    found: list[int] = []
    queue = [ancestor]
    while queue:
        for pid, alive in children.get(queue.pop(0), []):
            queue.append(pid)
            if alive:
                found.append(pid)
    return found


def _guard(
    lifeline: int, body: Callable[[], int], stop: Callable[[int], int], begin: Callable[[], None] | None = None
) -> int:
    """Run `body` in a child, then `begin` here; `stop` the child when the lifeline closes or a stop signal comes.

    Leaves no descendant. Returns the child's exit code.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    signals = _catch_signals()
    child = os.fork()
    if child == 0:
        os._exit(_run(body))
    if begin is not None:
        begin()
    code = None
    while code is None:
        ready, _, _ = select.select([lifeline, signals], [], [])
        closed = lifeline in ready and not os.read(lifeline, 4096)
        stopped = signals in ready and not STOP_SIGNALS.isdisjoint(os.read(signals, 4096))
        code = stop(child) if closed or stopped else _reap(child)
    _kill_descendants()
    return code


def _run(body: Callable[[], int]) -> int:
    try:
        return body()
    except OSError as error:
        sys.stderr.write(f"guard: {error}\n")
        return 127


def _pass_on(said: int, words: bool) -> None:
    """Write what comes out of the pipe to standard error, without secrets, until it is closed.

    words: with what was said in the call. Without, a line that is too long to be looked at as a whole is left out.
    """
    redactor = own_redactor(os.environ)
    lost = b""
    rest = b""
    too_long = False

    def passed(data: bytes) -> bytes:
        return redactor.data(data if words else _without_words(data))

    while chunk := os.read(said, 2**16):
        if too_long:
            _, ended, chunk = chunk.partition(b"\n")
            too_long = not ended
        lines, newline, rest = (rest + chunk).rpartition(b"\n")
        if not newline and len(rest) > LONGEST_LINE:
            too_long = not words
            cut = redactor.safe_cut(rest, len(rest) - TOKEN_LENGTH)
            lines, rest = (TOO_LONG, b"") if too_long else (rest[:cut], rest[cut:])
        lost = _write(lost + passed(lines + newline))
    _write(lost + passed(rest))


def _without_words(data: bytes) -> bytes:
    lines = data.decode(errors="surrogateescape").split("\n")
    return "\n".join(map(without_words, lines)).encode(errors="surrogateescape")


def _write(data: bytes) -> bytes:
    """Write to standard error, or else return what to say of it once that is possible again."""
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError as error:
        return f"guard: some of the log was lost: {error.strerror}\n".encode()
    return b""


def _execute(command: list[str], says: int, *, talks: bool, ice_tcp: bool) -> NoReturn:
    os.setsid()  # Ctrl-C in the terminal is the starter's business
    guard = os.getppid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(128 + signal.SIGKILL)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if not ice_tcp:
        refuse_ice_tcp()
    os.dup2(says, 2)
    if talks:
        os.environ.update(hashing_environ())
    else:
        os.dup2(says, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise OSError(error.errno, f"{command[0]}: {error.strerror}") from None


def _stop(child: int, grace_s: float) -> int:
    """SIGTERM to all, SIGKILL to those that are there after the grace. Returns the child's exit code."""
    code = None
    deadline = time.monotonic() + grace_s
    living = _signal_descendants(signal.SIGTERM)
    while living and time.monotonic() < deadline:
        time.sleep(0.02)
        code = _reap(child) if code is None else code
        living = len(descendants(os.getpid()))
    _kill_descendants()
    return _wait(child) if code is None else code


def _kill_descendants() -> None:
    """Kill until nothing lives; what forks while it is being killed is met again."""
    while _signal_descendants(signal.SIGKILL):
        time.sleep(0.005)


def _signal_descendants(number: signal.Signals) -> int:
    pids = descendants(os.getpid())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return len(pids)


def _reap(child: int) -> int | None:
    """The exit code of `child` if it has ended. Reaps the adopted orphans that it meets."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return _exit_code(status)
        if pid == 0:
            return None


def _wait(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return _exit_code(status)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _catch_signals() -> int:
    """A file descriptor from which the numbers of arriving signals can be read, one byte each."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return read_end


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
