"""Output whose reader went away."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PLAN = f"{sys.executable} -c 'from loadtest.cli import main; main()' plan scenarios/peak.yaml --set blocks=200 --json"


def test_a_command_whose_reader_has_seen_enough_ends_as_ever() -> None:
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {PLAN} | head -1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "{\n", "")


def test_a_terminal_that_was_closed_is_written_to_in_vain_and_without_harm() -> None:
    script = "\n".join(
        [
            "import signal, sys, os",
            "from loadtest.cli.streams import keep_writable",
            "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
            "keep_writable()",
            "sys.stderr.write('here\\n')",
            "sys.stdin.read()",
            "for stream in (sys.stdout, sys.stderr):",
            "    stream.write('x' * 100_000)",
            "    stream.flush()",
            "os._exit(7)",
        ]
    )
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=its, stderr=its, cwd=REPOSITORY
    ) as process:
        os.close(its)
        assert os.read(ours, 100).startswith(b"here")
        os.close(ours)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 7


def test_a_full_disk_is_no_reader_that_went() -> None:
    ended = subprocess.run(
        ["bash", "-c", f"{PLAN} > /dev/full"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
