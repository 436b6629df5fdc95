"""A calibration on one page, in Markdown that reads well on a terminal, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadtest.jobs.calibrate.blind import Blind, Number
from loadtest.jobs.calibrate.capacity import Searched
from loadtest.jobs.calibrate.fit import Middle
from loadtest.jobs.calibrate.found import Found
from loadtest.jobs.calibrate.result import Calibration

__all__ = ["blind_numbers", "page"]

GUIDE_MS = 300.0
"""A scatter of replies, as a standard deviation, for the example of what it costs."""


def page(found: Calibration) -> str:
    """The page."""
    return "\n".join(_lines(found)) + "\n"


def blind_numbers(told: Sequence[Number]) -> str:
    """What is said of the sealed turns before the seal is broken."""
    rows = [
        f"  {number.call_id} turn {number.turn}: latency {_ms(number.latency_ms)}, "
        f"so true {_ms(number.estimate_ms)}, hole {_ms(number.gap_ms) if number.gap_ms is not None else 'none'}"
        for number in told
    ]
    return "\n".join(["The numbers of the sealed turns, before the seal is broken:", *rows])


def _lines(found: Calibration) -> Iterator[str]:
    yield f"# {headline(found)}"
    yield ""
    size = ", quick" if found.quick else ""
    yield f"{found.calibration}, {found.state}{size}, {found.seconds:.0f} s, {found.host['cores']} cores"
    yield f"LiveKit {found.target}. Every endpoint is SIMULATED: these are figures of this machine, none of Google's."
    turns = sum(run.turns for run in found.runs)
    if found.valid_share is not None:
        runs = f"{len(found.runs)} {'run' if len(found.runs) == 1 else 'runs'}"
        yield f"{runs}, {turns} script turns; {100 * found.valid_share:.1f} % of those judged here are valid."
        if found.valid_share < 0.95:
            yield "INVALID: the tester was late in more than 5 % of the turns. Calibrate on a machine that is idle."
        if found.invalid_reasons:
            why = ", ".join(f"{name} {count}" for name, count in found.invalid_reasons.items())
            yield f"What was late, by turns: {why}."
    yield from _sweep(found)
    yield from _path(found)
    yield from _gaps(found)
    yield from _blind(found.blind)
    yield from _capacity(found)
    yield from _resolution(found)


def headline(found: Calibration) -> str:
    """The one sentence that all the rest is for."""
    if found.resolution is None:
        return "Not enough was measured to say what this machine can tell apart"
    least = found.resolution.least_difference_ms
    return f"This machine can tell apart arms that differ by {least:.0f} ms"


def _sweep(found: Calibration) -> Iterator[str]:
    yield from ("", "## Reply latency, measured against true")
    line = found.sweep
    if line is None:
        yield "Not measured: fewer than five valid turns with a known delay."
        return
    yield f"slope   {line.slope:.4f} [{line.slope_low:.4f}, {line.slope_high:.4f}]"
    yield f"jitter  {line.jitter_ms:.1f} ms (MAD of the residuals)"
    reach = f"{line.shortest_ms / 1000:.2f} to {line.longest_ms / 1000:.2f} s"
    yield f"n {line.n}, true latencies from {reach}; Theil-Sen, intercept {line.intercept_ms:.1f} ms"


def _path(found: Calibration) -> Iterator[str]:
    yield from ("", "## The offset, and where it comes from")
    if found.path is None:
        yield "Not measured."
        return
    yield f"measured less true  {_middle(found.path.offset)}"
    yield f"  up                {_middle(found.path.up)}"
    yield f"  down              {_middle(found.path.down)}"
    if found.floor is None:
        yield "path alone          not measured: no echo was heard in a valid turn"
        return
    alone = found.floor.onset
    yield f"path alone          {_middle(alone)}  (echo, there and back; by the end of speech {_ms(_median(found))})"
    rest = found.path.offset.median_ms - alone.median_ms
    yield f"agent and plugin    {rest:.1f} ms: the rest of the offset"


def _median(found: Calibration) -> float | None:
    return None if found.floor is None else found.floor.end.median_ms


def _gaps(found: Calibration) -> Iterator[str]:
    yield from ("", "## Injected gaps and 1011s")
    for name, of in (
        ("holes in replies", found.holes),
        ("dead air after a 1011", found.dead_air),
        ("1011 closes", found.closes_1011),
    ):
        yield f"{name}: {_found(of)}"


def _found(of: Found | None) -> str:
    if of is None:
        return "not measured"
    text = f"{of.found} of {of.injected} found, {of.invented} invented in {of.turns} turns"
    if of.not_judged:
        text += f", {of.not_judged} in invalid turns"
    if of.error is not None:
        text += f"; error {_middle(of.error)}, largest {max(map(abs, of.errors_ms)):.0f} ms"
    return text


def _blind(blind: Blind | None) -> Iterator[str]:
    yield from ("", "## Blind")
    if blind is None:
        yield "Not measured."
        return
    yield f"sealed, sha256 {blind.sha256}: unchanged when it was opened, after the numbers had been printed"
    if blind.off_seal_ms is not None:
        yield f"the endpoint did what was sealed to within {blind.off_seal_ms:.1f} ms, by its own log"
    if blind.error is None:
        yield "no latency could be estimated"
    else:
        yield f"estimated less true latency: {_middle(blind.error)}, n {blind.turns}"
    yield f"holes: {_found(blind.gaps)}"


def _capacity(found: Calibration) -> Iterator[str]:
    yield from ("", "## Calls at the same time before a limit of validity is touched")
    for name, of in (
        ("LiveKit, agents, endpoint and callees here", found.capacity_with_agents),
        ("callees and echo", found.capacity_callees_only),
    ):
        yield f"{name}: {_searched(of)}"


def _searched(of: Searched | None) -> str:
    if of is None:
        return "not measured"
    looks = ", ".join(f"{look.calls} {'held' if look.held else _why(look.touched)}" for look in of.looks)
    touched = "no limit touched" if of.touched is None else f"not {of.touched}"
    if of.held == 0:
        touched += ": not even the fewest that were tried, so something else keeps this machine busy"
    return f"{of.held} held, {touched} ({looks})"


def _why(touched: object) -> str:
    names = ", ".join(touched) if isinstance(touched, dict) else ""
    return f"not: {names or 'no turn'}"


def _resolution(found: Calibration) -> Iterator[str]:
    yield from ("", "## What this machine can tell apart")
    of = found.resolution
    if of is None:
        yield "Not known: it takes a fit, and turns of both identical arms in two blocks or more."
        return
    same = of.same
    interval = f"{same.difference_ms:+.1f} ms [{same.low_ms:+.1f}, {same.high_ms:+.1f}]"
    yield f"identical arms differ by {interval}: {same.blocks} blocks, {same.turns} turns an arm"
    yield f"N = {of.least_difference_ms:.0f} ms, the larger of"
    yield "  max |interval| + (t.975 + t.80) x standard error over blocks"
    yield "  2.80 x 1.2533 x 1.4826 x jitter x sqrt(2 / turns)"
    yield "With as many blocks and turns, a difference of N is seen in four of five comparisons at 95 %."
    own = 2.80 * 1.2533 * GUIDE_MS * (2 / same.turns) ** 0.5
    yield f"Replies that scatter by themselves need more: a standard deviation of {GUIDE_MS:.0f} ms adds {own:.0f} ms"
    yield f"at {same.turns} turns an arm, and less with the square root of more."
    if same.blocks < 12:
        yield "Fewer than 12 blocks: the interval is wide because they are few, not because the machine is bad."


def _middle(of: Middle) -> str:
    interval = "" if of.low_ms is None or of.high_ms is None else f" [{of.low_ms:.1f}, {of.high_ms:.1f}]"
    return f"{of.median_ms:.1f} ms{interval}, MAD {of.mad_ms:.1f} ms"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} ms"
