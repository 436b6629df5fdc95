"""The embedded livekit-server: on loopback only, with keys of its own."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from loadtest.errors import StackError
from loadtest.redact import keep_secret
from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.ports import LOOPBACK, free_port
from loadtest.stack.service import Service

__all__ = ["LiveKitServer", "start_livekit_server"]

START_TIMEOUT_S = 20.0
PORT_TRIES = 5
PORT_TAKEN = "address already in use"


@dataclass(frozen=True, slots=True)
class LiveKitServer:
    """A running livekit-server, and how it is reached."""

    service: Service
    access: LiveKitAccess

    async def wait_for_worker(self, agent_name: str, *, timeout_s: float) -> None:
        """Return when an agent worker of that name has registered. Raises StackError when the time is up."""

        def registered(line: str) -> bool | None:
            entry = _log_entry(line)
            return True if entry.get("msg") == "worker registered" and entry.get("agentName") == agent_name else None

        await self.service.wait_for_line(
            registered,
            what=f"the registration of an agent named {agent_name!r}",
            timeout_s=timeout_s,
            remedy=f"Start a worker that registers with LIVEKIT_URL under the agent name {agent_name!r}.",
        )


async def start_livekit_server(binary: Path, log_path: Path, *, port: int | None = None) -> LiveKitServer:
    """Start livekit-server and return when it answers.

    port: of its HTTP and WebSocket interface; any free one if None. Raises StackError when the port is taken or the
    server does not come up.
    """
    for attempt in range(PORT_TRIES):
        try:
            return await _start(binary, log_path, free_port() if port is None else port)
        except StackError as error:
            if PORT_TAKEN not in error.message:
                raise
            if port is not None and f":{port}: bind" in error.message:
                raise StackError(
                    f"livekit-server cannot listen on {LOOPBACK}:{port}: the port is taken",
                    remedy="End what listens there, or leave the port out, so that a free one is found.",
                ) from error
            if attempt == PORT_TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _start(binary: Path, log_path: Path, port: int) -> LiveKitServer:
    udp_port = free_port(socket.SOCK_DGRAM)
    api_key, api_secret = f"API{secrets.token_hex(8)}", secrets.token_hex(24)
    keep_secret((api_key, api_secret))
    log_path.unlink(missing_ok=True)  # what an earlier attempt said must not be taken for this one's
    service = await Service.start(
        "livekit-server",
        [str(binary)],
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            # By environment rather than by file: no secret is left on disk, however the run ends.
            "LIVEKIT_CONFIG": json.dumps(_config(port, udp_port)),
            "LIVEKIT_KEYS": f"{api_key}: {api_secret}",
        },
        log_path=log_path,
        grace_s=1.0,  # asked to stop, it waits for participants to leave; those that matter have left
    )
    try:
        # It says so after it has bound all its ports.
        await service.wait_for_line(
            lambda line: True if _log_entry(line).get("msg") == "starting LiveKit server" else None,
            what="it listened",
            timeout_s=START_TIMEOUT_S,
            remedy=f"Try {binary} by hand; LOADTEST_LIVEKIT_SERVER names another executable.",
        )
        await _answers(service, f"http://{LOOPBACK}:{port}/")
    except BaseException:
        await service.stop()
        raise
    return LiveKitServer(service, LiveKitAccess(f"ws://{LOOPBACK}:{port}", api_key, api_secret))


def _config(port: int, udp_port: int) -> dict[str, object]:
    return {
        "port": port,
        "bind_addresses": [LOOPBACK],
        "rtc": {
            "udp_port": udp_port,
            "tcp_port": 0,  # none: it would listen on all interfaces, and UDP always gets through here
            "use_external_ip": False,
            "node_ip": LOOPBACK,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo"]},
            "ips": {"includes": [f"{LOOPBACK}/32"]},
            # Without an entry the server hands public STUN servers to its clients. An entry with its own port would
            # not do: clients take all that comes from a STUN server's address for answers to STUN, media included.
            "stun_servers": [f"{LOOPBACK}:9"],
        },
        "logging": {"json": True, "level": "info"},
    }


async def _answers(service: Service, url: str) -> None:
    timeout = aiohttp.ClientTimeout(total=START_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise service.error(f"listens but does not answer: {error!r}", remedy="Look at what it says.") from error


def _log_entry(line: str) -> dict[str, object]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
