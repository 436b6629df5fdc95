"""Runs in the interpreter of one generation of the Google plugin, against a simulated endpoint: the real AgentSession,
plugin and google-genai client, without a LiveKit room.

    PYTHON driver.py CASES.json

The cases (`cases.py` makes them) run side by side, each in a session of its own, begun a little after the one before.
What each session does, hears and logs is printed as a JSON line {"case", "t" (s since its start), "kind", ...}:

    connected   the client has connected: the plugin's metric of that
    ended       the plugin says that receiving from a connection, or sending to it, has failed
    asked       a reply is asked for; failed: it was given up
    error       the session's error event; close: its end
    heard       the agent begins to be heard; played: it ends, or is cut off
    item        what the conversation keeps of a turn
    sent        turns that the client sends: their roles, and whether they ask for a reply
    tool        the agent's tool is called; returned: it has returned
    keepalive   the client's own settings, where a case has it quicker
    metric, log everything that is measured and logged

A case is a list of steps: `start` starts the session, with a tool if it is told how long that takes, `greet` asks for a
reply, `say` speaks a recording, `until` waits for the nth event of a kind (`missed` if it doesn't come), `wait` waits,
`mark` prints a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import json
import logging
import sys
import time
import wave
from collections import Counter, deque
from pathlib import Path
from typing import Any

import agent as reference  # type: ignore[import-not-found]  # the reference agent's script; its folder is on the path
from google.genai import live, types
from livekit import rtc
from livekit.agents import Agent, function_tool
from livekit.agents.voice import io

PINGS = ("ping_interval", "ping_timeout")
FRAME_S = 0.05
RATE = 16_000
APART_S = 0.3
"""Between the starts of two cases."""
LIMIT_S = 40.0
"""For any wait: far more than what is waited for takes, on a machine that is busy."""

running: contextvars.ContextVar[Case] = contextvars.ContextVar("running")


class Line(io.AudioInput):
    """What the callee says, in real time and without pause, as a room delivers it."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self._frames: deque[bytes] = deque()
        self._due: float | None = None

    def say(self, pcm: bytes) -> None:
        size = round(FRAME_S * RATE) * 2
        self._frames.extend(pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size))

    async def __anext__(self) -> rtc.AudioFrame:
        self._due = FRAME_S + (time.monotonic() if self._due is None else self._due)
        await asyncio.sleep(max(0.0, self._due - time.monotonic()))
        samples = round(FRAME_S * RATE)
        data = self._frames.popleft() if self._frames else bytes(2 * samples)
        return rtc.AudioFrame(data, RATE, 1, samples)


class Ear(io.AudioOutput):
    """What the callee hears: plays in real time, tells of each beginning and end."""

    def __init__(self, case: Case) -> None:
        super().__init__(label="ear", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24_000)
        self._case = case
        self._began: float | None = None
        self._pushed_s = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._began is None:
            self._began = time.monotonic()
            self._case.tell("heard")
        self._pushed_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began is not None and self._end is None:
            left_s = self._began + self._pushed_s - time.monotonic()
            self._end = asyncio.get_running_loop().call_later(max(0.0, left_s), self._over, False)

    def clear_buffer(self) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._began is not None:
            self._over(True)

    def _over(self, interrupted: bool) -> None:
        assert self._began is not None
        played_s = min(self._pushed_s, time.monotonic() - self._began)
        self._began, self._end, self._pushed_s = None, None, 0.0
        self._case.tell("played", seconds=round(played_s, 2), interrupted=interrupted)
        self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


