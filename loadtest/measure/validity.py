"""Was the tester itself late, or did audio not get through? Then what it timed says nothing about the agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.measure.call_record import CallRecord
from loadtest.measure.machine import Disturbance, Machine
from loadtest.measure.speech import Span
from loadtest.measure.turns import Turn
from loadtest.record.events import (
    AgentJoined,
    ChannelHealth,
    ChannelStep,
    Dispatched,
    Ended,
    Event,
    LoopLag,
    Outcome,
    PacketHealth,
)
from loadtest.scenario.models import ValidityLimits

__all__ = ["Loss", "disturbances", "invalid_call", "invalid_turn", "lateness"]

HEALTH_WINDOW_S = 1.0
"""What a ChannelHealth event speaks of; of frames it speaks when they get their place, which is so much later."""
BURST_S = 0.5
"""After a loop was blocked, until all that came meanwhile has been taken."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How many of the packets of one direction were lost in `span`; a share only means something over many."""

    span: Span
    what: str
    packets: int
    lost: int
    """Negative: some that were given up before came after all."""


def disturbances(
    record: CallRecord, limits: ValidityLimits, machine: Machine, *, own_agent: bool
) -> tuple[Disturbance | Loss, ...]:
    """When the tester was later than its limits, and what packets were lost. `own_agent`: the agent is loadtest's own,
    on this machine.
    """
    lags = [e for e in record.events if isinstance(e, LoopLag) and e.lag_ms > limits.loop_lag_ms]
    found = [Disturbance(Span(e.t - e.lag_ms / 1000, e.t), "loop_lag", e.lag_ms) for e in lags]
    # A blocked loop holds frames up as well, and its own event knows better when.
    blocked = [Span(lag.t - lag.lag_ms / 1000, lag.t + BURST_S) for lag in lags]
    for event in record.events:
        if isinstance(event, ChannelStep):
            found += _step(event, limits)
        elif isinstance(event, ChannelHealth):
            found += [
                late
                for late in _channel(event, limits)
                if not any(span.meets(late.span.start_s, late.span.end_s) for span in blocked)
            ]
        elif isinstance(event, PacketHealth):
            found += _packets(event, limits)
    found += (*machine.lags, *machine.suspensions)
    if own_agent:
        # What an agent does itself its callers live through; where it is not told apart, all is the machine's.
        waited = ((lag.span, lag.ms if lag.waited_ms is None else lag.waited_ms) for lag in record.probe.lags)
        found += [Disturbance(span, "agent_lag", ms) for span, ms in waited if ms > limits.frame_gap_ms]
        found += _queued(record, limits)
    return (*found, *(loss for event in record.events for loss in _losses(event)))


def _step(event: ChannelStep, limits: ValidityLimits) -> Iterable[Disturbance]:
    limit_ms = limits.anchor_ms if event.channel == "agent" else limits.frame_gap_ms
    if abs(event.step_ms) > limit_ms:
        at_s = event.at_s - max(0.0, event.step_ms) / 1000
        yield Disturbance(Span(at_s, event.at_s), f"{event.channel}_step", abs(event.step_ms))


def _channel(event: ChannelHealth, limits: ValidityLimits) -> Iterable[Disturbance]:
    lately = Span(event.t - HEALTH_WINDOW_S, event.t)
    placed = Span(lately.start_s - HEALTH_WINDOW_S, lately.start_s)
    for span, ms in ((lately, event.frame_gap_ms), (placed, event.late_ms)):
        if ms > limits.frame_gap_ms:
            yield Disturbance(span, f"{event.channel}_frame_gap", ms)
    if abs(event.residual_ms) > limits.anchor_ms:
        yield Disturbance(placed, f"{event.channel}_anchor", abs(event.residual_ms))


