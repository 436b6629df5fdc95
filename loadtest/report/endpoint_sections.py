"""The sections that speak of the endpoints: calls, latency, 1011 closes, what was lost."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.analyse.arm import ArmFigures
from loadtest.analyse.bursts import Burst
from loadtest.analyse.estimate import MIN_BLOCKS
from loadtest.analyse.quantiles import Quantile
from loadtest.report import words
from loadtest.report.rows import Row, Section, any_arm, outside_text, per_arm, plural
from loadtest.report.view import Summary

__all__ = ["calls_section", "closes_section", "latency_section", "losses_section"]


def calls_section(summary: Summary) -> Section:
    """Planned calls by outcome."""
    outcomes = list(dict.fromkeys(name for arm in summary.arms.values() for name in arm.figures.outcomes))
    rows = [per_arm(summary, "planned", lambda a: str(a.planned))]
    for outcome in outcomes:
        cells = tuple(str(arm.figures.outcomes.get(outcome, words.NONE)) for arm in summary.arms.values())
        rows.append(Row(outcome.replace("_", " "), cells))
    return Section("calls", tuple(rows))


def latency_section(summary: Summary) -> Section:
    """How many script turns were answered, and how soon."""
    rows = [
        per_arm(summary, "script turns", lambda a: f"{a.script_turns.turns}, {a.script_turns.valid} of them valid"),
        per_arm(summary, "answered", lambda a: words.share(a.answered)),
        per_arm(summary, "talked over", lambda a: words.share(a.talked_over)),
    ]
    if any_arm(summary, lambda a: a.disputed.n > 0):
        rows.append(per_arm(summary, "disputed", lambda a: words.share(a.disputed)))
    rows += [
        per_arm(summary, "reply p50", lambda a: _with_n(a.reply_latency["p50"])),
        per_arm(summary, "reply p95", lambda a: _with_n(a.reply_latency["p95"])),
    ]
    if any_arm(summary, lambda a: a.reply_latency["p99"].n >= a.reply_latency["p99"].needed):
        rows.append(per_arm(summary, "reply p99", lambda a: _with_n(a.reply_latency["p99"])))
    rows.append(per_arm(summary, "greeting p50", _greeting))
    seen_twice = any_arm(summary, lambda a: a.energy_alone is not None)
    if seen_twice:
        rows.append(per_arm(summary, "by energy alone", _energy_alone))

    limit = words.duration(summary.reply_limit_ms)
    notes = [
        f"Valid script turns only; re-prompts are no turns. Unanswered, talked-over turns count as {limit}.",
    ]
    if seen_twice:
        notes.append("By energy alone: without the second detector, which says if it is speech that was heard.")
    quantile = next(
        (q for a in summary.arms.values() for q in a.figures.reply_latency.values() if q.n >= q.needed), None
    )
    if quantile is not None and quantile.interval is None:
        notes.append(f"No interval of a latency: {quantile.no_interval}.")
    if any_arm(summary, lambda a: any(q.beyond_limit_ms and q.interval for q in a.reply_latency.values())):
        notes.append(f"> {limit}: beyond the limit, or in more than 2.5 % of resamples, so not known to be below it.")
    if any_arm(summary, lambda a: a.answered.interval is not None and a.answered.interval.assumes is not None):
        notes.append("Shares of 0 or 100 %, and those from fewer than 12 blocks: interval assumes independent turns.")
    return Section("latency", tuple(rows), tuple(notes))


def _energy_alone(arm: ArmFigures) -> str:
    alone = arm.energy_alone
    if alone is None or alone.answered.value is None:
        return words.NONE
    latencies = (f"{name} {words.point(alone.reply_latency[name])}" for name in ("p50", "p95"))
    return ", ".join((f"answered {alone.answered.value * 100:.1f} %", *latencies))


def _with_n(quantile: Quantile) -> str:
    text = words.quantile(quantile)
    return text if quantile.n < quantile.needed else f"{text}, n {quantile.n}"


def _greeting(arm: ArmFigures) -> str:
    if not arm.greeting.calls:
        return words.NONE
    if not arm.greeting.greeted:
        return "does not greet"
    p50 = arm.greeting.latency["p50"]
    text = words.quantile(p50, unit="calls")
    return text if p50.n < p50.needed else f"{text}, {arm.greeting.greeted} of {arm.greeting.calls}"


def closes_section(summary: Summary) -> Section:
    """The 1011s: how often, and against the control."""
    rows = [
        per_arm(summary, "incidents", _incidents),
        per_arm(
            summary,
            "connected",
            lambda a: "unknown" if a.rate_1011.minutes is None else f"{a.rate_1011.minutes:.1f} min",
        ),
        per_arm(summary, "per connected minute", lambda a: words.rate(a.rate_1011)),
    ]
    if summary.ratios_1011:
        cells = tuple(
            words.ratio(summary.ratios_1011[name]) if name in summary.ratios_1011 else "1 (control)"
            for name in summary.arms
        )
        rows.append(Row(f"times {summary.control}'s", cells))
    if any_arm(summary, lambda a: a.rate_1011.events > 0):
        rows.append(per_arm(summary, "spread over blocks", _spread))
        rows.append(
            per_arm(
                summary,
                "reasons given",
                lambda a: words.counts(_readable(a.closes.reasons_1011)),
            )
        )
    rows.append(per_arm(summary, "counted apart", _apart))
    notes = [
        "1011s that the server sent after setup; those of a call within 10 s of each other: one incident.",
        "Intervals of a rate are exact Poisson: they *assume independent closes*, too narrow for bursts.",
    ]
    notes += [_burst(burst) for burst in summary.bursts]
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
        f"{name}: {plural(a.figures.unknown_exposure_calls, 'call')} without evidence of connections, in no rate, "
        f"nor {plural(a.figures.unknown_exposure_incidents, 'incident')} in them."
        for name, a in summary.arms.items()
        if a.figures.unknown_exposure_calls
    ]
    return Section("1011 closes", tuple(rows), tuple(notes))


def _burst(burst: Burst) -> str:
    minutes, seconds = divmod(burst.start_s, 60)
    refused = f", and {plural(burst.refused, 'connect')} refused then or soon after" if burst.refused else ""
    return (
        f"Burst at {minutes:.0f}:{seconds:02.0f} of the run: {plural(burst.calls, 'call')} lost their connection "
        f"within {burst.end_s - burst.start_s:.1f} s ({', '.join(burst.arms)}){refused}. Chance makes no such."
    )


def _incidents(arm: ArmFigures) -> str:
    closes = arm.closes
    if not closes.raw_1011:
        return "0"
    return f"{closes.incidents_1011} ({plural(closes.raw_1011, 'close')} in {plural(closes.calls_1011, 'call')})"


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
        ("of all, quota reached", closes.quota),
    )
    return ", ".join(parts + [f"{what}: {n}" for what, n in named if n]) or words.NONE


def losses_section(summary: Summary) -> Section:
    """What the callees missed."""
    rows = [
        per_arm(summary, "lost turns", lambda a: words.share_per_100(a.losses.lost)),
        per_arm(summary, "their causes", lambda a: words.counts(a.losses.causes)),
        per_arm(summary, "cost of the 1011s", _cost),
        per_arm(summary, "gap s per talk hour", lambda a: words.per_unit(a.losses.gap_s_per_talk_hour)),
        per_arm(summary, "patience used", _patience),
        per_arm(summary, "dead air, lost turns", _dead_air),
    ]
    after_line, within = words.duration(summary.reply_limit_ms), words.duration(summary.mid_reply_limit_ms)
    note = (
        f"Gap seconds: silence beyond {after_line} after a line and {within} within a reply. "
        "After a lost reply its length is mostly the callee's patience."
    )
    return Section("what was lost", tuple(rows), (note,))


def _cost(arm: ArmFigures) -> str:
    lost, cut = arm.losses.lost_to_1011, arm.losses.truncated_to_1011
    if lost == cut == 0:
        return "none"
    return f"{plural(lost, 'reply', 'replies')} lost, {'unknown if others were' if cut is None else cut} cut short"


def _patience(arm: ArmFigures) -> str:
    median = arm.losses.patience_median_s
    return words.NONE if median is None else f"median {median:.1f} s"


def _dead_air(arm: ArmFigures) -> str:
    dead = arm.losses.dead_air
    if not dead.n:
        return words.NONE
    median = "median unknown" if dead.median_ms is None else f"median {words.duration(dead.median_ms)}"
    return f"{median}, {dead.censored} of {dead.n} never ended" if dead.censored else median


def _readable(reasons: Mapping[str, int]) -> Mapping[str, int]:
    return {outside_text(reason) or "(none)": n for reason, n in reasons.items()}
