"""One writer of a results folder at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold


def test_a_folder_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with hold(folder), pytest.raises(RecordError, match="in use: its run is in progress"), hold(folder):
        pass
    with hold(folder):
        pass


def test_it_is_held_until_every_process_that_inherited_it_has_gone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with hold(folder) as lock:
        writer = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    try:
        with pytest.raises(RecordError), hold(folder):
            pass
    finally:
        writer.kill()
        writer.communicate()
    with hold(folder):
        pass


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read"), hold(RunFolder(tmp_path / "none")):
        pass
