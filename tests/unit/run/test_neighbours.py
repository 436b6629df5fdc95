"""Runs that share a machine know of each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from loadtest.run.neighbours import Neighbours


def test_two_runs_name_each_other_and_for_how_long(tmp_path: Path) -> None:
    with Neighbours("first", tmp_path / "runs") as first:
        first.look(10.0)
        with Neighbours("second", tmp_path / "runs") as second:
            for now_s in (20.0, 30.0, 50.0):
                first.look(now_s)
                second.look(now_s)
        first.look(90.0)
    assert first.warnings() == (
        "Another run, second, was in progress on this machine for 30 s of this one; they shared its processors.",
    )
    assert second.warnings()[0].startswith("Another run, first, was in progress")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_was_killed_is_no_neighbour(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal\nfrom loadtest.run.neighbours import Neighbours\n"
        f"with Neighbours('killed', pathlib.Path({str(tmp_path)!r})):\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [path.name for path in tmp_path.iterdir()] == ["killed"]
    with Neighbours("alive", tmp_path) as alive:
        alive.look(1.0)
    assert alive.warnings() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_run_does_without_where_no_word_can_be_left(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Neighbours("lonely", tmp_path / "file" / "runs") as lonely:
        lonely.look(1.0)
    assert lonely.warnings() == ()
