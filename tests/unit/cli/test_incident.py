"""`loadtest incident`."""

from __future__ import annotations

import fcntl
import gzip
import json
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from loadtest.cli import cli
from loadtest.errors import ExitCode
from tests.e2e.harness import LOADTEST

NOTE = Path(__file__).parents[2] / "data" / "incident.txt"


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["incident", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value is ExitCode.OK
    return result.stdout


def test_the_report_fits_the_page_and_says_what_is_unknown() -> None:
    printed = invoke(str(NOTE))

    assert max(map(len, printed.splitlines())) <= 100
    for words in ("gemini-3.1-flash-live-preview", "1011", "Internal error encountered.", "0 ms to 11.0 s", "unknown"):
        assert words in printed
    assert "12005550142" not in printed, "whose call it was is nobody's business"


def test_json_is_one_object_with_null_for_what_is_not_told() -> None:
    body = json.loads(invoke(str(NOTE), "--json"))

    assert (body["schema"], body["whole"], body["plugin"]) == (1, True, "1.6.0")
    (model,) = body["models"]
    assert (model["rate_1011"], model["calls"], model["calls_hit"]) == (None, 1, 1)
    assert model["after_speech"]["p50"] == [0.0, 2.0]


def test_a_scenario_is_written_and_said_how_to_run(tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    printed = invoke(str(NOTE), "--scenario", str(out))

    assert f"loadtest run {out}" in printed
    assert out.exists()


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_packed_or_not(packed: bool) -> None:
    data = NOTE.read_bytes()
    done = subprocess.run(
        [*LOADTEST, "incident", "-", "--json"],
        input=gzip.compress(data) if packed else data,
        capture_output=True,
        check=True,
    )
    body = json.loads(done.stdout)
    assert body["files"] == ["standard input"]
    assert body["models"][0]["calls_hit"] == 1


def unread(pipe: int) -> int:
    """Bytes that are in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_who_follows_a_log_stops_by_ctrl_c_and_is_told_what_came_until_then() -> None:
    command = [*LOADTEST, "incident", "-", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        reader.stdin.write(NOTE.read_bytes() + b"\n" + b"18:30:00 INFO tick\n" * 20_000)
        reader.stdin.flush()
        while unread(reader.stdin.fileno()) or psutil.Process(reader.pid).status() != psutil.STATUS_SLEEPING:
            time.sleep(0.01)  # until it waits for more
        reader.send_signal(signal.SIGINT)
        reader.wait(60)
        assert reader.stdout is not None
        printed = reader.stdout.read()

    body = json.loads(printed)
    assert reader.returncode == ExitCode.INTERRUPTED
    assert (body["whole"], body["models"][0]["calls_hit"]) == (False, 1)
