"""The reference agent: what loadtest dials when the user has no agent of their own at hand.

One script, run by path in an interpreter of its own (`python agent.py start`), so that it can live beside other
generations of the SDK. It imports only the standard library, livekit and loadtest_probe. Each job reads its
endpoint from the dispatch metadata:

    {"loadtest": {"call_id", "arm", "model", "api": "gemini"|"vertex", "base_url": URL|null, "voice",
                  "probe_dir": DIR|null, "project", "location"}}      (the last two for Vertex, else their defaults)

Keys that the callee presses are answered as if they had been said.

Environment: LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, GOOGLE_API_KEY, SSL_CERT_FILE,
LIVEKIT_AGENT_NAME (else loadtest-reference), LOADTEST_AGENT_PORT (health endpoint, 0 = any),
LOADTEST_AGENT_IDLE_PROCESSES. Logs are JSON lines on stderr.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

# The forkserver would otherwise load turn detection weights (244 MB) that a Gemini agent never uses.
os.environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")

from google.genai import types
from google.oauth2.credentials import Credentials
from livekit import rtc
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    CloseEvent,
    JobContext,
    JobProcess,
    MetricsCollectedEvent,
    __version__,
    cli,
    function_tool,
    metrics,
)
from livekit.plugins import google

from loadtest_probe import attach

AGENT_NAME = "loadtest-reference"
INSTRUCTIONS = (
    "You are on the telephone with a customer of a parcel service, whom you have just called about a delivery. "
    "Greet them first and say why you call. Answer in one or two short sentences. "
    "Use look_up_parcel when they name a parcel or an order."
)
CALL_ACTIVE = "active"
LAST_WORDS_S = 0.3
KEYS_OVER_S = 1.0
"""Keys that follow one another sooner belong together; # ends them at once."""
LOOP_TICK_S = 0.05
LOOP_LAG_S = 0.1
TELLS_LAG = tuple(int(part) for part in re.findall(r"\d+", __version__)[:3]) >= (1, 8, 3)
"""livekit-agents logs itself when the event loop was blocked."""

logger = logging.getLogger("loadtest.agent")


class MetadataError(ValueError):
    """The dispatch said too little to know which endpoint to talk to."""


@dataclass(frozen=True)
class Endpoint:
    """What the dispatch metadata says about one call."""

    call_id: str
    model: str
    api: str
    base_url: str | None
    voice: str
    probe_dir: str | None
    project: str
    location: str


def endpoint_from(metadata: str) -> Endpoint:
    """Read the dispatch metadata. MetadataError when it names no usable endpoint."""
    try:
        document = json.loads(metadata)
        fields = document["loadtest"]
        api = fields.get("api") or "gemini"
        if api not in ("gemini", "vertex"):
            raise MetadataError(f"loadtest.api is {api!r}; expected 'gemini' or 'vertex'")
        return Endpoint(
            call_id=str(fields["call_id"]),
            model=str(fields["model"]),
            api=api,
            base_url=fields.get("base_url"),
            voice=fields.get("voice") or "Zephyr",
            probe_dir=fields.get("probe_dir"),
            project=document.get("project") or os.environ.get("GOOGLE_CLOUD_PROJECT") or "loadtest",
            location=document.get("location") or os.environ.get("GOOGLE_CLOUD_LOCATION") or "us-central1",
        )
    except MetadataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MetadataError(
            "the dispatch metadata must be JSON with loadtest.call_id and loadtest.model "
            f"({type(error).__name__}: {error})"
        ) from error


