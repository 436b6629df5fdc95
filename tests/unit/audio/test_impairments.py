"""Each impairment does what it says, moves nothing, and does the same again for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.audio.impairments import PACKET, Law, add_noise, lose_packets, lost_packets, telephone
from loadtest.audio.noise import NoiseKind, noise, talker, to_samples
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.signals import burst, shipped_lines, to_int16


@pytest.fixture(scope="module")
def speech() -> Samples:
    return next(line.samples for line in shipped_lines() if line.name == "book-appointment")


def level_dbfs(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(float) ** 2) / 32768**2))


def gain_db(hz: float) -> float:
    """Of the telephone's band, for a tone."""
    tone = to_int16(8000 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE))
    return level_dbfs(telephone(tone)) - level_dbfs(tone)


def delay(changed: Samples, original: Samples) -> int:
    most = 400
    return int(np.correlate(changed.astype(float), original[most:-most].astype(float), "valid").argmax()) - most


@pytest.mark.parametrize("kind", list(NoiseKind))
def test_noise_has_its_level_and_is_the_same_for_the_same_seed(kind: NoiseKind) -> None:
    made = noise(kind, 2 * RATE, -35.0, 4)
    assert level_dbfs(made) == pytest.approx(-35.0, abs=0.05)
    assert np.array_equal(made, noise(kind, 2 * RATE, -35.0, 4))
    assert not np.array_equal(made, noise(kind, 2 * RATE, -35.0, 5))
    assert len(noise(kind, 0, -35.0, 4)) == 0


def test_pink_noise_loses_three_db_an_octave() -> None:
    power = np.abs(np.fft.rfft(noise(NoiseKind.PINK, 20 * RATE, -25.0, 1))) ** 2
    hz = np.fft.rfftfreq(20 * RATE, 1 / RATE)
    octaves = [10 * np.log10(power[(hz >= low) & (hz < 2 * low)].mean()) for low in (100, 200, 400, 800, 1600, 3200)]
    assert np.diff(octaves) == pytest.approx([-3.0] * 5, abs=0.5)


def test_a_talker_pauses_and_babble_hardly_does() -> None:
    alone = to_samples(3000 * talker(30.0, np.random.default_rng(1)))
    frames = {
        name: (x[: len(x) // 1600 * 1600].astype(float).reshape(-1, 1600) ** 2).mean(axis=1)
        for name, x in (("alone", alone), ("babble", noise(NoiseKind.BABBLE, 30 * RATE, -25.0, 1)))
    }
    faint = {name: float((power < power.mean() / 100).mean()) for name, power in frames.items()}
    assert faint["alone"] > 0.1
    assert faint["babble"] == 0.0


@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_lies_below_the_active_speech_level(speech: Samples, snr_db: float) -> None:
    # Pauses in the recording must not count: the same line between long pauses gets the same noise.
    apart = np.concatenate((np.zeros(5 * RATE, np.int16), speech, np.zeros(5 * RATE, np.int16)))
    level = active_level_dbfs(speech, RATE)
    assert level is not None
    for samples in (speech, apart):
        added = add_noise(samples, NoiseKind.WHITE, snr_db, 1).astype(np.int32) - samples
        assert level_dbfs(added.astype(np.int16)) == pytest.approx(level - snr_db, abs=0.5)


def test_noise_is_not_added_to_what_is_no_speech() -> None:
    nothing = np.zeros(RATE, np.int16)
    assert np.array_equal(add_noise(nothing, NoiseKind.WHITE, 10.0, 1), nothing)


def test_a_telephone_passes_its_band_and_nothing_else() -> None:
    assert [gain_db(hz) for hz in (300, 1000, 3400)] == pytest.approx([-1.4, 0.0, 0.0], abs=0.3)
    assert max(gain_db(hz) for hz in (50, 3900, 4500, 7000)) < -25.0


@pytest.mark.parametrize("law", list(Law))
def test_companding_costs_what_g711_costs(law: Law) -> None:
    tone = to_int16(8000 * np.sin(2 * np.pi * 1020 * np.arange(RATE) / RATE))
    noise_db = level_dbfs((telephone(tone, law).astype(np.int32) - tone).astype(np.int16)[400:-400])
    # Published: about 38 dB of signal to quantizing distortion; somewhat more, as the band is cut after it.
    assert level_dbfs(tone) - noise_db == pytest.approx(39.0, abs=2.0)


def test_a_telephone_moves_nothing(speech: Samples) -> None:
    for samples in (speech, speech[:-1]):
        heard = telephone(samples)
        assert len(heard) == len(samples)
        assert delay(heard, samples) == 0
    sound = to_int16(np.concatenate((np.zeros(1000), burst(0.5, -10), np.zeros(1000))))
    before = telephone(sound)[:840]
    assert not before.any()  # but for 10 ms of ringing


def test_the_share_of_packets_is_lost() -> None:
    assert lost_packets(20_000, 0.05, 3).mean() == pytest.approx(0.05, abs=0.005)
    assert not lost_packets(100, 0.0, 3).any()
    assert lost_packets(100, 1.0, 3).all()


def test_what_is_lost_is_concealed_for_60_ms_and_the_rest_untouched(speech: Samples) -> None:
    heard = lose_packets(speech, 0.1, seed=2)
    lost = lost_packets(-(-len(speech) // PACKET), 0.1, seed=2)
    assert len(heard) == len(speech)
    for n in np.flatnonzero(~lost).tolist():
        assert np.array_equal(heard[n * PACKET : (n + 1) * PACKET], speech[n * PACKET : (n + 1) * PACKET])
    n = next(n for n in np.flatnonzero(lost).tolist() if n > 30 and not lost[n - 1])
    before, after = (heard[m * PACKET : (m + 1) * PACKET].astype(int) for m in (n - 1, n))
    assert np.array_equal(after[:160], before[:160])
    assert np.array_equal(after[160:], np.rint(before[160:] * 0.8))

    steady = np.full(10 * PACKET, 1000, np.int16)
    from_the_first = lose_packets(steady, 1.0, seed=1)
    assert not from_the_first.any()  # nothing arrived that could be repeated


def test_concealment_fades_away() -> None:
    steady = np.full(400 * PACKET, 1000, np.int16)
    heard, lost = lose_packets(steady, 0.5, seed=1), lost_packets(400, 0.5, seed=1)
    n = next(n for n in range(1, 396) if not lost[n - 1] and lost[n : n + 4].all())
    assert heard[n * PACKET : (n + 4) * PACKET : 160].tolist() == [1000, 800, 600, 400, 200, 0, 0, 0]
