"""What the logs of an incident cannot tell, in words, and what would make them tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadtest.analyse.incident.result import UNKNOWN, ModelIncident

__all__ = ["unknown"]


def unknown(models: Sequence[ModelIncident], *, told: bool, bursts_looked_for: bool) -> tuple[str, ...]:
    """Sentences, the weightiest first. told: at least one entry told something."""
    if not told:
        return ("Everything: no entry tells of a call or of a connection. Is it the log of an agent's worker?",)
    return tuple(_sentences(models, bursts_looked_for=bursts_looked_for))


def _sentences(models: Sequence[ModelIncident], *, bursts_looked_for: bool) -> Iterator[str]:
    yield "What callees heard, and whether connections were resumed: no log tells that. Rehearse it: --scenario."
    if any(one.model is None for one in models):
        yield "Which model it was, of some calls: no line names one, or several are named. Say it with --model."
    if not any(one.calls for one in models):
        yield "How many calls there were, and which were hit: no entry names a job, a room or a field call_id."
    if any(one.unplaced for one in models):
        lost = sum(one.unplaced for one in models)
        yield f"Which calls {lost} of the closes were of: they name none, and no call was the only one that was up."
    if any(one.connected_minutes is None for one in models):
        yield (
            "Connected minutes, reconnect times and ages of connections, where no connect is told: have the agent log "
            "its model's metrics (docs/your-agent.md)."
        )
    elif any(one.rate_1011 is None for one in models):
        yield "A rate of 1011s: the log shows no connection from its beginning on, for any time."
    if any(one.phases.get(UNKNOWN) for one in models):
        yield "The phase of some closes: it takes entries that say when the callee had spoken (EOU), of the same call."
    if any(one.ages.get(UNKNOWN) for one in models):
        yield "The age of some connections: their beginning is not told, or only to the second or minute."
    if not bursts_looked_for:
        yield "Bursts: there are too many closes to look through."