@cache
def tls_context() -> ssl.SSLContext:
    """One for the process: google-genai would read the bundle of certificates three times as each call begins."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))


def realtime_model(endpoint: Endpoint) -> google.realtime.RealtimeModel:
    """The LiveKit plugin's model for that endpoint, with the call's name on every connection."""
    key = os.environ.get("GOOGLE_API_KEY", "")
    options: dict[str, Any] = {
        "model": endpoint.model,
        "voice": endpoint.voice,
        "http_options": types.HttpOptions(
            base_url=endpoint.base_url,
            headers={"x-loadtest-call": endpoint.call_id},
            timeout=10_000,
            client_args={"verify": tls_context()},
            async_client_args={"ssl": tls_context()},
        ),
    }
    if endpoint.api == "vertex":
        options |= {"vertexai": True, "project": endpoint.project, "location": endpoint.location}
        if endpoint.base_url:
            # A simulated endpoint takes the key as a bearer token; the real one uses the machine's own credentials.
            options["credentials"] = Credentials(token=key)  # type: ignore[no-untyped-call]
    else:
        # Said outright: the plugin would else ask GOOGLE_GENAI_USE_VERTEXAI.
        options |= {"vertexai": False, "api_key": key}
    return google.realtime.RealtimeModel(**options)


class ReferenceAgent(Agent):
    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    @function_tool
    async def look_up_parcel(self, number: str) -> str:
        """Look up where a parcel is.

        Args:
            number: The number of the parcel or of the order.
        """
        logger.info("executing tool", extra={"function": "look_up_parcel"})
        return "The parcel is out for delivery and arrives today between two and four."


class Keypad:
    """Takes what the callee presses for what they say."""

    def __init__(self, session: AgentSession[None]) -> None:
        self._session = session
        self._keys: list[str] = []
        self._over: asyncio.TimerHandle | None = None

    def pressed(self, key: rtc.SipDTMF) -> None:
        self._keys.append(key.digit)
        if self._over is not None:
            self._over.cancel()
        wait_s = 0.0 if key.digit == "#" else KEYS_OVER_S
        self._over = asyncio.get_running_loop().call_later(wait_s, self._answer)

    def _answer(self) -> None:
        keys, self._keys = " ".join(self._keys), []
        try:
            self._session.generate_reply(user_input=f"The customer pressed {keys} on the keypad of the telephone.")
        except RuntimeError as error:  # the session has been closed meanwhile
            logger.warning("no reply to keys: %s", error)


def new_session(endpoint: Endpoint) -> AgentSession[None]:
    # Gemini takes the turns; no local voice activity or turn detection model is loaded.
    return AgentSession(
        llm=realtime_model(endpoint),
        vad=None,
        turn_handling={"turn_detection": "realtime_llm"},
        user_away_timeout=None,
    )


def prewarm(_: JobProcess) -> None:
    """Pay before the first call what would block its event loop: imports, schemas, the client, its TLS context.

    A connect to a port where nobody listens goes through all of the client's set-up and stops at the socket.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = Endpoint(
            call_id="prewarm",
            model="gemini-3.1-flash-live-preview",
            api="gemini",
            base_url=f"https://127.0.0.1:{unused.getsockname()[1]}",
            voice="Zephyr",
            probe_dir=None,
            project="",
            location="",
        )
        logging.disable(logging.CRITICAL)  # that it fails is the point
        try:
            asyncio.run(_rehearse(nowhere))
        finally:
            logging.disable(logging.NOTSET)


async def _rehearse(endpoint: Endpoint) -> None:
    session = new_session(endpoint)
    closed = asyncio.Event()
    session.on("close", lambda _: closed.set())
    await session.start(ReferenceAgent(), record=False)
    try:
        async with asyncio.timeout(5):
            await closed.wait()
    except TimeoutError:
        await session.aclose()


async def picked_up(room: rtc.Room, callee: rtc.RemoteParticipant) -> bool:
    """Wait until the callee answers. False when they leave, or the room ends, before that."""
    answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def settle(result: bool) -> None:
        if not answered.done():
            answered.set_result(result)

    def look(*_: object) -> None:
        if callee.attributes.get("sip.callStatus") == CALL_ACTIVE:
            settle(True)

    def gone(participant: rtc.RemoteParticipant) -> None:
        if participant.identity == callee.identity:
            settle(False)

    room.on("participant_attributes_changed", look)
    room.on("participant_disconnected", gone)
    room.on("disconnected", lambda *_: settle(False))
    look()
    if callee.identity not in room.remote_participants:
        settle(False)
    return await answered


