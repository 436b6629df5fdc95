"""What every slow step of the preparation has: one at a time, its processes under a guard, and signs of life."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from filelock import FileLock, Timeout

__all__ = ["guarded", "only_one", "progress"]

PLAIN_PROGRESS_EVERY_S = 15.0


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file while the block runs; say what is being waited for if another process has it."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        click.echo(f"Another {what} is at work; waiting for it.", err=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def guarded(command: list[str], env: Mapping[str, str], cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that ends, with all that it starts, when the block does, even if we are killed.

    Both of its outputs are to be read from `stdout`, line by line.
    """
    guard = [sys.executable, "-m", "loadtest.stack.guard", "--grace", "1", "--", *command]
    with subprocess.Popen(
        guard,
        env=env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()


@contextmanager
def progress(name: str, announcement: str) -> Iterator[Callable[[str], None]]:
    """Says how far it is: in one changing line on a terminal, else every so often in a line of its own."""
    click.echo(f"{name}: {announcement}", err=True)
    terminal = sys.stderr.isatty()
    started = said = time.monotonic()

    def report(how_far: str) -> None:
        nonlocal said
        now = time.monotonic()
        text = f"{name}: {how_far}, {now - started:.0f} s"
        if terminal:
            click.echo(f"\r\033[K{text}", nl=False, err=True)
        elif now - said >= PLAIN_PROGRESS_EVERY_S:
            said = now
            click.echo(text, err=True)

    try:
        yield report
    finally:
        if terminal:
            click.echo("\r\033[K", nl=False, err=True)
