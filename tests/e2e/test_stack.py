"""The services of a run on real parts: what it listens on, what it leaves behind, and how it fails."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest
from livekit import api, rtc

from loadtest.errors import StackError
from loadtest.stack import workers
from loadtest.stack.install import find_server
from loadtest.stack.ports import free_port
from loadtest.stack.server import LiveKitServer, start_livekit_server
from loadtest.stack.services import ArmSpec, Services, ServicesSpec

PROFILE = {
    "version": 1,
    "model": "gemini-3.8-live",
    "reply_delay": {"distribution": "constant", "value_ms": 300},
    "end_of_speech_silence_ms": 500,
    "faults": [],
}


def arm(name: str, *command: str, agent_name: str | None = None, **env: str) -> ArmSpec:
    return ArmSpec(
        name=name,
        api="gemini",
        agent_name=agent_name,
        command=command or None,
        env=env,
        profile=PROFILE,
        base_url=None,
        ca_file=None,
    )


def spec(folder: Path, *arms: ArmSpec) -> ServicesSpec:
    return ServicesSpec(
        arms=arms,
        livekit=None,
        logs_dir=folder / "logs",
        truth_dir=folder / "truth",
        probe_dir=folder / "probe",
        seed=1,
    )


def reference_spec(folder: Path) -> ServicesSpec:
    return spec(folder, arm("preview"), arm("ga"))


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


def living(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


def token(server: LiveKitServer, identity: str) -> str:
    keys = server.access
    grants = api.VideoGrants(room_join=True, room="room")
    return api.AccessToken(keys.api_key, keys.api_secret).with_identity(identity).with_grants(grants).to_jwt()


async def test_livekit_server_is_on_loopback_and_media_goes_over_udp(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    server = await start_livekit_server(find_server().path, log)
    try:
        listening = [
            connection.laddr
            for pid in server.service.pids()
            for connection in psutil.Process(pid).net_connections()
            if not connection.raddr
        ]
        assert len(listening) == 2  # HTTP, RTC over UDP
        assert {address.ip for address in listening} == {"127.0.0.1"}

        arrived = asyncio.Event()
        one, other = rtc.Room(), rtc.Room()
        other.on("data_received", lambda _: arrived.set())
        await other.connect(server.access.url, token(server, "other"))
        await one.connect(server.access.url, token(server, "one"))
        await one.local_participant.publish_data(b"hello")
        await asyncio.wait_for(arrived.wait(), 10)
        await one.disconnect()
        await other.disconnect()
        await server.service.wait_for_line(
            lambda line: '"connectionType":"udp"' in line or None, what="a farewell", timeout_s=10, remedy=""
        )
    finally:
        await server.service.stop()
    said = log.read_text()
    assert server.access.api_secret not in said
    assert server.access.api_secret not in repr(server)
    assert "stun.l.google.com" not in said


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"127\.0\.0\.1:{port}: the port is taken"):
            await start_livekit_server(find_server().path, tmp_path / "server.log", port=port)


async def test_another_port_is_tried_when_a_picked_one_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        picked = iter([taken.getsockname()[1]])
        monkeypatch.setattr("loadtest.stack.server.free_port", lambda *kind: next(picked, None) or free_port(*kind))
        server = await start_livekit_server(find_server().path, tmp_path / "server.log")
        await server.service.stop()
        assert next(picked, None) is None


async def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "livekit-server"
    broken.write_text("#!/bin/sh\necho cannot allocate memory\nexit 4\n")
    broken.chmod(0o755)
    with pytest.raises(StackError, match="ended with code 4") as raised:
        await start_livekit_server(broken, tmp_path / "server.log")
    assert "cannot allocate memory" in raised.value.message


async def test_the_stack_serves_watches_and_leaves_nothing(tmp_path: Path) -> None:
    before = set(children())  # of other tests
    async with Services(reference_spec(tmp_path)) as stack:
        assert stack.base_url("preview") != stack.base_url("ga")
        pids = stack.pids()
        assert {name: bool(of_service) for name, of_service in pids.items()} == {
            "livekit-server": True,
            "gemini-simulator": True,
            "agent-loadtest-reference": True,
        }
        await stack.start_faults(time.monotonic())
        lags: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        watch_lag = asyncio.create_task(stack.watch_lag(lambda *lag: lags.put_nowait(lag)))
        service, lag_ms = await asyncio.wait_for(lags.get(), 10)
        watch_lag.cancel()
        assert service == "gemini-simulator"
        assert lag_ms >= 0
        secret = stack.livekit.api_secret
        started = set(children()) - before

        watch = asyncio.create_task(stack.failed())
        os.kill(pids["gemini-simulator"][0], signal.SIGKILL)
        error = await asyncio.wait_for(watch, 30)
        assert "gemini-simulator ended with code 137" in error.message
    assert living(started) == []
    assert (tmp_path / "truth").is_dir()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or secret not in file.read_text()


async def test_a_stop_is_no_failure(tmp_path: Path) -> None:
    registers = script(WORKER)
    async with Services(spec(tmp_path, arm("only", *registers, agent_name="mine"))) as stack:
        watch = asyncio.create_task(stack.failed())
        await stack.stop()
        done, _ = await asyncio.wait({watch}, timeout=0)
        assert not done
        watch.cancel()


# Registers as the environment says; it knows nothing of loadtest.
WORKER = """
import sys
from livekit.agents import AgentServer, JobContext, JobExecutorType, cli
server = AgentServer(port=0, num_idle_processes=0, job_executor_type=JobExecutorType.THREAD)
@server.rtc_session()
async def entrypoint(ctx: JobContext): await ctx.connect()
sys.argv[1:] = ["start"]
cli.run_app(server)
"""


async def test_a_command_that_ends_before_it_registers(tmp_path: Path) -> None:
    dies = script("import os, sys; sys.exit('no module named ' + os.environ['WANTED'])")
    before = children()
    with pytest.raises(StackError, match="agent-mine ended with code 1 before it registered") as raised:
        async with Services(spec(tmp_path, arm("only", *dies, agent_name="mine", WANTED="butter"))):
            pass
    assert "no module named butter" in raised.value.message
    assert children() == before


async def test_a_command_that_never_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "REGISTRATION_TIMEOUT_S", 1.0)
    idles = script("import time; print('thinking', flush=True); time.sleep(600)")
    before = children()
    with pytest.raises(StackError, match="runs but did not register under the name 'mine' within 1 s") as raised:
        async with Services(spec(tmp_path, arm("only", *idles, agent_name="mine"))):
            pass
    assert "thinking" in raised.value.message
    assert children() == before


async def test_googles_endpoint_needs_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    live = ArmSpec(
        name="live", api="gemini", agent_name=None, command=None, env={}, profile=None, base_url=None, ca_file=None
    )
    with pytest.raises(StackError, match="GOOGLE_API_KEY is not set"):
        async with Services(spec(tmp_path, live)):
            pass
