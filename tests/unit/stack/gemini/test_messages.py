from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from loadtest.stack.gemini import access, messages
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.tools import ToolResponse, ToolResponses, arguments

PCM = np.arange(-400, 400, dtype="<i2").tobytes()


def parse(message: Any) -> messages.ClientMessage:
    return messages.parse(json.dumps(message))


@pytest.mark.parametrize(
    "message",
    [
        {"realtime_input": {"audio": {"data": base64.b64encode(PCM).decode(), "mime_type": "audio/pcm;rate=16000"}}},
        {"realtimeInput": {"audio": {"data": base64.urlsafe_b64encode(PCM).decode(), "mimeType": "audio/pcm"}}},
        {"realtimeInput": {"mediaChunks": [{"data": base64.b64encode(PCM).decode(), "mimeType": "audio/pcm"}]}},
    ],
)
def test_audio_in_every_spelling(message: Any) -> None:
    heard = parse(message)
    assert isinstance(heard, messages.Audio)
    assert heard.samples.tobytes() == PCM


def test_setup_in_either_case() -> None:
    snake = {
        "setup": {
            "model": "models/m",
            "generation_config": {"response_modalities": ["AUDIO"]},
            "session_resumption": {"handle": "h"},
            "output_audio_transcription": {},
            "realtime_input_config": {"automatic_activity_detection": {"disabled": True}},
        }
    }
    camel = {
        "setup": {
            "model": "models/m",
            "generationConfig": {"responseModalities": ["AUDIO"]},
            "sessionResumption": {"handle": "h"},
            "outputAudioTranscription": {},
            "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
        }
    }
    expected = messages.Setup("models/m", ("AUDIO",), "h", True, False, True, True)
    assert parse(snake) == parse(camel) == expected


def test_what_asks_for_a_reply() -> None:
    dot = {"turns": [{"role": "user", "parts": [{"text": "."}]}], "turn_complete": True}
    assert parse({"client_content": dot}) == messages.Content(0, True)
    assert parse({"clientContent": {"turnComplete": True}}) == messages.Content(0, True)
    history = {"turns": [{"role": "model", "parts": [{"text": "Hi."}]}], "turnComplete": False}
    assert parse({"clientContent": history}) == messages.Content(1, False)


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        {"setup": {}},
        {"setup": 3},
        {"realtime_input": {"audio": {"data": "@@@", "mime_type": "audio/pcm"}}},
        {"realtime_input": {"audio": {"data": "AAAA", "mime_type": "audio/pcm;rate=8000"}}},
        {"realtime_input": {"audio": {"data": "AAAA", "mime_type": "audio/mp3"}}},
    ],
)
def test_what_the_server_closes_for(message: Any) -> None:
    assert isinstance(parse(message), messages.Invalid)


def test_what_is_not_json_is_invalid() -> None:
    assert isinstance(messages.parse("{"), messages.Invalid)
    assert isinstance(messages.parse(b"\xff"), messages.Invalid)


def test_routes_of_both_apis() -> None:
    gemini = "ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent{}"
    for version in ("v1", "v1beta", "v1alpha"):
        for method in ("", "Constrained"):
            assert access.route("//" + gemini.format(version, method)) == access.Route("gemini", version)
    vertex = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
    assert access.route(vertex) == access.Route("vertex", "v1beta1")
    assert access.route("ws/elsewhere") is None
    assert access.route(gemini.format("v2", "")) is None


def test_keys() -> None:
    def check(headers: dict[str, str], query: dict[str, str], *, vertex: bool = False) -> int | Close | None:
        return access.check_key(headers, query, "vertex" if vertex else "gemini", "KEY")

    assert check({"x-goog-api-key": "KEY"}, {}) is None
    assert check({}, {"key": "KEY"}) is None
    assert check({"Authorization": "Token auth_tokens/KEY"}, {}) is None
    assert check({"Authorization": "Bearer KEY"}, {}, vertex=True) is None
    assert check({"Authorization": "Bearer other"}, {}, vertex=True) == 401
    assert check({}, {}) == 403
    wrong = check({"x-goog-api-key": "other"}, {})
    assert isinstance(wrong, Close)
    assert (wrong.code, wrong.reason) == (1007, "API key not valid. Please pass a valid API key.")


def test_setups_that_are_refused() -> None:
    asked = access.Route("gemini", "v1alpha")

    def check(**setup: Any) -> messages.Setup | Close:
        return access.check_setup(parse({"setup": setup}), asked, "m")

    assert isinstance(check(model="models/m"), messages.Setup)
    assert isinstance(check(model="projects/p/locations/l/publishers/google/models/m"), messages.Setup)
    unknown = check(model="models/other")
    assert unknown == Close(
        1008, "models/other is not found for API version v1alpha, or is not supported for bidiGenerateContent"
    )
    longest = check(model="models/" + "x" * 200)
    assert isinstance(longest, Close)
    assert len(longest.reason.encode()) == 123
    text = check(model="models/m", generationConfig={"responseModalities": ["TEXT"]})
    assert text == Close(1007, "Request contains an invalid argument.")
    assert access.check_setup(messages.Other(), asked, "m") == Close(1007, "Request contains an invalid argument.")


DECLARED = {
    "name": "look_up_parcel",
    "description": "Look up where a parcel is.",
    "parameters": {
        "type": "OBJECT",
        "properties": {
            "number": {"type": "STRING"},
            "kind": {"type": "STRING", "enum": ["letter", "parcel"]},
            "pieces": {"type": "INTEGER"},
            "note": {"type": "STRING"},
        },
        "required": ["number", "kind", "pieces"],
    },
}


@pytest.mark.parametrize("spelling", ["function_declarations", "functionDeclarations"])
def test_functions_that_are_declared_can_be_called(spelling: str) -> None:
    tools = [{"google_search": {}}, {spelling: [DECLARED, {"name": "hang_up", "behavior": "NON_BLOCKING"}]}]
    setup = parse({"setup": {"model": "models/m", "tools": tools}})
    assert isinstance(setup, messages.Setup)
    look_up, hang_up = setup.functions
    assert (look_up.name, look_up.blocking) == ("look_up_parcel", True)
    assert (hang_up.name, hang_up.blocking) == ("hang_up", False)
    assert arguments(look_up) == {"number": "4711", "kind": "letter", "pieces": 4711}
    assert arguments(hang_up) == {}
    in_json_schema = {**DECLARED, "parameters": None, "parametersJsonSchema": DECLARED["parameters"]}
    other = parse({"setup": {"model": "models/m", "tools": [{spelling: [in_json_schema]}]}})
    assert isinstance(other, messages.Setup)
    assert arguments(other.functions[0]) == arguments(look_up)


def test_what_a_function_returned_in_every_spelling() -> None:
    def parsed(**response: Any) -> messages.ClientMessage:
        return parse({"tool_response": {"functionResponses": [{"name": "f", "response": {"output": "x"}, **response}]}})

    assert parsed(id="1") == ToolResponses((ToolResponse("1", silent=False, interrupts=False),))
    assert parsed(id="1", scheduling="SILENT") == ToolResponses((ToolResponse("1", silent=True, interrupts=False),))
    assert parsed(scheduling="INTERRUPT") == ToolResponses((ToolResponse(None, silent=False, interrupts=True),))
    snake = parse({"toolResponse": {"function_responses": [{"id": "1"}, {"id": "2", "scheduling": "WHEN_IDLE"}]}})
    assert isinstance(snake, ToolResponses)
    assert [response.id for response in snake.responses] == ["1", "2"]
    assert isinstance(parse({"tool_response": {}}), messages.Invalid)
