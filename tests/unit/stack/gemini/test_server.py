"""The simulator over loopback TLS, spoken to by the unmodified google-genai client."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from google.genai import errors, types
from yarl import URL

from tests.unit.stack.gemini.conftest import UTTERANCE, profile, speech
from tests.unit.stack.gemini.served import CONFIG, MODEL, WHOLE_TURN, Served, failure, http_refusal, refused, say, turn


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


async def test_what_cannot_be_set_up_is_closed_with_code_and_reason(served: Served) -> None:
    assert (await refused(served.client(), model="other")).code == 1008
    assert (await refused(served.client(key="other"))).code == 1007
    stale = CONFIG.model_copy(update={"session_resumption": types.SessionResumptionConfig(handle="stale")})
    assert "BidiGenerateContent session not found" in str(await refused(served.client(), config=stale))
    text = CONFIG.model_copy(update={"response_modalities": [types.Modality.TEXT]})
    assert (await refused(served.client(), config=text)).code == 1007
    assert [line["code"] for line in served.lines("refused")] == [1008, 1007, 1008, 1007]
    assert {line["phase"] for line in served.lines("closed")} == {"setup"}


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


async def test_the_process_says_its_port_and_ends_on_sigterm(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
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
        "asking": [],
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
