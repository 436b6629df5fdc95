"""The scenario file, version 1: what a user may write, field by field.

Every model refuses keys that it does not know; every quantity carries its unit in its name. Loading, with errors that
name file, line and field, is in `loadtest.scenario.load`; this module and those it is made of (`arms`, `callee`,
`compare_spec`, `base`) only say what is right.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from loadtest.scenario.arms import Arm
from loadtest.scenario.base import Model, Name, Version
from loadtest.scenario.callee import CalleeSpec
from loadtest.scenario.compare_spec import CompareSpec, factor_problem
from loadtest.scenario.nightly_spec import NightlySpec

__all__ = ["Arrivals", "Limits", "Scenario", "ValidityLimits"]


class Arrivals(Model):
    """One phase of the arrival process: a constant rate, or a ramp from one rate to another."""

    rate_per_minute: float | None = Field(default=None, gt=0)
    """Constant rate of due calls, all arms together."""
    ramp_per_minute: tuple[float, float] | None = None
    """Rate at the beginning and at the end of the phase, changing linearly."""
    for_s: float | None = Field(default=None, gt=0)
    """Length of the phase; the last phase may leave it out and lasts until every call has been due."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.rate_per_minute is None) == (self.ramp_per_minute is None):
            raise ValueError("expected either rate_per_minute: r or ramp_per_minute: [from, to]")
        if self.ramp_per_minute is not None:
            if self.for_s is None:
                raise ValueError("a ramp needs for_s, its length")
            if min(self.ramp_per_minute) < 0 or max(self.ramp_per_minute) <= 0:
                raise ValueError("ramp_per_minute expects two rates >= 0, not both 0")
        return self


class ValidityLimits(Model):
    """When the tester calls its own figures invalid. docs/measurement.md explains each limit."""

    loop_lag_ms: float = Field(default=150.0, gt=0)
    """A turn is invalid if its callee's event loop was blocked longer than this."""
    frame_gap_ms: float = Field(default=120.0, gt=0)
    """... or if audio from or to the line was later than this."""
    anchor_ms: float = Field(default=50.0, gt=0)
    """... or if the clock of what was heard was wrong by more than this, or lost or gained more at once."""
    concealed_ms: float = Field(default=60.0, gt=0)
    """... or if more than this of one second of what was heard was made up by the SDK for audio that was missing."""
    jitter_buffer_ms: float = Field(default=120.0, gt=0)
    """... or if what was heard had waited longer than this in the SDK's jitter buffer, on the average of a second."""
    packet_loss: float = Field(default=0.05, gt=0, le=1)
    """... or if a larger share of the audio packets of either direction was lost while it lasted."""
    cpu_share: float = Field(default=0.9, gt=0, le=1)
    """... or if the tester's machine was busier than this while it lasted."""
    cpu_stall: float = Field(default=0.4, gt=0, le=1)
    """... or if for more than this share of it some task of the machine had to wait for a core."""
    dial_late_ms: float = Field(default=1000.0, gt=0)
    """A call dialled later than this after it was due is late."""
    agent_join_ms: float = Field(default=3000.0, gt=0)
    """A call whose agent came into the room later than this after it was asked to had to queue for it."""
    late_share: float = Field(default=0.01, ge=0, le=1)
    """The run is invalid (exit 3) if a larger share of its calls was dialled late, or had to queue for an agent of
    loadtest's own."""
    valid_share: float = Field(default=0.95, gt=0, le=1)
    """... or if a smaller share of an arm's script turns is valid."""
    disputed_share: float = Field(default=0.02, ge=0, le=1)
    """... or if a larger share of an arm's valid script turns is disputed."""
    share_difference: float = Field(default=0.02, ge=0, le=1)
    """... or if two arms differ by more than this in their share of invalid, or of disputed, turns."""


class Limits(Model):
    """What a run against Google's endpoints may use, warm-up calls included; it is refused, or ends early, beyond."""

    call_minutes: float | None = Field(default=None, gt=0)
    """Answered calls, from the answer to the hang-up, all together. Needed for a model without a published price."""
    cost_usd: float = Field(default=10.0, gt=0)
    """As estimated from published prices."""


