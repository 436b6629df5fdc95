"""A service's start, what it says, how it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from loadtest.errors import StackError
from loadtest.stack.service import Service

ENV = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}


async def start(script: str, tmp_path: Path, **env: str) -> Service:
    command = [sys.executable, "-c", f"import os, sys, time\n{script}"]
    return await Service.start("parrot", command, env=ENV | env, log_path=tmp_path / "parrot.log", grace_s=1)


def port(line: str) -> int | None:
    return int(line.removeprefix("port ")) if line.startswith("port ") else None


async def wait_for_port(service: Service, timeout_s: float = 30) -> int:
    return await service.wait_for_line(port, what="its port", timeout_s=timeout_s, remedy="Feed it.")


async def test_what_it_says_is_found_and_logged_and_it_stops(tmp_path: Path) -> None:
    service = await start(
        "print('hello', file=sys.stderr); print('port', os.environ['P']); time.sleep(600)", tmp_path, P="7"
    )
    assert await wait_for_port(service) == 7
    assert await wait_for_port(service) == 7  # said before the wait, found all the same
    assert (tmp_path / "parrot.log").read_text() == "hello\nport 7\n"
    assert len(service.pids()) == 1
    assert not service.exited.done()
    await service.stop()
    assert service.pids() == ()
    assert await service.stop() == service.exited.result() == 128 + 15


async def test_a_line_that_is_not_finished_is_waited_for(tmp_path: Path) -> None:
    script = "sys.stdout.write('port 1'); sys.stdout.flush(); time.sleep(0.2); print('23'); time.sleep(600)"
    service = await start(script, tmp_path)
    assert await wait_for_port(service) == 123
    await service.stop()


async def test_a_death_before_readiness_quotes_the_log(tmp_path: Path) -> None:
    service = await start("print('no seeds left'); sys.exit(3)", tmp_path)
    with pytest.raises(StackError) as raised:
        await wait_for_port(service)
    assert "parrot ended with code 3 before its port" in raised.value.message
    assert "no seeds left" in raised.value.message
    assert raised.value.remedy == f"Feed it. Its log: {tmp_path / 'parrot.log'}"
    await service.stop()


async def test_what_it_said_last_counts_even_if_it_ended(tmp_path: Path) -> None:
    service = await start("print('port 5')", tmp_path)
    await service.exited
    assert await wait_for_port(service) == 5
    await service.stop()


async def test_silence_runs_into_the_limit(tmp_path: Path) -> None:
    service = await start("time.sleep(600)", tmp_path)
    with pytest.raises(
        StackError, match=r"parrot did not get as far as its port within 0\.1 s\n    \(its log is empty\)"
    ):
        await wait_for_port(service, timeout_s=0.1)
    await service.stop()


async def test_an_end_nobody_asked_for_is_noticed(tmp_path: Path) -> None:
    service = await start("sys.exit(9)", tmp_path)
    assert await service.exited == 9
    await service.stop()


async def test_only_the_given_environment_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    service = await start("print('port', int('SECRET_OF_THE_CALLER' in os.environ))", tmp_path)
    assert await wait_for_port(service) == 0
    await service.stop()
