"""The simulator over loopback TLS, spoken to by the unmodified google-genai client."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import re
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import trustme
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from yarl import URL

from loadtest.stack.gemini import recordings
from loadtest.stack.gemini.recordings import Recording, Recordings
from loadtest.stack.gemini.server import Config, Simulator
from tests.unit.stack.gemini.conftest import profile, silence, speech

MODEL = "m"
CONFIG = types.LiveConnectConfig(
    response_modalities=[types.Modality.AUDIO],
    input_audio_transcription=types.AudioTranscriptionConfig(),
    output_audio_transcription=types.AudioTranscriptionConfig(),
    session_resumption=types.SessionResumptionConfig(),
)
QUICK = {"reply_delay": {"distribution": "constant", "value_ms": 20}, "end_of_speech_silence_ms": 200}


@dataclasses.dataclass(frozen=True)
class Served:
    """A simulator in this process, and how to reach it."""

    port: int
    truth: Path
    trust: ssl.SSLContext

    def client(
        self, arm: str = "quick", *, call: str | None = "c1", key: str = "KEY", version: str | None = None
    ) -> Any:
        options = types.HttpOptions(
            base_url=self.url(f"/arms/{arm}"),
            api_version=version,
            headers={"x-loadtest-call": call} if call else None,
            async_client_args={"ssl": self.trust},
        )
        return genai.Client(api_key=key, http_options=options).aio.live

    def vertex(self, arm: str = "quick", token: str = "KEY") -> Any:
        options = types.HttpOptions(base_url=self.url(f"/arms/{arm}"), async_client_args={"ssl": self.trust})
        credentials = Credentials(token=token)  # type: ignore[no-untyped-call]
        client = genai.Client(vertexai=True, project="p", location="l", credentials=credentials, http_options=options)
        return client.aio.live

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


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Starts a simulator whose recordings are half a second long: serve(arm=changes to the profile, ...)."""
    load = recordings.load

    def short(part_ms: float, **_: object) -> Recordings:
        def cut(of: tuple[Recording, ...]) -> tuple[Recording, ...]:
            return tuple(dataclasses.replace(one, parts=one.parts[: round(500 / part_ms)]) for one in of)

        whole = load(part_ms)
        return Recordings(cut(whole.greetings[:1]), cut(whole.replies[:1]))

    monkeypatch.setattr(recordings, "load", short)
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(tmp_path / "cert.pem", append=number > 0)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    async def start(**arms: dict[str, Any]) -> tuple[Simulator, Served]:
        profiles = {name: profile(**(QUICK | changes)) for name, changes in (arms or {"quick": {}}).items()}
        config = Config(tmp_path / "truth", tmp_path / "cert.pem", tmp_path / "key.pem", "TOKEN", "KEY", 1, profiles)
        simulator = Simulator(config)
        return simulator, Served(await simulator.start(), tmp_path / "truth", trust)

    return start


@pytest_asyncio.fixture
async def served(serve: Callable[..., Any]) -> AsyncIterator[Served]:
    simulator, found = await serve()
    yield found
    await simulator.close()


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


UTTERANCE = (silence(0.2), speech(0.4), silence(0.4))
WHOLE_TURN = {
    "session_resumption_update",
    "input_transcription",
    "output_transcription",
    "model_turn",
    "generation_complete",
    "turn_complete+usage_metadata",
}


@pytest.mark.parametrize("version", [None, "v1beta", "v1alpha"])
async def test_greeting_and_reply_on_the_gemini_api(served: Served, version: str | None) -> None:
    async with served.client(version=version).connect(model=MODEL, config=CONFIG) as session:
        assert session.setup_complete is not None
        await session.send_client_content(turns=[], turn_complete=True)
        greeting = await turn(session)
        assert set(greeting) == WHOLE_TURN - {"input_transcription"}
        assert greeting[-2:] == ["generation_complete", "turn_complete+usage_metadata"]
        await say(session, *UTTERANCE)
        reply = await turn(session)
        assert set(reply) == WHOLE_TURN
        assert reply[1:4] == ["input_transcription", "output_transcription", "model_turn"]
    assert [line["kind"] for line in served.lines("reply_started")] == ["greeting", "reply"]
    (opened,) = served.lines("connection_opened")
    assert (opened["api"], opened["call_id"], opened["arm"], opened["resumed"]) == ("gemini", "c1", "quick", False)


async def test_greeting_and_reply_on_vertex(served: Served) -> None:
    async with served.vertex().connect(model=MODEL, config=CONFIG) as session:
        dot = types.Content(role="user", parts=[types.Part(text=".")])
        await session.send_client_content(turns=dot, turn_complete=True)
        assert set(await turn(session)) == WHOLE_TURN - {"input_transcription"}
        await say(session, *UTTERANCE)
        assert set(await turn(session)) == WHOLE_TURN
    (opened,) = served.lines("connection_opened")
    assert (opened["api"], opened["call_id"]) == ("vertex", None)