def log_metric(event: MetricsCollectedEvent) -> None:
    """Log connects and turns of the model, as agents in production do: a log alone then tells what became of them."""
    told = event.metrics
    if isinstance(told, metrics.RealtimeModelMetrics):
        logger.info(
            "REALTIME ttft=%.0fms duration=%.0fms in_tok=%d out_tok=%d",
            told.ttft * 1000,
            told.duration * 1000,
            told.input_tokens,
            told.output_tokens,
            extra={
                "request_id": told.request_id,
                "acquire_time": told.acquire_time,
                "output_audio_tokens": told.output_token_details.audio_tokens,
            },
        )


async def watch_loop() -> None:
    """Log when the event loop was blocked, in the words of livekit-agents 1.8.3, where that does not."""
    while True:
        asked = time.monotonic()
        await asyncio.sleep(LOOP_TICK_S)
        lag_s = time.monotonic() - asked - LOOP_TICK_S
        if lag_s >= LOOP_LAG_S:
            logger.warning("event loop blocked for %.0fms", lag_s * 1000)


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()


async def entrypoint(ctx: JobContext) -> None:
    try:
        endpoint = endpoint_from(ctx.job.metadata)
        session = new_session(endpoint)
    except ValueError as error:  # no metadata, an unknown API, no key
        logger.error("cannot take this job: %s", error)
        ctx.shutdown(reason="unusable dispatch metadata")
        return
    ctx.log_context_fields = {"call_id": endpoint.call_id, "room": ctx.job.room.name}
    attach(session, ctx.room, log_dir=endpoint.probe_dir)

    def on_close(event: CloseEvent) -> None:
        # The callee hung up, or the endpoint is lost for good. The job ends, once the probe's last words are out.
        loop = asyncio.get_running_loop()
        loop.call_later(LAST_WORDS_S, ctx.shutdown, f"session closed: {event.reason.value}")

    session.on("close", on_close)
    session.on("metrics_collected", log_metric)
    if not TELLS_LAG:
        logger.info("watching the event loop")
        watching = asyncio.create_task(watch_loop())
        ctx.add_shutdown_callback(lambda: cancelled(watching))
    ctx.room.on("sip_dtmf_received", Keypad(session).pressed)

    await ctx.connect()
    # Connecting to the model while it still rings is what makes the greeting quick.
    await session.start(ReferenceAgent(), room=ctx.room, record=False)
    callee = await ctx.wait_for_participant(kind=rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
    if await picked_up(ctx.room, callee):
        session.generate_reply()
    else:
        ctx.shutdown(reason="not answered")


def new_server() -> AgentServer:
    server = AgentServer(
        setup_fnc=prewarm,
        # The cap on calls is the tester's; a worker that refuses a dispatch would make agent no-shows of its own.
        load_fnc=lambda: 0.0,
        num_idle_processes=int(os.environ.get("LOADTEST_AGENT_IDLE_PROCESSES", "1")),
        job_memory_warn_mb=0,
        drain_timeout=2,
        shutdown_process_timeout=5,
        session_end_timeout=5,
        initialize_process_timeout=30,
        host="127.0.0.1",
        port=int(os.environ.get("LOADTEST_AGENT_PORT", "0")),
        http_proxy=None,
        log_level="INFO",
    )
    server.rtc_session(entrypoint, agent_name=os.environ.get("LIVEKIT_AGENT_NAME", AGENT_NAME))
    return server


if __name__ == "__main__":
    sys.stdout = sys.stderr  # the worker logs to stdout
    cli.run_app(new_server())