class Scenario(Model):
    """A whole scenario file."""

    version: Version
    """Version of this schema."""
    name: Name
    """Names the results folder."""
    description: str = ""
    """For people who read."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Of everything that is drawn."""
    stack: Literal["embedded", "external"] = "embedded"
    """Where LiveKit is. embedded: livekit-server is started for the run; external: LIVEKIT_URL and keys from the
    environment."""
    dial: Literal["by_tester", "by_agent"] = "by_tester"
    """Who dials. by_agent: the agent does, through LiveKit's SIP API, once it has been dispatched with a number."""
    hosts: tuple[str, ...] = ()
    """Hosts other than loopback that calls may go to: names or addresses, without scheme and port."""
    acknowledge: tuple[Literal["livekit-cloud-acceptable-use"], ...] = ()
    """What the user has read and keeps to: LiveKit Cloud's acceptable-use policy, for load on *.livekit.cloud."""
    arms: dict[Name, Arm] = Field(min_length=1)
    """The endpoints under test, by name."""
    blocks: int = Field(ge=1, le=10_000)
    """Blocks of n_arms x calls_per_block consecutive slots, arms permuted within."""
    calls_per_block: int = Field(default=1, ge=1, le=1000)
    """Calls an arm in a block."""
    arrivals: tuple[Arrivals, ...] = Field(min_length=1)
    """The arrival process, phase by phase."""
    cap: Literal["auto"] | int = "auto"
    """Most calls at the same time; a call that is due at the cap is dropped. auto: from the cores."""
    script: str
    """Script file, relative to the scenario's file."""
    callee: CalleeSpec = CalleeSpec()
    """The person at the other end."""
    reply_limit_s: float = Field(default=10.0, gt=0, le=120)
    """Silence after a line beyond which a reply counts as not given, and beyond which dead air is a gap."""
    mid_reply_limit_s: float = Field(default=1.0, gt=0, le=30)
    """Silence within a reply beyond which it is a gap."""
    thresholds: tuple[str, ...] = ()
    """`metric[.arm].stat op value`, for example `reply_latency.p95 < 3000` or `answered_share.ga.value >= 0.98`."""
    compare: CompareSpec | None = None
    """Roles and margins."""
    validity: ValidityLimits = ValidityLimits()
    """When the tester calls its own figures invalid."""
    limits: Limits = Limits()
    """What a run against Google's endpoints may use."""
    nightly: NightlySpec | None = None
    """How `loadtest nightly` goes about it."""
    recordings: Literal["all", "gaps", "none"] = "all"
    """Which stay when the run has been measured. gaps: those of calls with a gap or a disputed turn."""
    transcripts: bool = False
    """Whether to store what was said, as the agent's model wrote it down."""
    phone_numbers: Literal["plain", "hashed"] = "plain"
    """How telephone numbers are stored. hashed: by a key that is not."""

    @field_validator("cap")
    @classmethod
    def _cap_positive(cls, value: Literal["auto"] | int) -> Literal["auto"] | int:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected auto or a whole number >= 1")
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        problems = [
            f"arrivals.{i}: every phase but the last needs for_s, its length"
            for i, phase in enumerate(self.arrivals[:-1])
            if phase.for_s is None
        ]
        if self.compare is not None and self.compare.control not in self.arms:
            problems.append(f"compare.control: expected one of the arms {', '.join(self.arms)}")
        if self.compare is not None and (wrong := factor_problem(self.compare, self.arms)) is not None:
            problems.append(wrong)
        if self.nightly is not None and self.nightly.verdict_nights > 1 and self.compare is None:
            problems.append("nightly.verdict_nights: there is no verdict without `compare`: declare what is compared")
        for name, arm in self.arms.items():
            if arm.agent.external and self.stack == "embedded":
                problems.append(
                    f"arms.{name}.agent: an external agent cannot reach the embedded stack: say `stack: external`"
                )
            if arm.agent.external and arm.endpoint is not None and arm.endpoint.profile is not None:
                problems.append(
                    f"arms.{name}.endpoint: an external agent cannot be pointed at a simulated endpoint: say "
                    "`google`, `base_url` or nothing, as the agent is set up"
                )
            if self.dial == "by_agent" and arm.agent.reference:
                problems.append(
                    f"arms.{name}.agent: the reference agent does not dial: say {{command: [...], name: n}}, or leave "
                    "`dial: by_agent` out"
                )
            if self.dial == "by_agent" and arm.agent.external:
                problems.append(
                    f"arms.{name}.agent: an external agent would dial past the tester: for `dial: by_agent` let the "
                    "run start it, with {command: [...], name: n}"
                )
            if self.dial == "by_agent" and arm.agent.command is not None and arm.agent.name is None:
                problems.append(
                    f"arms.{name}.agent: with `dial: by_agent` a command needs `name`: the number to dial comes with "
                    "its dispatch"
                )
            elif arm.agent.command is not None and arm.agent.name is None and len(self.arms) > 1:
                problems.append(f"arms.{name}.agent: with several arms each command needs `name` for its dispatch")
        others = [name for name, arm in self.arms.items() if not arm.at_google]
        if 0 < len(others) < len(self.arms):
            problems.append(
                f"arms.{others[0]}.endpoint: mixed refused: Google's own endpoint beside one that is not, or is not "
                "known to be; give every arm `google`, or none"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self
