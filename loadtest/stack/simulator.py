"""The Gemini Live simulator's process: its start, its endpoints, its control interface."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import soundfile

from loadtest.audio.wav import RATE, Samples
from loadtest.redact import keep_secret
from loadtest.stack.ports import LOOPBACK
from loadtest.stack.service import Service
from loadtest.stack.tls import ServerTls

__all__ = ["SimulatorProcess", "start_simulator"]

START_TIMEOUT_S = 30.0
LAG_EVERY_S = 0.5
CONTROL_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class SimulatorProcess:
    """A running simulator. origin: its https:// address."""

    service: Service
    origin: str
    _token: str = field(repr=False)
    _trust: ssl.SSLContext = field(repr=False)

    def base_url(self, arm: str) -> str:
        """The endpoint of one arm, for google-genai's base_url."""
        return f"{self.origin}/arms/{arm}"

    async def start_faults(self, origin: float, shift_s: float = 0.0) -> tuple[str, ...]:
        """Faults on, and ground truth in run time from here on. origin: monotonic seconds of the run's start.

        shift_s: how much later than planned everything is; times of the run in faults are those of the plan.
        Returns the arms to whose endpoint nobody has connected so far.
        """
        return tuple((await self._control("POST", "start", {"origin": origin, "shift_s": shift_s}))["unconnected"])

    async def watch_lag(self, report: Callable[[float], None]) -> None:
        """Report, each LAG_EVERY_S seconds until cancelled, the longest that its event loop was late since, in ms."""
        async with self._session() as session:
            while True:
                await asyncio.sleep(LAG_EVERY_S)
                # A simulator that has just died says so by its exit.
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.origin}/control/health", ssl=self._trust) as response:
                        report(float((await response.json())["loop_lag_ms"]))

    async def _control(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            async with (
                self._session() as session,
                session.request(method, f"{self.origin}/control/{what}", json=body, ssl=self._trust) as response,
            ):
                response.raise_for_status()
                answer: dict[str, Any] = await response.json()
                return answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self.service.error(
                f"did not answer /control/{what}: {error!r}", remedy="The machine may be overloaded: try a lower cap."
            ) from error

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=CONTROL_TIMEOUT, headers={"Authorization": f"Bearer {self._token}"})


async def start_simulator(
    profiles: Mapping[str, Any],
    tls: ServerTls,
    *,
    folder: Path,
    truth_dir: Path,
    log_path: Path,
    api_key: str,
    seed: int,
    asking: Sequence[Samples] = (),
) -> SimulatorProcess:
    """Start the simulator and return when it listens.

    profiles: resolved endpoint profile by arm. folder: private, for its configuration, which is deleted, with the TLS
    key, once it has been read. api_key: what clients must present. asking: the recordings of the lines that ask for the
    agent's tool. Raises StackError when it does not come up.
    """
    token = secrets.token_hex(24)
    keep_secret((token, api_key))
    config = folder / "simulator.json"
    config.touch(mode=0o600)
    config.write_text(
        json.dumps(
            {
                "truth_dir": str(truth_dir),
                "tls": {"cert": str(tls.cert), "key": str(tls.key)},
                "control_token": token,
                "api_key": api_key,
                "seed": seed,
                "arms": dict(profiles),
                "asking": [str(file) for file in _written(asking, folder)],
            }
        )
    )
    service = await Service.start(
        "gemini-simulator",
        [sys.executable, "-m", "loadtest.stack.gemini", "--config", str(config)],
        # What its guard must keep out of its log.
        env=os.environ | {"PYTHONUNBUFFERED": "1", "GOOGLE_API_KEY": api_key, "LOADTEST_CONTROL_TOKEN": token},
        log_path=log_path,
        grace_s=2.0,
    )
    try:
        port = await service.wait_for_line(
            _port, what="it listened", timeout_s=START_TIMEOUT_S, remedy="Look at the arms' endpoint profiles."
        )
    except BaseException:
        await service.stop()
        raise
    config.unlink()
    tls.key.unlink()
    trust = ssl.create_default_context(cadata=tls.ca_pem.decode())
    return SimulatorProcess(service, f"https://{LOOPBACK}:{port}", token, trust)


def _written(recordings: Sequence[Samples], folder: Path) -> list[Path]:
    files = [folder / f"asking-{number}.wav" for number in range(len(recordings))]
    for file, samples in zip(files, recordings, strict=True):
        soundfile.write(file, samples, RATE)
    return files


def _port(line: str) -> int | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return int(said["port"]) if isinstance(said, dict) and "port" in said else None
