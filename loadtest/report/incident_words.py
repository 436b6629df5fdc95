"""What the logs of an incident tell, in rows of words. The terminal draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loadtest.analyse.compare.rate_1011 import BURSTS
from loadtest.analyse.incident.result import CloseKind, Incident, LoggedBurst, ModelIncident, Spread
from loadtest.analyse.shares import clopper_pearson
from loadtest.report import words
from loadtest.report.rows import outside_text, plural

__all__ = ["UNKNOWN", "burst", "close_row", "model_rows", "read", "title"]

UNKNOWN = "unknown"


def title(model: ModelIncident) -> str:
    """Its name."""
    return outside_text(model.model) if model.model else "model not told"


def read(incident: Incident) -> Iterator[str]:
    """What was read, and how well."""
    span = "times unknown" if incident.began is None else f"{incident.began} to {incident.ended}"
    plugin = "" if incident.plugin is None else f" · plugin {outside_text(incident.plugin, 20)}"
    yield f"{plural(len(incident.files), 'log')} · {incident.lines} lines · {span}{plugin}"
    if not incident.whole:
        yield "Interrupted: these are the figures of what was read until then."
    if incident.unreadable:
        first = outside_text(incident.first_unreadable or "")
        yield f"{plural(incident.unreadable, 'line')} could not be read, the first {first}."
    if incident.untimed:
        yield f"{plural(incident.untimed, 'entry', 'entries')} had no time."


def model_rows(model: ModelIncident) -> Iterator[tuple[str, str]]:
    """Label and figure."""
    yield "calls", _calls(model)
    if model.unplaced:
        yield "of no call", f"{plural(model.unplaced, 'close')}, goAways and refusals included"
    yield "connected minutes", _minutes(model)
    yield "1011 rate", _rate(model)
    if model.given_up:
        yield "sessions given up", str(model.given_up)
    yield "reconnect", _reconnect(model)
    if model.after_speech is not None:
        yield "after the callee spoke", f"{_spread(model.after_speech)}, to a close before the reply had ended"
    yield "phase", _counts(model.phases)
    yield "connection's age", _counts(model.ages)


def close_row(kind: CloseKind) -> tuple[str, str, str, str, str]:
    """What, who, count, calls, reason."""
    what = {
        "go_away": "goAway",
        "refused": "refused " + (f"HTTP {kind.http_status}" if kind.http_status is not None else str(kind.code or "")),
        "close": str(kind.code or "no code"),
    }[kind.what]
    calls = UNKNOWN if kind.calls is None else str(kind.calls)
    return what.strip(), kind.side, str(kind.count), calls, outside_text(kind.reason, 60) or words.NONE


def burst(found: LoggedBurst) -> str:
    """One sentence."""
    one = found.burst
    refused = f", and {plural(one.refused, 'connect')} refused then or soon after" if one.refused else ""
    return (
        f"Burst at {found.began}: {plural(one.calls, 'call')} lost their connection within "
        f"{one.end_s - one.start_s:.1f} s ({', '.join(map(outside_text, one.arms))}){refused}. Chance makes no such."
    )


def _calls(model: ModelIncident) -> str:
    if not model.calls:
        return UNKNOWN
    low, high = clopper_pearson(model.calls_hit, model.calls)
    share = f"{model.calls_hit / model.calls * 100:.1f} % [{low * 100:.1f}, {high * 100:.1f}]"
    return f"{model.calls}, of them hit {model.calls_hit}: {share}"


def _minutes(model: ModelIncident) -> str:
    if model.connected_minutes is None:
        lasted = "" if model.call_minutes is None else f"; calls lasted {words.number(model.call_minutes)} min"
        return f"{UNKNOWN}: no connect is told{lasted}"
    connects = plural(model.connects or 0, "connect")
    return f"{words.number(model.connected_minutes)}, as far as the log shows, of {connects}"


def _rate(model: ModelIncident) -> str:
    rate = model.rate_1011
    if rate is None or model.rate_per is None:
        return f"{UNKNOWN}: the log shows no time in which there was a connection"
    text = f"{words.rate(rate)} a {model.rate_per} ({plural(rate.events, 'incident')})"
    if rate.dispersion is not None and rate.dispersion >= BURSTS:
        text += f"; too narrow: dispersion over calls {rate.dispersion:.1f}"
    return text


def _reconnect(model: ModelIncident) -> str:
    untold = f"{model.reconnects_untold} not told, or none" if model.reconnects_untold else ""
    if model.reconnects is None:
        return f"{UNKNOWN}{': ' if untold else ''}{untold}"
    return _spread(model.reconnects) + (f"; {untold}" if untold else "")


def _spread(of: Spread) -> str:
    if of.n == 1:
        return _between(of.p50)
    return f"p50 {_between(of.p50)}, p95 {_between(of.p95)}, longest {_between(of.longest)} (n={of.n})"


def _between(span: tuple[float, float]) -> str:
    low, high = (words.duration(end_s * 1000) for end_s in span)
    return low if low == high else f"{low} to {high}"


def _counts(of: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in of.items()) or words.NONE
