"""The callee's telephone line: audio in both directions on one sample clock, recorded as it passes.

Inwards go samples to say; outwards come the positions at which they leave, and what is heard of the agent. Nothing of
the SDK shows in the interface.

The timeline's sample 0 is the answer. Sent audio is clocked by the source queue, which takes a sample each 1/16000 s as
long as it is never empty: what is put in at timeline position p leaves at p/16000. Under-runs are noticed, recorded
and move the position, so that the recording stays true.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Protocol

import numpy as np
from livekit import rtc

from loadtest.audio.activity import SpeechActivity
from loadtest.audio.wav import RATE, Samples
from loadtest.call.channel import ReceivedChannel
from loadtest.call.cues import Hear
from loadtest.call.outgoing import Between, Outgoing
from loadtest.call.recorder import Recorder
from loadtest.call.tasks import end_tasks
from loadtest.clock import RunClock
from loadtest.record.events import ChannelHealth, ChannelStep, Event, RecordingStarted

__all__ = ["EventSink", "TelephoneLine"]

SEND_EVERY_S = 0.04
LEAD_S = 0.2
"""Audio kept ahead of the clock in the source queue; an event loop that is late by less loses nothing."""
RECEIVE_FRAME_MS = 20
BEHIND_S = 1.6
"""The recording is written this far behind the clock: received frames are placed a second late."""
NOTABLE_GAP_MS = 60.0
NOTABLE_STEP_MS = 10.0
"""Smaller corrections of the anchor are part of finding it."""
STALE_S = 0.5
"""A stream that has brought nothing for so long is silent, whatever came last."""
_GRAIN = RATE // 100  # the source takes 10 ms at a time


class EventSink(Protocol):
    """Where events go as they happen."""

    def __call__(self, event: Event) -> None: ...


class TelephoneLine:
    """One call's audio. `start` at the answer; `close` flushes the recording."""

    def __init__(self, *, recorder: Recorder, clock: RunClock, emit: EventSink, between: Between | None = None) -> None:
        """between: what is sent while nothing is said; silence if None."""
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=600)
        self._recorder = recorder
        self._clock = clock
        self._emit = emit
        self._origin_s = math.nan  # run time of the timeline's sample 0
        self._outgoing = Outgoing(between)
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel = ReceivedChannel()
        self._activity = SpeechActivity()
        self._stream: rtc.AudioStream | None = None
        self._stream_end_s: float | None = None  # run time at which the latest received frame was complete
        self._starved_ms = 0.0
        self.on_failure: Callable[[BaseException], None] | None = None
        """Told when sending, receiving or recording broke down."""

    def start(self) -> None:
        """The callee has picked up: send and record from now on."""
        self._origin_s = self._clock.now()
        self._emit(RecordingStarted(t=self._origin_s, rate=RATE))
        self._spawn(self._send())
        self._spawn(self._write())

    def receive(self, track: rtc.Track) -> None:
        """Hear this track from now on; a later track takes the place of an earlier one."""
        self._spawn(self._receive(track))

    def say(self, samples: Samples, *, not_before: int = 0) -> int:
        """Say these samples after what is being sent, and not before a timeline position. Returns that of the first."""
        return self._outgoing.say(samples, not_before=not_before)

    def position(self) -> int:
        """The timeline position of this moment."""
        return self.position_at(self._clock.now())

    def position_at(self, t_s: float) -> int:
        """The timeline position at these run seconds."""
        return round((t_s - self._origin_s) * RATE)

    def time_of(self, position: int) -> float:
        """Run seconds at which this timeline position leaves or arrives."""
        return self._origin_s + position / RATE

    def hear(self) -> Hear:
        """The agent as heard until now, in run seconds; provisional."""
        if self._stream_end_s is None:
            return Hear(False, None, None)
        start_s = self._stream_end_s - self._activity.stream_s
        onset = self._activity.onset_s
        last = None if onset is None else self._stream_end_s - self._activity.silence_s
        flowing = self._clock.now() - self._stream_end_s < STALE_S
        return Hear(self._activity.speaking and flowing, None if onset is None else start_s + onset, last)

    async def close(self) -> None:
        """Stop, and put the rest of the recording on disk."""
        await end_tasks(self._tasks)
        if self._stream is not None:
            await self._stream.aclose()
        # livekit 1.1.21 frees a source's audio before it stops the thread that sends it, which then can spin for ever.
        # With nothing left to send it touches nothing.
        self.source.clear_queue()
        await self.source.aclose()
        if not math.isnan(self._origin_s):
            self._place(math.inf)
            self._report(always=True)
            self._recorder.write_until(self.position())
        self._recorder.close()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self.on_failure is not None:
            self.on_failure(error)

    async def _send(self) -> None:
        while True:
            now, out = self.position(), self._outgoing
            if out.position < now:
                # The queue ran empty: the callee was silent without having meant to be.
                gap, began = now - out.position, out.position > 0
                out.skip(gap)
                if began:
                    self._step("callee", gap, now)
                    self._starved_ms = max(self._starved_ms, gap * 1000 / RATE)
            count = (now + round(LEAD_S * RATE) - out.position) // _GRAIN * _GRAIN
            if count > 0:
                start, samples = out.position, out.take(count)
                self._recorder.put("callee", start, samples)
                await self.source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, count))
            await asyncio.sleep(SEND_EVERY_S)

    async def _receive(self, track: rtc.Track) -> None:
        if self._stream is not None:
            await self._stream.aclose()
            self._place(math.inf)
        stream = self._stream = rtc.AudioStream.from_track(
            track=track, sample_rate=RATE, num_channels=1, frame_size_ms=RECEIVE_FRAME_MS
        )
        self._channel, self._activity = ReceivedChannel(), SpeechActivity()
        channel, activity = self._channel, self._activity
        async for event in stream:
            now = time.monotonic()
            samples = np.frombuffer(event.frame.data, dtype=np.int16)
            activity.feed(samples)
            self._stream_end_s = self._clock.at(now)
            if not math.isnan(self._origin_s):
                channel.add(samples, self._clock.at(now) - self._origin_s)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = self._clock.now() - self._origin_s
            self._place(now)
            self._recorder.write_until(round((now - BEHIND_S) * RATE))
            self._report(always=False)

    def _place(self, now_s: float) -> None:
        for placement in self._channel.place(now_s):
            if placement.step:
                self._step("agent", placement.step, placement.position)
            if placement.position >= 0:
                self._recorder.put("agent", placement.position, placement.samples)

    def _step(self, channel: Literal["callee", "agent"], samples: int, position: int) -> None:
        if abs(samples) * 1000 / RATE < NOTABLE_STEP_MS:
            return
        self._emit(
            ChannelStep(
                t=self._clock.now(),
                channel=channel,
                at_s=self.time_of(position),
                step_ms=samples * 1000 / RATE,
            )
        )

    def _report(self, *, always: bool) -> None:
        health = self._channel.health()
        now = self._clock.now()
        if always or health.frame_gap_ms > NOTABLE_GAP_MS or health.late_frames:
            self._emit(
                ChannelHealth(
                    t=now,
                    channel="agent",
                    frame_gap_ms=health.frame_gap_ms,
                    residual_ms=health.residual_ms,
                    late_frames=health.late_frames,
                    late_ms=health.late_ms,
                )
            )
        if self._starved_ms:
            self._emit(
                ChannelHealth(t=now, channel="callee", frame_gap_ms=self._starved_ms, residual_ms=0.0, late_frames=0)
            )
            self._starved_ms = 0.0
