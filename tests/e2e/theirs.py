"""What users have: a LiveKit server of their own, with a plain agent registered at it whose model is somewhere else.

python -m tests.e2e.theirs FOLDER     runs until its stdin ends. Prints one JSON object: the server's address and keys,
as environment.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.stack.install import find_server
from loadtest.stack.server import start_livekit_server
from loadtest.stack.services import ArmSpec, Services, ServicesSpec
from tests.e2e.harness import AGENTS, REPOSITORY, profile

LOST = {"fault": "F1", "at_turn": 1}
"""What befalls the agent `theirs`: the reply to the first line of a call is lost."""


@contextmanager
def theirs(folder: Path) -> Iterator[dict[str, str]]:
    """The environment that names a LiveKit server at which the plain agent `theirs` is registered."""
    command = [sys.executable, "-m", "tests.e2e.theirs", str(folder)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert said, "their LiveKit did not start"
            yield json.loads(said)
        finally:
            process.stdin.close()


async def serve(folder: Path) -> None:
    server = await start_livekit_server(find_server().path, folder / "livekit-server.log")
    agent = ArmSpec(
        name="theirs",
        api="gemini",
        agent_name="theirs",
        command=(sys.executable, str(AGENTS / "plain_agent.py"), "start"),
        env={},
        profile=profile("gemini-3.8-live", LOST),
        base_url=None,
        ca_file=None,
    )
    spec = ServicesSpec((agent,), server.access, folder / "logs", folder / "truth", folder / "probe", seed=1)
    try:
        async with Services(spec) as services:
            await services.start_faults(time.monotonic())
            sys.stdout.write(json.dumps(server.access.environ()) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)
    finally:
        await server.service.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