async def test_an_interrupted_turn_has_no_generation_complete(serve: Callable[..., Any]) -> None:
    simulator, served = await serve(quick={"send_speed": 1.0})
    async with served.client().connect(model=MODEL, config=CONFIG) as session:
        await session.send_client_content(turns=[], turn_complete=True)
        names: list[str] = []
        async for message in session.receive():
            fields = (message.model_dump(exclude_none=True).get("server_content") or {}).keys()
            if "model_turn" in fields and "model_turn" not in names:
                await say(session, speech(0.4))
            names.extend(fields)
        assert names[-2:] == ["interrupted", "turn_complete"]
        assert "generation_complete" not in names
    await simulator.close()
    assert served.lines("interrupted")[0]["by"] == "caller"


async def test_a_handle_resumes_the_session(served: Served) -> None:
    handle = None
    async with served.client().connect(model=MODEL, config=CONFIG) as session:
        await session.send_client_content(turns=[], turn_complete=True)
        await turn(session)
        update = (await anext(session.receive())).session_resumption_update
        handle = update.new_handle
        assert update.resumable
    again = CONFIG.model_copy(update={"session_resumption": types.SessionResumptionConfig(handle=handle)})
    async with served.client().connect(model=MODEL, config=again) as session:
        await session.send_client_content(turns=[], turn_complete=True)
        await turn(session)
    assert [line["resumed"] for line in served.lines("connection_opened")] == [False, True]
    assert [line["kind"] for line in served.lines("reply_started")] == ["greeting", "reply"]


async def refused(live: Any, model: str = MODEL, config: Any = CONFIG) -> errors.APIError:
    with pytest.raises(errors.APIError) as caught:
        async with live.connect(model=model, config=config):
            pass
    error: errors.APIError = caught.value
    return error


async def test_what_cannot_be_set_up_is_closed_with_code_and_reason(served: Served) -> None:
    assert (await refused(served.client(), model="other")).code == 1008
    assert (await refused(served.client(key="other"))).code == 1007
    stale = CONFIG.model_copy(update={"session_resumption": types.SessionResumptionConfig(handle="stale")})
    assert "BidiGenerateContent session not found" in str(await refused(served.client(), config=stale))
    text = CONFIG.model_copy(update={"response_modalities": [types.Modality.TEXT]})
    assert (await refused(served.client(), config=text)).code == 1007
    assert [line["code"] for line in served.lines("refused")] == [1008, 1007, 1008, 1007]
    assert {line["phase"] for line in served.lines("closed")} == {"setup"}


async def http_refusal(live: Any) -> str:
    with pytest.raises(Exception, match="server rejected WebSocket connection") as caught:
        async with live.connect(model=MODEL, config=CONFIG):
            pass
    return str(caught.value)


async def test_http_refusals(serve: Callable[..., Any]) -> None:
    simulator, served = await serve(quick={}, down={"faults": [{"fault": "F13", "at_connect": 1}]})
    assert "HTTP 401" in await http_refusal(served.vertex(token="other"))
    assert "HTTP 404" in await http_refusal(served.client("unknown"))
    await served.start()
    assert "HTTP 503" in await http_refusal(served.client("down"))
    async with served.client("down").connect(model=MODEL, config=CONFIG) as session:
        assert session.setup_complete is not None
    (line,) = served.lines("refused", "gemini.jsonl")
    assert (line["http_status"], line["arm"], line["call_id"]) == (503, "down", "c1")
    await simulator.close()


async def failure(session: Any) -> errors.APIError:
    with pytest.raises(errors.APIError) as caught:
        await turn(session)
    error: errors.APIError = caught.value
    return error


async def fail_at_speech(session: Any) -> errors.APIError:
    await say(session, *UTTERANCE)
    return await failure(session)


async def test_faults_reach_the_client_as_the_real_ones_do(serve: Callable[..., Any]) -> None:
    simulator, served = await serve(
        f1={"faults": [{"fault": "F1", "at_turn": 1}]},
        f2={"faults": [{"fault": "F2", "at_turn": 1}]},
        f4={"faults": [{"fault": "F4", "at_connected_s": 0.05}]},
        f5={"faults": [{"fault": "F5", "at_connect": 1}]},
        f20={"faults": [{"fault": "F20", "at_turn": 1}]},
    )
    async with served.client("f1").connect(model=MODEL, config=CONFIG) as session:
        # Before the run starts nothing fails.
        await say(session, *UTTERANCE)
        await turn(session)
    await served.start()
    for arm, code, reason in (
        ("f1", 1011, "Internal error encountered"),
        ("f2", 1011, "Internal error encountered"),
        ("f4", 1011, "service is currently unavailable|Deadline expired before operation"),
        ("f20", 1006, "abnormal closure"),
    ):
        # Another call, so that its first utterance is still to come.
        async with served.client(arm, call="c2").connect(model=MODEL, config=CONFIG) as session:
            error = await (failure(session) if arm == "f4" else fail_at_speech(session))
        assert error.code == code, arm
        assert re.search(reason, str(error)), arm
    assert (await refused(served.client("f5"))).code == 1011
    closes = {line["arm"]: (line["code"], line["side"]) for line in served.lines("closed", "gemini.jsonl")}
    assert closes == {
        "f1": (1011, "server"),
        "f2": (1011, "server"),
        "f4": (1011, "server"),
        "f5": (1011, "server"),
        "f20": (1006, "none"),
    }
    assert [line["fault"] for line in served.lines("fault", "gemini.jsonl")] == ["F1", "F2", "F4", "F20", "F5"]
    await simulator.close()


