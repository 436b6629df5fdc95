"""A run that is taken up again: when its next part begins, and whether it calls what the parts before it called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from loadtest.clock import Clocks, zone_s
from loadtest.errors import StackError
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cost import Use
from loadtest.record.events import Event, ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.reader import read_events
from loadtest.record.run_json import Part, RunInfo, RunState, host, versions

__all__ = ["Beginning", "TakenUp", "beginning", "begun", "check_agents", "check_endpoints", "ended", "shifted"]

APART_S = 1.0
"""Between the last that is known of one part and the beginning of the next, at least."""
_TOLD = {"agents_version": "livekit-agents", "plugin_version": "the plugin", "client_version": "google-genai"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """What a part must know of those before it."""

    times: int = 0
    """How often the run was taken up again; 0: this is its beginning."""
    last_s: float = 0.0
    """Up to when something is known of it, run seconds."""
    used: Mapping[str, Use] = field(default_factory=dict)
    """Of Google's endpoints, by arm."""
    before_dialling: Callable[[], None] = lambda: None
    """Sets aside what is of the calls that are placed again. Raises RecordError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """When a part begins. Seconds."""

    begins_s: float
    """Run time at which its first call is due."""
    shift_s: float
    """How much later than planned that is."""
    unsure: bool = False
    """The wall clock was set back in the meantime: how long that was is not known."""


def beginning(info: RunInfo, first_due_s: float, *, wall_s: float, last_s: float) -> Beginning:
    """wall_s: UNIX time at which the first call will be due, planned at `first_due_s`.

    Run time goes on between the parts as the wall clock does, so that it never turns back and an agent's log keeps one
    offset to it, whatever became of the machine's monotonic clock.
    """
    if info.origin_monotonic_s is None:
        return Beginning(begins_s=0.0, shift_s=0.0 - first_due_s)
    apart_s = float("-inf") if info.origin_unix_s is None else wall_s - info.origin_unix_s
    begins_s = round(max(apart_s, last_s + APART_S), 3)
    return Beginning(begins_s=begins_s, shift_s=round(begins_s - first_due_s, 3), unsure=apart_s < last_s + APART_S)


def shifted(plan: Iterable[PlannedCall], shift_s: float) -> tuple[PlannedCall, ...]:
    """The calls, due so much later."""
    return tuple(replace(call, due_s=round(call.due_s + shift_s, 3)) for call in plan)


def begun(info: RunInfo, begins: Beginning, *, blocks: int, origin: float, asked_utc: str) -> RunInfo:
    """run.json as dialling begins. origin: of run time, monotonic seconds; asked_utc: when the part was asked for."""
    if info.origin_monotonic_s is None:
        clocks = Clocks.read()
        unix_s = round(clocks.wall + origin - clocks.monotonic, 3)
        info = replace(info, origin_monotonic_s=origin, origin_unix_s=unix_s, origin_zone_s=zone_s(unix_s))
    part = Part(
        started_utc=asked_utc,
        begins_s=begins.begins_s,
        shift_s=begins.shift_s,
        blocks=blocks,
        versions=versions(),
        host=host(),
    )
    return replace(info, parts=(*info.parts, part))


def ended(parts: tuple[Part, ...], state: RunState, ended_utc: str) -> tuple[Part, ...]:
    """The parts, the last one ended."""
    return (*parts[:-1], replace(parts[-1], state=state, ended_utc=ended_utc))


def check_endpoints(before: RunInfo, now: RunInfo) -> None:
    """Raise StackError if an arm's endpoint is another's than in the parts before."""
    if not before.parts:
        return
    for name, arm in now.arms.items():
        label, was = arm.get("endpoint_label"), before.arms.get(name, {}).get("endpoint_label")
        if label != was:
            raise StackError(
                f"arm {name}: its endpoint is {label} now, and was {was} in the part of the run before",
                remedy="One run compares the same endpoints throughout: start another one for these.",
            )


def check_agents(folder: RunFolder, warmups: Iterable[str]) -> None:
    """Raise StackError if an agent's probe tells other versions in its warm-up call than in earlier parts."""
    for call_id in warmups:
        earlier = sorted(folder.path.glob(f"aside/*/warmup/{call_id}/events.jsonl"))
        now = _versions(read_events(folder.warmup(call_id).events).events) if earlier else {}
        for path in earlier:
            for key, was in _versions(read_events(path).events).items():
                if key in now and now[key] != was:
                    raise StackError(
                        f"arm {call_id.removeprefix('warmup-')}: its agent has {_TOLD[key]} {now[key]} now, and had "
                        f"{was} in a part of the run before",
                        remedy="Give it the same versions again, or start another run.",
                    )


def _versions(events: Iterable[Event]) -> dict[str, str]:
    hellos = [e.message for e in events if isinstance(e, ProbeMessage) and e.message.get("type") == "hello"]
    return {key: value for hello in hellos[:1] for key in _TOLD if isinstance(value := hello.get(key), str)}