def _packets(event: PacketHealth, limits: ValidityLimits) -> Iterable[Disturbance]:
    span = Span(event.t - event.over_s, event.t)
    if event.concealed_ms > limits.concealed_ms * max(1.0, event.over_s):
        yield Disturbance(span, "concealed", event.concealed_ms)
    if event.jitter_buffer_ms is not None and event.jitter_buffer_ms > limits.jitter_buffer_ms:
        yield Disturbance(span, "jitter_buffer", event.jitter_buffer_ms)


def _queued(record: CallRecord, limits: ValidityLimits) -> Iterable[Disturbance]:
    """An agent of loadtest's own that had to be waited for: too many calls at a time for this machine."""
    asked, joined = record.first(Dispatched), record.first(AgentJoined)
    if asked is not None and joined is not None and (joined.t - asked.t) * 1000 > limits.agent_join_ms:
        yield Disturbance(Span(asked.t, joined.t), "agent_queued", (joined.t - asked.t) * 1000)


def _losses(event: Event) -> Iterable[Loss]:
    if isinstance(event, PacketHealth):
        span = Span(event.t - event.over_s, event.t)
        yield Loss(span, "agent_loss", event.received + event.lost, event.lost)
        yield Loss(span, "callee_loss", event.sent, event.sent_lost)


def invalid_turn(
    turn: Turn, record: CallRecord, late: Sequence[Disturbance | Loss], machine: Machine, limits: ValidityLimits
) -> tuple[str, ...]:
    """Why a turn's figures are not to be used; empty if they are."""
    reasons = list(_unusable(record))
    if record.recorded is None:
        reasons.append("no_recording")
    if turn.open and record.killed:
        reasons.append("killed")
    elif turn.censored:
        reasons.append("call_ended_first")
    return (*reasons, *lateness(turn.span, late, machine, limits))


def invalid_call(
    record: CallRecord, late: Sequence[Disturbance | Loss], machine: Machine, limits: ValidityLimits
) -> tuple[str, ...]:
    """Why a call's own figures, the greeting above all, are not to be used; empty if they are."""
    if not record.exists:
        return ("not_dialled",)
    reasons = list(_unusable(record))
    if record.killed:
        reasons.append("killed")
    answered_s = record.answered_s
    if answered_s is None:
        return tuple(reasons)
    span = Span(answered_s, record.lines[0].start_s if record.lines else max(record.last_s, answered_s))
    return (*reasons, *lateness(span, late, machine, limits))


def _unusable(record: CallRecord) -> Iterable[str]:
    ended = record.first(Ended)
    if ended is not None and ended.outcome is Outcome.TESTER_ERROR:
        yield "tester_error"
    if record.unreadable:
        yield f"unreadable_events {record.unreadable}"


def lateness(
    span: Span, late: Sequence[Disturbance | Loss], machine: Machine, limits: ValidityLimits
) -> tuple[str, ...]:
    """How the tester was disturbed during a stretch: the worst of each kind, as a code and a figure."""
    worst: dict[str, float] = {}
    packets, lost = Counter[str](), Counter[str]()
    for of in late:
        if not of.span.meets(span.start_s, span.end_s):
            continue
        if isinstance(of, Loss):
            packets[of.what] += of.packets
            lost[of.what] += of.lost
        else:
            worst[of.what] = max(worst.get(of.what, 0.0), of.ms)
    shares = {what: lost[what] / n for what, n in packets.items() if n > 0}
    busy, stalled = machine.busy_share(span), machine.stalled_share(span)
    crowded = ["load_unknown"] if machine.unseen(span) else []
    crowded += [f"cpu {busy:.0%}"] if busy > limits.cpu_share else []
    crowded += [f"cpu_stall {stalled:.0%}"] if stalled > limits.cpu_stall else []
    crowded += [f"{what} {share:.0%}" for what, share in sorted(shares.items()) if share > limits.packet_loss]
    return (*(f"{what} {ms:.0f} ms" for what, ms in sorted(worst.items())), *crowded)
