"""The tables of known answers in docs/measurement.md, between their marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tests.accuracy.cells import Cell, Measured, beyond_hearing
from tests.accuracy.errors import Errors, together
from tests.accuracy.false_replies import FalseReplies
from tests.accuracy.known import KINDS
from tests.accuracy.promises import promises
from tests.accuracy.speed import CALL_S, CALLS

__all__ = ["BEGIN", "END", "into", "page"]

BEGIN = "<!-- Written by `make accuracy`, from here. Do not edit: run it again. -->"
END = "<!-- Written by `make accuracy`, to here. -->"

HEAD = "| | sounds | onset: p50 | p95 | p99 | max | end: p50 | p95 | p99 | max | missed | false |"
RULE = "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"


def into(text: str, tables: str) -> str:
    """The document with what stood between the marks replaced."""
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def page(
    measured: Measured,
    false: Sequence[tuple[str, float | None, FalseReplies]],
    speeds: Mapping[str, float],
    machine: str,
) -> str:
    """speeds: CPU seconds for an hour of calls, by what was done."""
    lines = [
        "What is promised, and the worst that was reached:",
        "",
        "| | promised, at most | reached |",
        "|---|--:|---|",
        *(
            f"| {promise.what} | {promise.limit} | {promise.reached}{'' if promise.held else ' **BROKEN**'} |"
            for promise in promises(measured, false, speeds)
        ),
        "",
        "Absolute errors in ms, found minus known.",
        "",
        HEAD,
        RULE,
    ]
    for group, cells in measured.items():
        lines.append(f"| **{group}** {'| ' * 11}|")
        lines += [_row(cell.name, together([errors for _, errors in found])) for cell, found in cells]
    lines += ["", *_by_kind(measured), "", *_physical(measured), "", *_false(false), "", *_speed(speeds, machine)]
    return "\n".join(lines) + "\n"


def _row(name: str, errors: Errors) -> str:
    return (
        f"| {name} | {len(errors.names) + errors.missed} | {_quantiles(errors.onset)} | {_quantiles(errors.end)} "
        f"| {errors.missed} | {errors.false} |"
    )


def _quantiles(values: npt.ArrayLike) -> str:
    absolute = np.abs(np.asarray(values, dtype=np.float64))
    if len(absolute) == 0:
        return "– | – | – | –"
    return " | ".join(f"{np.percentile(absolute, share):.1f}" for share in (50, 95, 99, 100))


def _by_kind(measured: Measured) -> list[str]:
    lines = ["By the kind of voice:", "", HEAD.removesuffix(" missed | false |"), RULE.removesuffix("--:|--:|")]
    for group, cells in measured.items():
        everything = together([errors for cell, found in cells if _counts(cell) for _, errors in found])
        for kind, said in KINDS.items():
            of_it = np.array([name.startswith(f"{kind}:") for name in everything.names], dtype=bool)
            onset, end = everything.onset[of_it], everything.end[of_it]
            lines.append(f"| {_named(group)}, {said} | {of_it.sum()} | {_quantiles(onset)} | {_quantiles(end)} |")
    return lines


def _counts(cell: Cell) -> bool:
    """Of the noise only what is promised something: 10 dB."""
    return cell.noise_below_db in {None, 10.0}


def _named(group: str) -> str:
    return "Noise, 10 dB SNR" if group == "Noise" else group


def _physical(measured: Measured) -> list[str]:
    lines = [
        "What noise hides nobody can find. An edge is hidden between the sample of the definition and the one at which",
        "10 ms of the clean sound become as loud as the noise. How much that is, and by how much the found edges are",
        "beyond it, in ms:",
        "",
        "| | hidden, onset: p50 | p95 | end: p50 | p95 | beyond, onset: p50 | p95 | p99 | max "
        "| beyond, end: p50 | p95 | p99 | max |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for cells in measured.values():
        for cell, found in cells:
            if cell.noise_below_db is None:
                continue
            parts = [beyond_hearing(known, errors, cell.noise_below_db) for known, errors in found]
            hidden = [
                " | ".join(f"{np.percentile([h for p in parts for h in p[n]], q):.1f}" for q in (50, 95))
                for n in (0, 1)
            ]
            beyond = [_quantiles([b for p in parts for b in p[n]]) for n in (2, 3)]
            lines.append(f"| {cell.name} | {' | '.join((*hidden, *beyond))} |")
    return lines


def _false(found: Iterable[tuple[str, float | None, FalseReplies]]) -> list[str]:
    lines = [
        "Replies found in calls of three minutes in which none is, all of noise or music, or behind a greeting:",
        "",
        "| | minutes | by energy alone | by both detectors |",
        "|---|--:|--:|--:|",
    ]
    for background, snr_db, replies in found:
        what = "music without vocals" if background == "music" else f"{background} noise"
        where = "nothing else" if snr_db is None else f"behind a greeting {snr_db:g} dB above it"
        lines.append(f"| {what}, {where} | {replies.minutes:.0f} | {replies.by_energy} | {replies.by_both} |")
    return lines


def _speed(cpu_s_by_name: Mapping[str, float], machine: str) -> list[str]:
    lines = [
        f"An hour of calls ({CALLS} of {CALL_S / 60:.0f} minutes, FLAC, a quarter of them noisy), measured by",
        f"`loadtest measure` on one core of {machine}:",
        "",
        "| | CPU time |",
        "|---|--:|",
    ]
    return lines + [f"| {name} | {cpu_s:.1f} s |" for name, cpu_s in cpu_s_by_name.items()]
