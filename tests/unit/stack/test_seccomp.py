"""What may listen where libwebrtc may not."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import socket
from loadtest.stack.seccomp import refuse_ice_tcp

assert refuse_ice_tcp()
for backlog in (5, 128):
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        try:
            server.listen(backlog)
            client.connect(server.getsockname())
            print(backlog, "listens")
        except PermissionError:
            print(backlog, "is refused")
"""


def test_webrtc_does_not_listen_and_servers_do() -> None:
    """libwebrtc listens with a backlog of 5, asyncio with 100 and more."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["5 is refused", "128 listens"]