class Case:
    """One session and what becomes of it."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._name: str = told["case"]
        self._steps: list[list[Any]] = told["steps"]
        self._endpoint = reference.Endpoint(**told["endpoint"])
        self.ping_s: float | None = told.get("ping_s")
        """Interval and limit of the client's keepalive, else 20 s."""
        self._began = time.monotonic()
        self._seen: Counter[str] = Counter()
        self._news = asyncio.Event()

    def tell(self, kind: str, **fields: Any) -> None:
        self._seen[kind] += 1
        self._news.set()
        told = {"case": self._name, "t": round(time.monotonic() - self._began, 3), "kind": kind, **fields}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    async def run(self) -> None:
        running.set(self)
        self._session = session = reference.new_session(self._endpoint)
        self._line = session.input.audio = Line()
        session.output.audio = Ear(self)
        session.on("error", lambda e: self.tell("error", recoverable=e.error.recoverable, text=str(e.error.error)))
        session.on("close", lambda e: self.tell("close", reason=e.reason.value))
        session.on("conversation_item_added", self._item)
        session.on("metrics_collected", lambda e: self._metrics(e.metrics))
        try:
            for verb, *given in self._steps:
                await getattr(self, f"_{verb}")(*given)
            self.tell("end")
        finally:
            with contextlib.suppress(Exception):
                await session.aclose()

    async def _start(self, tool_takes_s: float | None = None) -> None:
        tools = [] if tool_takes_s is None else [look_up_parcel(self, tool_takes_s)]
        await self._session.start(Agent(instructions="You are on the telephone.", tools=tools), record=False)

    async def _greet(self) -> None:
        self.tell("asked")
        self._session.generate_reply()

    async def _say(self, path: str) -> None:
        with wave.open(path) as recording:
            assert (recording.getframerate(), recording.getnchannels()) == (RATE, 1)
            self._line.say(recording.readframes(recording.getnframes()))

    async def _until(self, kind: str, n: int = 1) -> None:
        deadline = time.monotonic() + LIMIT_S
        while self._seen[kind] < n:
            self._news.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                self.tell("missed", what=kind, n=n)
                return

    async def _mark(self, what: str) -> None:
        self.tell("mark", what=what)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _item(self, event: Any) -> None:
        item = event.item
        if getattr(item, "type", None) == "message":
            self.tell("item", role=item.role, text=item.text_content or "", interrupted=item.interrupted)

    def _metrics(self, metrics: Any) -> None:
        acquired = getattr(metrics, "acquire_time", None)
        self.tell(
            "metric",
            request_id=metrics.request_id,
            ttft=metrics.ttft,
            duration=metrics.duration,
            tokens=(metrics.input_tokens, metrics.output_tokens),
            acquired=acquired,
        )
        if acquired:
            self.tell("connected")


def look_up_parcel(case: Case, takes_s: float) -> Any:
    """The reference agent's tool, which tells of itself and takes its time."""
    looked_up = reference.ReferenceAgent.look_up_parcel

    async def look_up(number: str) -> Any:
        case.tell("tool", number=number)
        await asyncio.sleep(takes_s)
        case.tell("returned")
        return "The parcel is out for delivery."

    return function_tool(look_up, name="look_up_parcel", description=str(looked_up.__doc__))


class Logged(logging.Handler):
    """What the plugin logs, told by the case in whose context it was logged."""

    def emit(self, record: logging.LogRecord) -> None:
        if (case := running.get(None)) is not None:
            text = record.getMessage()
            case.tell("log", level=record.levelname, text=text)
            if text.startswith(("error in receive task", "error in send task")):
                case.tell("ended", by="sending" if "send task" in text else "receiving", text=text.partition(": ")[2])
            if text.startswith("failed to generate a reply"):
                case.tell("failed")


def watch_what_is_sent(client: Any) -> None:
    """Tell of the turns that the client sends: whose they are, and whether they ask for a reply."""
    inner_send = client.AsyncSession.send_client_content

    async def send_client_content(self: Any, *, turns: Any = None, turn_complete: bool = True) -> None:
        if (case := running.get(None)) is not None:
            sent = turns if isinstance(turns, list) else [] if turns is None else [turns]
            roles = [turn.role if isinstance(turn, types.Content) else turn["role"] for turn in sent]
            case.tell("sent", roles=roles, complete=turn_complete)
        await inner_send(self, turns=turns, turn_complete=turn_complete)

    client.AsyncSession.send_client_content = send_client_content


def quicken_keepalives(client: Any) -> None:
    """Let a case have a quicker keepalive than the client's own, and tell what that is; nothing else of it changes."""
    inner_connect = client.ws_connect
    own = inspect.signature(inner_connect.__init__).parameters

    def ws_connect(*given: Any, **named: Any) -> Any:
        case = running.get(None)
        if case is not None and case.ping_s is not None:
            case.tell("keepalive", **{name: named.get(name, own[name].default) for name in PINGS})
            named |= dict.fromkeys(PINGS, case.ping_s)
        return inner_connect(*given, **named)

    client.ws_connect = ws_connect


async def main(cases: list[dict[str, Any]]) -> None:
    async with asyncio.TaskGroup() as sessions:
        for told in cases:
            sessions.create_task(Case(told).run())
            # All at once they would be late for one another.
            await asyncio.sleep(APART_S)


if __name__ == "__main__":
    logging.getLogger("livekit").addHandler(Logged())
    logging.getLogger("livekit").setLevel(logging.INFO)
    watch_what_is_sent(live)
    quicken_keepalives(live)
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
