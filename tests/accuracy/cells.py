"""What the known recordings are put through, and what the detector makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtest.audio.edges import speech_segments
from loadtest.audio.impairments import Law, NoiseKind, add_noise, lose_packets, telephone
from loadtest.audio.noise import noise, to_samples
from loadtest.audio.wav import RATE, Samples
from tests.accuracy.errors import Errors, compare
from tests.accuracy.known import Known, Placed, by_definition, known
from tests.accuracy.opus import through_opus

__all__ = ["CELLS", "USUAL_DBFS", "Cell", "Measured", "beyond_hearing", "measure_cell"]

USUAL_DBFS = -20.0
SNRS_DB = (20.0, 10.0, 5.0)
FLOOR_DBFS = -70.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table."""

    name: str
    level_dbfs: float = USUAL_DBFS
    vary_db: float = 0.0
    impair: Callable[[Samples, int], Samples] | None = None
    """Samples and seed."""
    noise_below_db: float | None = None
    """SNR of the noise in it."""


Measured = Mapping[str, Sequence[tuple[Cell, Sequence[tuple[Known, Errors]]]]]
"""By group; for each cell what was known and what was found, one entry a seed."""


def _noisy(kind: NoiseKind, snr_db: float) -> Cell:
    return Cell(
        f"{kind} noise, {snr_db:g} dB SNR",
        impair=lambda samples, seed: add_noise(samples, kind, snr_db, seed),
        noise_below_db=snr_db,
    )


def _opus(kbit_s: int) -> Cell:
    return Cell(f"Opus, {kbit_s} kbit/s", impair=lambda samples, seed: through_opus(samples, kbit_s))


def _telephone(law: Law) -> Cell:
    return Cell(f"G.711, {law}", impair=lambda samples, seed: telephone(samples, law))


def _lossy(share: float) -> Cell:
    return Cell(f"{share:.0%}", impair=lambda samples, seed: lose_packets(samples, share, seed))


def _floor(samples: Samples, seed: int) -> Samples:
    return to_samples(samples.astype(float) + noise(NoiseKind.WHITE, len(samples), FLOOR_DBFS, seed))


def _bad_line(samples: Samples, seed: int) -> Samples:
    """Pink noise at 20 dB, a telephone, 1 % loss, and Opus, one after the other."""
    return through_opus(lose_packets(telephone(add_noise(samples, NoiseKind.PINK, 20.0, seed)), 0.01, seed), 24)


NOISY = tuple(_noisy(kind, snr_db) for kind in NoiseKind for snr_db in SNRS_DB)

CELLS: Mapping[str, tuple[Cell, ...]] = {
    "Clean": (
        *(Cell(f"{level:g} dBFS", level) for level in (-40.0, -30.0, -20.0, -10.0, -3.0)),
        Cell("-20 to -32 dBFS in one channel", vary_db=12.0),
        Cell("-20 dBFS over a floor of -70 dBFS", impair=_floor),
        Cell("-38 dBFS over a floor of -70 dBFS", -38.0, impair=_floor),
    ),
    "Codecs": (
        *(_opus(kbit_s) for kbit_s in (16, 24)),
        *(_telephone(law) for law in Law),
    ),
    "Packets of 20 ms lost, and concealed": tuple(_lossy(share) for share in (0.01, 0.05, 0.1, 0.2)),
    "Noise": NOISY,
    "All together": (Cell("pink noise at 20 dB SNR, G.711, 1 % lost, Opus at 24 kbit/s", impair=_bad_line),),
}


def measure_cell(cell: Cell, seeds: int) -> tuple[tuple[Known, Errors], ...]:
    """All sounds once for each seed."""
    return tuple(_measure(cell, seed) for seed in range(seeds))


def _measure(cell: Cell, seed: int) -> tuple[Known, Errors]:
    clean = known(cell.level_dbfs, seed, vary_db=cell.vary_db)
    heard = clean.samples if cell.impair is None else cell.impair(clean.samples, seed)
    return clean, compare(speech_segments(heard, RATE), clean.placed)


def beyond_hearing(clean: Known, errors: Errors, noise_below_db: float) -> tuple[list[float], ...]:
    """What the noise hides of each sound at its onset and its end, and by how much the found edges lie outside of that.

    All in ms. Hidden is what lies between the edge of the definition, and the one at which 10 ms of the clean sound are
    as loud as the noise.
    """
    by_name = {sound.name: sound for sound in clean.placed}
    rows = []
    for name, late, after in zip(errors.names, errors.onset.tolist(), errors.end.tolist(), strict=True):
        first, last = _hidden(by_name[name], clean.level_dbfs - noise_below_db)
        rows.append((first, last, max(0.0, -late, late - first), max(0.0, after, -after - last)))
    return tuple(list(column) for column in zip(*rows, strict=True))


def _hidden(sound: Placed, noise_dbfs: float) -> tuple[float, float]:
    """How much of its beginning and of its end is softer than the noise, ms."""
    first, last = by_definition(sound.audio, noise_dbfs)
    return first * 1000 / RATE, (len(sound.audio) - last) * 1000 / RATE
