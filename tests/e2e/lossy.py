"""A LiveKit server on loopback whose media passes a relay that can lose packets.

The server announces itself at an address of loopback that is not its own, on its own port; there the relay listens.
Nothing of it needs a privilege.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

from loadtest.scenario.access import LiveKitAccess
from loadtest.stack.install import find_server
from loadtest.stack.ports import LOOPBACK, free_port
from loadtest.stack.server import _config as server_config

ANNOUNCED = "127.0.0.2"
"""All of 127/8 is loopback, and nothing but the relay is there."""


class LossyRelay:
    """Passes datagrams on in both directions, and loses a share of them. Runs on a loop of its own."""

    def __init__(self) -> None:
        self.loss = 0.0
        """Share of datagrams that is lost, as of now."""
        self.lost = 0
        self.passed = 0
        self._chance = random.Random(1)
        self._front: _Front | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, port: int) -> None:
        """Listen at ANNOUNCED:port for clients of the server at LOOPBACK:port."""
        asyncio.run_coroutine_threadsafe(self._listen(port), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def loses(self) -> bool:
        lost = self._chance.random() < self.loss
        self.lost += lost
        self.passed += not lost
        return lost

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        _, self._front = await loop.create_datagram_endpoint(lambda: _Front(self, port), local_addr=(ANNOUNCED, port))

    async def _close(self) -> None:
        if self._front is not None:
            await self._front.close()
            await asyncio.sleep(0)  # a transport closes its socket in the next round


class _Front(asyncio.DatagramProtocol):
    """Faces the clients; each has a socket of its own towards the server, which tells them apart by that."""

    def __init__(self, relay: LossyRelay, port: int) -> None:
        self._relay = relay
        self._port = port
        self._backs: dict[Any, _Back] = {}
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._relay.loses():
            return
        back = self._backs.get(addr)
        if back is None:
            back = self._backs[addr] = _Back(self._relay, self.transport, addr)
            task = asyncio.ensure_future(
                asyncio.get_running_loop().create_datagram_endpoint(lambda: back, remote_addr=(LOOPBACK, self._port))
            )
            back.opening = task
        back.send(data)

    async def close(self) -> None:
        await asyncio.gather(*(back.opening for back in self._backs.values() if back.opening is not None))
        for back in self._backs.values():
            back.transport.close()
        self.transport.close()


class _Back(asyncio.DatagramProtocol):
    """Faces the server, in the name of one client."""

    def __init__(self, relay: LossyRelay, front: Any, client: Any) -> None:
        self._relay = relay
        self._front = front
        self._client = client
        self._waiting: list[bytes] = []
        self.transport: Any = None
        self.opening: asyncio.Future[Any] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        for data in self._waiting:
            self.send(data)
        self._waiting.clear()

    def send(self, data: bytes) -> None:
        if self.transport is None:
            self._waiting.append(data)
        else:
            self.transport.sendto(data)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self._relay.loses():
            self._front.sendto(data, self._client)


@contextlib.contextmanager
def lossy_livekit() -> Iterator[tuple[dict[str, str], LossyRelay]]:
    """The environment that names a LiveKit server, and the relay through which its media goes."""
    access = LiveKitAccess(f"ws://{LOOPBACK}:{(port := free_port())}", "lossykey", "of-a-server-behind-a-lossy-relay")
    media = free_port(socket.SOCK_DGRAM)
    config: Any = server_config(port, media)
    # It must not look for ways to its clients by itself: it would find one past the relay.
    config["rtc"] |= {"node_ip": ANNOUNCED, "use_ice_lite": True}
    environ = {"LIVEKIT_CONFIG": json.dumps(config), "LIVEKIT_KEYS": f"{access.api_key}: {access.api_secret}"}
    relay = LossyRelay()
    relay.start(media)
    try:
        with subprocess.Popen(
            [str(find_server().path)], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                _wait_for(port)
                yield access.environ(), relay
            finally:
                server.kill()
    finally:
        relay.stop()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")
