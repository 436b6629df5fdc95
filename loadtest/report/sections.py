"""What a summary says, in order: sections of rows with one cell an arm. Terminal and Markdown print the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from loadtest.analyse.arm import ArmFigures
from loadtest.analyse.estimate import MIN_BLOCKS
from loadtest.errors import ExitCode
from loadtest.report import words
from loadtest.report.view import ArmSummary, Summary, exit_code

__all__ = ["Row", "Section", "headline", "next_steps", "sections", "validity_line"]

Tone = Literal["plain", "bad"]
_PLAIN: Tone = "plain"
_BAD: Tone = "bad"


@dataclass(frozen=True, slots=True)
class Row:
    """A label and one cell for each arm; or, if it spans, one cell that speaks of all."""

    label: str
    cells: tuple[str, ...]
    spans: bool = False
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a title; notes say what the figures rest on."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def headline(summary: Summary) -> str:
    """What these figures are figures of; stands first wherever a summary is shown."""
    if summary.kind == "live":
        return "LIVE run"
    return "REHEARSAL against simulated endpoints, no figures of Google's"


def validity_line(summary: Summary) -> str:
    """Whether the figures can be used."""
    if not summary.valid:
        return f"INVALID: {'; '.join(summary.invalid_because)}"
    return "valid: the tester was well enough for these figures to speak of the endpoints"


def sections(summary: Summary) -> tuple[Section, ...]:
    """All sections, in the order of reading."""
    found = [_calls(summary), _latency(summary), _closes(summary), _losses(summary), _tester(summary)]
    if summary.thresholds:
        found.append(_thresholds(summary))
    if summary.warnings:
        found.append(Section("warnings", tuple(Row("", (text,), spans=True, tone="bad") for text in summary.warnings)))
    return tuple(found)


def next_steps(summary: Summary) -> tuple[str, ...]:
    """Where to look, and what to do."""
    steps = []
    code = exit_code(summary)
    if code is ExitCode.INVALID:
        steps.append("Don't use these figures. Free the machine or lower the load (cap, arrivals), then run again.")
    elif code is ExitCode.THRESHOLD_FAILED:
        steps.append("A threshold does not hold (exit 4): see above.")
    if summary.longest_gap is not None:
        gap = summary.longest_gap
        steps.append(
            f"Listen to the longest silence ({words.duration(gap.gap_ms)}, {gap.cause}, {gap.arm}): "
            f"calls/{gap.call_id}/audio.flac"
        )
    if code is ExitCode.OK and summary.kind == "rehearsal":
        steps.append("The rehearsal went well: point the arms' endpoints at the real service for figures that decide.")
    return tuple(steps)


def _calls(summary: Summary) -> Section:
    outcomes = list(dict.fromkeys(name for arm in summary.arms.values() for name in arm.figures.outcomes))
    rows = [_row(summary, "planned", lambda a: str(a.planned))]
    for outcome in outcomes:
        cells = tuple(str(arm.figures.outcomes.get(outcome, words.NONE)) for arm in summary.arms.values())
        rows.append(Row(outcome.replace("_", " "), cells))
    return Section("calls", tuple(rows))


def _latency(summary: Summary) -> Section:
    rows = [
        _row(summary, "script turns", lambda a: f"{a.script_turns.turns}, {a.script_turns.valid} of them valid"),
        _row(summary, "answered", lambda a: words.share(a.answered)),
        _row(summary, "talked over", lambda a: words.share(a.talked_over)),
    ]
    if _any(summary, lambda a: a.disputed.n > 0):
        rows.append(_row(summary, "disputed", lambda a: words.share(a.disputed)))
    rows += [
        _row(summary, "reply p50", lambda a: words.quantile(a.reply_latency["p50"])),
        _row(summary, "reply p95", lambda a: words.quantile(a.reply_latency["p95"])),
    ]
    if _any(summary, lambda a: a.reply_latency["p99"].n >= a.reply_latency["p99"].needed):
        rows.append(_row(summary, "reply p99", lambda a: words.quantile(a.reply_latency["p99"])))
    rows.append(_row(summary, "greeting p50", _greeting))

    limit = words.duration(summary.reply_limit_ms)
    notes = [
        f"Valid script turns only; re-prompts are no turns. Unanswered, talked-over turns count as {limit}.",
    ]
    quantile = next(
        (q for a in summary.arms.values() for q in a.figures.reply_latency.values() if q.n >= q.needed), None
    )
    if quantile is not None and quantile.interval is None:
        notes.append(f"No interval of a latency: {quantile.no_interval}.")
    if _any(summary, lambda a: any(q.beyond_limit_ms and q.interval for q in a.reply_latency.values())):
        notes.append(f"> {limit}: beyond the limit, or in more than 2.5 % of resamples, so not known to be below it.")
    if _any(summary, lambda a: a.answered.interval is not None and a.answered.interval.assumes is not None):
        notes.append("Shares of 0 or 100 %, and those from fewer than 12 blocks: interval assumes independent turns.")
    return Section("latency", tuple(rows), tuple(notes))


def _greeting(arm: ArmFigures) -> str:
    if not arm.greeting.calls:
        return words.NONE
    if not arm.greeting.greeted:
        return "does not greet"
    return (
        f"{words.quantile(arm.greeting.latency['p50'], unit='calls')}, {arm.greeting.greeted} of {arm.greeting.calls}"
    )


def _closes(summary: Summary) -> Section:
    rows = [
        _row(summary, "incidents", _incidents),
        _row(
            summary,
            "connected",
            lambda a: "unknown" if a.rate_1011.minutes is None else f"{a.rate_1011.minutes:.1f} min",
        ),
        _row(summary, "per connected minute", lambda a: words.rate(a.rate_1011)),
    ]
    if summary.ratios_1011:
        cells = tuple(
            words.ratio(summary.ratios_1011[name]) if name in summary.ratios_1011 else "1 (control)"
            for name in summary.arms
        )
        rows.append(Row(f"times {summary.control}'s", cells))
    if _any(summary, lambda a: a.rate_1011.events > 0):
        rows.append(_row(summary, "spread over blocks", _spread))
        rows.append(
            _row(
                summary,
                "reasons given",
                lambda a: words.counts({r or "(none)": n for r, n in a.closes.reasons_1011.items()}),
            )
        )
    rows.append(_row(summary, "counted apart", _apart))
    notes = [
        "1011s that the server sent after setup; those of a call within 10 s of each other: one incident.",
        "Intervals of a rate are exact Poisson: they *assume independent closes*, too narrow for bursts.",
    ]
    for name, ratio in summary.ratios_1011.items():
        if ratio.interval is None:
            notes.append(f"{name} against {ratio.control}: no ratio, {ratio.no_interval}.")
        elif ratio.interval.assumes:
            notes.append(
                f"{name} against {ratio.control}: {ratio.blocks} blocks (under {MIN_BLOCKS}), exact interval, "
                f"*assumes {ratio.interval.assumes}*."
            )
        if ratio.note:
            notes.append(f"{name} against {ratio.control}: {ratio.note}.")
    notes += [
        f"{name}: {_plural(a.figures.unknown_exposure_calls, 'call')} without evidence of connections, in no rate, "
        f"nor {_plural(a.figures.unknown_exposure_incidents, 'incident')} in them."
        for name, a in summary.arms.items()
        if a.figures.unknown_exposure_calls
    ]
    return Section("1011 closes", tuple(rows), tuple(notes))


def _incidents(arm: ArmFigures) -> str:
    closes = arm.closes
    if not closes.raw_1011:
        return "0"
    return f"{closes.incidents_1011} ({_plural(closes.raw_1011, 'close')} in {_plural(closes.calls_1011, 'call')})"


def _spread(arm: ArmFigures) -> str:
    rate = arm.rate_1011
    if rate.dispersion is None or rate.top_block_share is None:
        return words.NONE
    return f"dispersion {rate.dispersion:.1f}, fullest block {rate.top_block_share * 100:.0f} %"


def _apart(arm: ArmFigures) -> str:
    closes = arm.closes
    parts = [f"server {code}: {n}" for code, n in closes.other_server.items()]
    parts += [f"setup {why}: {n}" for why, n in closes.setup.items()]
    named = (
        ("no close frame", closes.no_frame),
        ("client-made", closes.client),
        ("side unknown", closes.unknown_side),
        ("goAway", closes.goaway),
    )
    return ", ".join(parts + [f"{what}: {n}" for what, n in named if n]) or words.NONE


def _losses(summary: Summary) -> Section:
    rows = [
        _row(summary, "lost turns", lambda a: words.share_per_100(a.losses.lost)),
        _row(summary, "their causes", lambda a: words.counts(a.losses.causes)),
        _row(summary, "cost of the 1011s", _cost),
        _row(summary, "gap s per talk hour", lambda a: words.per_unit(a.losses.gap_s_per_talk_hour)),
        _row(summary, "patience used", _patience),
        _row(summary, "dead air, lost turns", _dead_air),
    ]
    after_line, within = words.duration(summary.reply_limit_ms), words.duration(summary.mid_reply_limit_ms)
    note = (
        f"Gap seconds: silence beyond {after_line} after a line and {within} within a reply. "
        "After a lost reply its length is mostly the callee's patience."
    )
    return Section("what was lost", tuple(rows), (note,))


def _cost(arm: ArmFigures) -> str:
    if not arm.losses.lost_to_1011 + arm.losses.truncated_to_1011:
        return "none"
    return f"{_plural(arm.losses.lost_to_1011, 'reply', 'replies')} lost, {arm.losses.truncated_to_1011} cut short"


def _patience(arm: ArmFigures) -> str:
    median = arm.losses.patience_median_s
    return words.NONE if median is None else f"median {median:.1f} s"


def _dead_air(arm: ArmFigures) -> str:
    dead = arm.losses.dead_air
    if not dead.n:
        return words.NONE
    median = "median unknown" if dead.median_ms is None else f"median {words.duration(dead.median_ms)}"
    return f"{median}, {dead.censored} of {dead.n} never ended" if dead.censored else median


def _tester(summary: Summary) -> Section:
    tester, rows = (
        summary.tester,
        [
            _row(summary, "valid turns", _valid),
            _row(summary, "why not", lambda a: words.counts(a.script_turns.reasons)),
        ],
    )
    rows += [Row(label, (text,), spans=True) for label, text in _health(summary)]
    if tester.dropped:
        rows.append(
            Row(
                "dropped",
                (f"{_plural(tester.dropped, 'call')} due at the cap of {summary.cap}",),
                spans=True,
                tone="bad",
            )
        )
    return Section("tester", tuple(rows))


def _health(summary: Summary) -> Iterator[tuple[str, str]]:
    tester = summary.tester
    if tester.late_p50_ms is not None and tester.late_max_ms is not None:
        p99 = "" if tester.late_p99_ms is None else f"p99 {words.duration(tester.late_p99_ms)}, "
        late = f", {tester.late_dials} too late" if tester.late_dials else ""
        yield (
            "dial lateness",
            f"p50 {words.duration(tester.late_p50_ms)}, {p99}max {words.duration(tester.late_max_ms)}{late}",
        )
    if tester.agent_join_p50_ms is not None and tester.agent_join_max_ms is not None:
        joins = f"p50 {words.duration(tester.agent_join_p50_ms)}, max {words.duration(tester.agent_join_max_ms)}"
        yield "wait for an agent", joins
    cores = "" if summary.cores is None else f" of {summary.cores} cores"
    cpu = "unknown" if tester.cpu_p95 is None else f"p95 {tester.cpu_p95 * 100:.0f} %{cores}"
    yield "machine", cpu if tester.calls_at_once is None else f"{cpu}, at most {tester.calls_at_once} calls at once"
    if tester.loop_lag_max_ms is not None or tester.late_frames is not None:
        lag = (
            ""
            if tester.loop_lag_max_ms is None
            else f"event loops blocked at most {words.duration(tester.loop_lag_max_ms)}"
        )
        frames = "" if tester.late_frames is None else f"{tester.late_frames} late audio frames"
        yield "lateness", ", ".join(part for part in (lag, frames) if part)


def _valid(arm: ArmFigures) -> str:
    turns = arm.script_turns
    return "no turn" if turns.share is None else f"{turns.valid} of {turns.turns}, {_floor_percent(turns.share)}"


def _thresholds(summary: Summary) -> Section:
    rows = []
    for result in summary.thresholds:
        seen = words.number(result.value) if result.value is not None else result.why or "unknown"
        text = f"{result.text}   {result.arm}: {seen}"
        label, tone = ("holds", _PLAIN) if result.holds else ("FAILED", _BAD)
        rows.append(Row(label, (text,), spans=True, tone=tone))
    return Section("thresholds", tuple(rows))


def _row(summary: Summary, label: str, cell: Callable[[ArmFigures], str]) -> Row:
    return Row(label, tuple(cell(arm.figures) for arm in summary.arms.values()))


def _any(summary: Summary, test: Callable[[ArmFigures], bool]) -> bool:
    return any(test(arm.figures) for arm in summary.arms.values())


def _plural(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _floor_percent(share: float) -> str:
    # 94.97 % is not the 95 % that it fell short of.
    return f"{int(share * 1000 + 1e-9) / 10:.1f} %"


def arm_heading(name: str, arm: ArmSummary) -> tuple[str, ...]:
    """Name, model and endpoint of an arm."""
    return name, f"{arm.model} ({arm.api})", f"endpoint: {arm.endpoint}"
