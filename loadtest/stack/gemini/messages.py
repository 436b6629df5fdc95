"""The protocol's messages: what clients send, with keys in snake or camel case, and what the server sends.

Server messages are JSON bytes, for binary frames. Sizes, rates and spellings follow BidiGenerateContent.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.stack.gemini.fields import INVALID_ARGUMENT, Invalid, get, pack
from loadtest.stack.gemini.tools import Function, ToolResponses, declared_functions, tool_responses

__all__ = [
    "INVALID_ARGUMENT",
    "Activity",
    "Audio",
    "ClientMessage",
    "Content",
    "Invalid",
    "Other",
    "Setup",
    "audio_part",
    "generation_complete",
    "go_away",
    "input_transcription",
    "interrupted",
    "output_transcription",
    "parse",
    "resumption_update",
    "setup_complete",
    "thought",
    "turn_complete",
]

INPUT_RATE = 16_000
OUTPUT_MIME = "audio/pcm;rate=24000"
AUDIO_TOKENS_PER_S = 25


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message of a connection."""

    model: str
    modalities: tuple[str, ...]
    handle: str | None
    """The resumption handle, if the session is to be resumed."""
    resumption: bool
    """Whether handles are wanted."""
    transcribe_input: bool
    transcribe_output: bool
    manual_activity: bool
    """The client marks the caller's activity itself."""
    thoughts: bool = False
    """Whether parts of the model's thinking are wanted."""
    functions: tuple[Function, ...] = ()
    """Tools that the model may call."""


@dataclass(frozen=True, slots=True)
class Audio:
    """Caller audio, 16 kHz mono."""

    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Activity:
    """activityStart, activityEnd, or audioStreamEnd (which ends an utterance as activityEnd does)."""

    starts: bool


@dataclass(frozen=True, slots=True)
class Content:
    """client_content: history, and whether a reply is asked for."""

    model_turns: int
    turn_complete: bool


@dataclass(frozen=True, slots=True)
class Other:
    """A message that needs no answer: video, context updates."""


ClientMessage = Setup | Audio | Activity | Content | ToolResponses | Other | Invalid


def parse(raw: str | bytes) -> ClientMessage:
    """One client frame, text or binary."""
    try:
        message = json.loads(raw)
    except ValueError:
        return Invalid("Invalid JSON payload received.")
    for name, read in (
        ("realtime_input", _realtime_input),
        ("setup", _setup),
        ("client_content", _content),
        ("tool_response", tool_responses),
    ):
        body = get(message, name)
        if body is not None:
            return read(body) if isinstance(body, Mapping) else Invalid(INVALID_ARGUMENT)
    if get(message, "context_update") is not None:
        return Other()
    return Invalid(INVALID_ARGUMENT)


def _setup(body: Mapping[str, Any]) -> ClientMessage:
    model = get(body, "model")
    if not isinstance(model, str):
        return Invalid(INVALID_ARGUMENT)
    generation = get(body, "generation_config")
    modalities = get(generation, "response_modalities") or ()
    resumption = get(body, "session_resumption")
    detection = get(get(body, "realtime_input_config"), "automatic_activity_detection")
    return Setup(
        model=model,
        modalities=tuple(str(m) for m in modalities),
        handle=get(resumption, "handle") or None,
        resumption=resumption is not None,
        transcribe_input=get(body, "input_audio_transcription") is not None,
        transcribe_output=get(body, "output_audio_transcription") is not None,
        manual_activity=bool(get(detection, "disabled")),
        thoughts=bool(get(get(generation, "thinking_config"), "include_thoughts")),
        functions=tuple(declared_functions(body)),
    )


def _realtime_input(body: Mapping[str, Any]) -> ClientMessage:
    blob = get(body, "audio")
    if blob is None:
        chunks = get(body, "media_chunks")
        blob = chunks[0] if isinstance(chunks, Sequence) and chunks else None
    if blob is not None and str(get(blob, "mime_type") or "").startswith("audio/"):
        return _audio(blob)
    if get(body, "activity_start") is not None:
        return Activity(starts=True)
    if get(body, "activity_end") is not None or get(body, "audio_stream_end"):
        return Activity(starts=False)
    if get(body, "text"):
        return Content(model_turns=0, turn_complete=True)
    return Other()


def _audio(blob: Mapping[str, Any]) -> ClientMessage:
    mime = str(get(blob, "mime_type"))
    rate = re.search(r"rate=(\d+)", mime)
    if not mime.startswith("audio/pcm") or (rate and int(rate[1]) != INPUT_RATE):
        return Invalid(INVALID_ARGUMENT)
    try:
        data = base64.b64decode(str(get(blob, "data")).replace("-", "+").replace("_", "/"), validate=True)
        return Audio(np.frombuffer(data, dtype="<i2"))
    except (binascii.Error, ValueError):
        return Invalid(INVALID_ARGUMENT)


def _content(body: Mapping[str, Any]) -> ClientMessage:
    turns = get(body, "turns") or ()
    return Content(
        model_turns=sum(1 for turn in turns if get(turn, "role") == "model" and get(turn, "parts")),
        turn_complete=bool(get(body, "turn_complete")),
    )


def setup_complete() -> bytes:
    return pack({"setupComplete": {}})


def input_transcription(text: str) -> bytes:
    return pack({"serverContent": {"inputTranscription": {"text": text}}})


def output_transcription(text: str) -> bytes:
    return pack({"serverContent": {"outputTranscription": {"text": text}}})


def thought(text: str) -> bytes:
    return pack({"serverContent": {"modelTurn": {"parts": [{"text": text, "thought": True}]}}})


def audio_part(pcm: bytes) -> bytes:
    """One part of 24 kHz PCM16."""
    data = base64.b64encode(pcm).decode()
    return pack({"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": OUTPUT_MIME, "data": data}}]}}})


def generation_complete() -> bytes:
    return pack({"serverContent": {"generationComplete": True}})


def interrupted() -> bytes:
    return pack({"serverContent": {"interrupted": True}})


def turn_complete(audio_in_s: float, audio_out_s: float, reason: str | None = None) -> bytes:
    """turnComplete and usageMetadata in one message. audio_in_s, audio_out_s: audio heard and made in the turn, s."""
    heard, made = round(audio_in_s * AUDIO_TOKENS_PER_S), round(audio_out_s * AUDIO_TOKENS_PER_S)
    content: dict[str, Any] = {"turnComplete": True}
    if reason is not None:
        content["turnCompleteReason"] = reason
    usage = {
        "promptTokenCount": heard,
        "responseTokenCount": made,
        "totalTokenCount": heard + made,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": heard}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": made}],
    }
    return pack({"serverContent": content, "usageMetadata": usage})


def resumption_update(handle: str | None) -> bytes:
    """A handle, or word that the session cannot be resumed just now."""
    update = {"resumable": False} if handle is None else {"newHandle": handle, "resumable": True}
    return pack({"sessionResumptionUpdate": update})


def go_away(time_left_s: float) -> bytes:
    return pack({"goAway": {"timeLeft": f"{time_left_s:g}s"}})
