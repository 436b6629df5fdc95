"""Speech through Opus, encoded and decoded by libopus as a call's tracks are."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import soxr

from loadtest.audio.noise import to_samples
from loadtest.audio.wav import RATE, Samples

__all__ = ["through_opus"]

OPUS_RATE = 48_000
PACKET = OPUS_RATE // 50
LEFT_OVER = 1
"""Samples at 16 kHz by which what is decoded is early, once the decoder has taken out the encoder's delay (312 samples
at 48 kHz)."""


def through_opus(samples: Samples, kbit_s: int) -> Samples:
    """As long as before, and in step with it to the sample. Packets of 20 ms, tuned for speech."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = OPUS_RATE, "mono", "s16"
    encoder.bit_rate = 1000 * kbit_s
    encoder.options = {"application": "voip", "frame_duration": "20"}
    encoder.open()
    decoder: Any = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.extradata = OPUS_RATE, "mono", encoder.extradata
    wide = to_samples(np.asarray(soxr.resample(samples.astype(np.float64), RATE, OPUS_RATE)))
    wide = np.concatenate((wide, np.zeros(-len(wide) % PACKET + 2 * PACKET, dtype=np.int16)))
    packets = []
    for start in range(0, len(wide), PACKET):
        frame = av.AudioFrame.from_ndarray(wide[None, start : start + PACKET], format="s16", layout="mono")
        frame.sample_rate, frame.pts = OPUS_RATE, start
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    heard = np.concatenate([frame.to_ndarray().reshape(-1) for packet in packets for frame in decoder.decode(packet)])
    narrow = np.asarray(soxr.resample(heard.astype(np.float64), OPUS_RATE, RATE))
    return to_samples(np.concatenate((np.zeros(LEFT_OVER), narrow)))[: len(samples)]
