"""A simulator in this process over loopback TLS, and the unmodified google-genai client that speaks to it."""

from __future__ import annotations

import dataclasses
import json
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

MODEL = "m"
CONFIG = types.LiveConnectConfig(
    response_modalities=[types.Modality.AUDIO],
    input_audio_transcription=types.AudioTranscriptionConfig(),
    output_audio_transcription=types.AudioTranscriptionConfig(),
    session_resumption=types.SessionResumptionConfig(),
)


@dataclasses.dataclass(frozen=True)
class Served:
    """A simulator in this process, and how to reach it."""

    port: int
    truth: Path
    trust: ssl.SSLContext

    def client(
        self,
        arm: str = "quick",
        *,
        call: str | None = "c1",
        key: str = "KEY",
        version: str | None = None,
        **opening: Any,
    ) -> Any:
        """opening: what google-genai hands on to `websockets`."""
        options = self._options(arm, opening)
        options.api_version = version
        options.headers = {"x-loadtest-call": call} if call else None
        return genai.Client(api_key=key, http_options=options).aio.live

    def vertex(self, arm: str = "quick", token: str = "KEY") -> Any:
        options = self._options(arm)
        credentials = Credentials(token=token)  # type: ignore[no-untyped-call]
        client = genai.Client(vertexai=True, project="p", location="l", credentials=credentials, http_options=options)
        return client.aio.live

    def express(self, arm: str = "quick") -> Any:
        """Vertex AI with a key in place of a project."""
        return genai.Client(vertexai=True, api_key="KEY", http_options=self._options(arm)).aio.live

    def _options(self, arm: str, opening: dict[str, Any] | None = None) -> types.HttpOptions:
        return types.HttpOptions(base_url=self.url(f"/arms/{arm}"), async_client_args=opening)

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    async def start(self) -> list[str]:
        """Faults on. Returns the arms that nobody has connected to."""
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer TOKEN"}) as http:
            answer = await http.post(self.url("/control/start"), json={"origin": time.monotonic()}, ssl=self.trust)
            assert answer.status == 200
            unconnected: list[str] = (await answer.json())["unconnected"]
            return unconnected

    def lines(self, kind: str, file: str = "warmup.jsonl") -> list[dict[str, Any]]:
        lines = map(json.loads, (self.truth / file).read_text().splitlines())
        return [line for line in lines if line["type"] == kind]


async def turn(session: Any) -> list[str]:
    """What the client receives until the end of a turn, repeats folded."""
    names: list[str] = []
    async for message in session.receive():
        fields = message.model_dump(exclude_none=True)
        name = "+".join(sorted((*fields.pop("server_content", {}), *fields)))
        if not names or names[-1] != name:
            names.append(name)
    return names


async def say(session: Any, *pieces: Any) -> None:
    """Audio in chunks of 50 ms, as fast as they can be sent."""
    samples = np.concatenate(pieces)
    for at in range(0, samples.size, 800):
        blob = types.Blob(data=samples[at : at + 800].tobytes(), mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)


WHOLE_TURN = {
    "session_resumption_update",
    "input_transcription",
    "output_transcription",
    "model_turn",
    "generation_complete",
    "turn_complete+usage_metadata",
}


async def refused(live: Any, model: str = MODEL, config: Any = CONFIG) -> errors.APIError:
    with pytest.raises(errors.APIError) as caught:
        async with live.connect(model=model, config=config):
            pass
    error: errors.APIError = caught.value
    return error


async def http_refusal(live: Any) -> str:
    with pytest.raises(Exception, match="server rejected WebSocket connection") as caught:
        async with live.connect(model=MODEL, config=CONFIG):
            pass
    return str(caught.value)


async def failure(session: Any) -> errors.APIError:
    with pytest.raises(errors.APIError) as caught:
        await turn(session)
    error: errors.APIError = caught.value
    return error