VERSION_ONE = "ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"


async def test_doubled_slashes_and_camel_case_are_accepted_and_frames_are_binary(served: Served) -> None:
    url = URL(served.url(f"/arms/quick//{VERSION_ONE}?key=KEY"), encoded=True)
    async with aiohttp.ClientSession() as http, http.ws_connect(url, ssl=served.trust) as socket:
        await socket.send_json({"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["AUDIO"]}}})
        first = await socket.receive()
        assert first.type is aiohttp.WSMsgType.BINARY
        assert json.loads(first.data) == {"setupComplete": {}}
    (opened,) = served.lines("connection_opened")
    assert opened["path"] == f"/arms/quick//{VERSION_ONE}"


async def test_f20_sends_a_reset_and_no_end_of_stream(serve: Callable[..., Any]) -> None:
    simulator, served = await serve(quick={"faults": [{"fault": "F20", "at_connected_s": 0.0}]})
    await served.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.trust)
    key = base64.b64encode(bytes(16)).decode()
    head = f"GET /arms/quick/{VERSION_ONE} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    writer.write(f"{head}x-goog-api-key: KEY\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    setup = json.dumps({"setup": {"model": "models/m"}}).encode()
    # A client's frame: text, masked with zeros.
    writer.write(bytes((0x81, 0x80 | len(setup))) + bytes(4) + setup)
    with pytest.raises(ConnectionResetError):
        await reader.read(-1)
    writer.transport.abort()
    await simulator.close()


async def test_an_unnamed_call_keeps_its_count_of_turns_through_its_handle(served: Served) -> None:
    handle = None
    for _ in range(2):
        config = CONFIG.model_copy(update={"session_resumption": types.SessionResumptionConfig(handle=handle)})
        async with served.client(call=None).connect(model=MODEL, config=config) as session:
            await say(session, *UTTERANCE)
            await turn(session)
            handle = (await anext(session.receive())).session_resumption_update.new_handle
    assert [(line["turn"], line["call_id"]) for line in served.lines("caller_speech_end")] == [(1, None), (2, None)]


async def test_control_needs_its_token_and_starts_once(served: Served) -> None:
    async with aiohttp.ClientSession() as http:
        right = {"Authorization": "Bearer TOKEN"}
        for path, send in (("/control/start", http.post), ("/control/health", http.get)):
            assert (await send(served.url(path), ssl=served.trust)).status == 403
        assert (await http.post(served.url("/control/start"), ssl=served.trust, headers=right, json={})).status == 400
        await served.start()
        again = await http.post(served.url("/control/start"), ssl=served.trust, headers=right, json={"origin": 0.0})
        assert again.status == 409
        async with served.client().connect(model=MODEL, config=CONFIG):
            health = await (await http.get(served.url("/control/health"), ssl=served.trust, headers=right)).json()
    assert health["connections"] == 1
    assert health["loop_lag_ms"] >= 0
    (opened,) = served.lines("connection_opened", "gemini.jsonl")
    assert 0 <= opened["t"] < 60


async def test_the_start_tells_which_endpoint_nobody_has_used(serve: Callable[..., Any]) -> None:
    simulator, served = await serve(quick={}, other={})
    async with served.client().connect(model=MODEL, config=CONFIG):
        pass
    assert await served.start() == ["other"]
    await simulator.close()


async def test_the_process_says_its_port_and_ends_on_sigterm(authority: trustme.CA, tmp_path: Path) -> None:
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    config = {
        "truth_dir": str(tmp_path / "truth"),
        "tls": {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")},
        "control_token": "TOKEN",
        "api_key": "KEY",
        "seed": 1,
        "arms": {"quick": profile().model_dump(mode="json")},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtest.stack.gemini",
        "--config",
        str(tmp_path / "config.json"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = json.loads(await process.stdout.readline())["port"]
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    served = Served(port, tmp_path / "truth", trust)
    async with served.client().connect(model=MODEL, config=CONFIG) as session:
        assert session.setup_complete is not None
        process.terminate()
        assert await process.wait() == 0
