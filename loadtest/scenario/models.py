"""The scenario file, version 1: what a user may write, field by field.

Every model refuses keys that it does not know; every quantity carries its unit in its name. Loading, with errors that
name file, line and field, is in `loadtest.scenario.load`; this module only says what is right.
"""

from __future__ import annotations

import math
from enum import StrEnum
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

__all__ = [
    "AgentSpec",
    "Api",
    "Arm",
    "Arrivals",
    "CalleeSpec",
    "CompareSpec",
    "Distribution",
    "EndpointSpec",
    "Pickup",
    "PickupMix",
    "Scenario",
    "Script",
    "ScriptLine",
    "ValidityLimits",
]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Model(BaseModel):
    """Base of every scenario model: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _bare_flag(value: Any) -> Any:
    # `{external, name: x}` is YAML for {external: null, name: x}: a bare key means yes.
    return True if value is None else value


Flag = Annotated[bool, BeforeValidator(_bare_flag)]


class Distribution(Model):
    """A positive quantity drawn per slot: a number, `{uniform: [a, b]}` or `{lognormal: {median: m, p95: p}}`."""

    constant: float | None = Field(default=None, ge=0)
    """Always this value."""
    uniform: tuple[float, float] | None = None
    """Low and high end."""
    lognormal: dict[Literal["median", "p95"], float] | None = None
    """Median and 95th percentile."""

    @model_validator(mode="before")
    @classmethod
    def _number_is_constant(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"constant": value}
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [f for f in (self.constant, self.uniform, self.lognormal) if f is not None]
        if len(forms) != 1:
            raise ValueError("expected a number, {uniform: [low, high]} or {lognormal: {median: m, p95: p}}")
        if self.uniform is not None and not 0 <= self.uniform[0] <= self.uniform[1]:
            raise ValueError("uniform expects [low, high] with 0 <= low <= high")
        if self.lognormal is not None and not (
            set(self.lognormal) == {"median", "p95"} and 0 < self.lognormal["median"] <= self.lognormal["p95"]
        ):
            raise ValueError("lognormal expects median and p95 with 0 < median <= p95")
        return self

    def quantile(self, p: float) -> float:
        """The value at probability `p` in (0, 1): draws go through this so that one uniform number makes one draw."""
        if self.constant is not None:
            return self.constant
        if self.uniform is not None:
            low, high = self.uniform
            return low + p * (high - low)
        assert self.lognormal is not None
        normal = NormalDist()
        sigma = math.log(self.lognormal["p95"] / self.lognormal["median"]) / normal.inv_cdf(0.95)
        return self.lognormal["median"] * math.exp(sigma * normal.inv_cdf(p))


class Api(StrEnum):
    """Which of Google's two front doors the agent uses."""

    GEMINI = "gemini"
    VERTEX = "vertex"


def _api(value: Any) -> Any:
    # Strict validation takes no text for an enum.
    if not isinstance(value, str) or value not in set(Api):
        raise ValueError(f"expected one of {', '.join(Api)}")
    return Api(value)


class AgentSpec(Model):
    """The agent under test: `reference`, `{command: [...], name: n}` or `{external, name: n}`."""

    reference: Flag = False
    """The agent that ships with loadtest: AgentSession with the Google plugin's RealtimeModel."""
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    """A worker that the run starts with LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET in its environment."""
    external: Flag = False
    """A worker that is already registered with the LiveKit server (`stack: external`)."""
    name: str | None = Field(default=None, min_length=1)
    """The agent_name for explicit dispatch; None for a worker that joins every room by itself."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Added to the dispatch metadata (JSON object in ctx.job.metadata)."""

    @model_validator(mode="before")
    @classmethod
    def _word_is_flag(cls, value: Any) -> Any:
        return {value: True} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if [self.reference, self.command is not None, self.external].count(True) != 1:
            raise ValueError("expected exactly one of reference, command: [...], external")
        if self.reference and self.name is not None:
            raise ValueError("the reference agent has its own name: leave `name` out")
        if self.external and self.name is None:
            raise ValueError("an external agent needs `name`, the agent_name that it registers with")
        return self


class EndpointSpec(Model):
    """Where the Gemini Live API of an arm is: `{profile: FILE}`, `{base_url: URL, ca_file: FILE}` or `google`."""

    profile: str | None = None
    """An endpoint profile: the simulator's behaviour, relative to the scenario's file."""
    base_url: str | None = Field(default=None, pattern=r"^https://\S+$")
    """Another Gemini Live stand-in or proxy, TLS."""
    ca_file: str | None = None
    """PEM with the authority of base_url, relative to the scenario's file."""
    google: Flag = False
    """Google's own endpoint; keys from the environment only."""

    @model_validator(mode="before")
    @classmethod
    def _word_is_flag(cls, value: Any) -> Any:
        return {value: True} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if [self.profile is not None, self.base_url is not None, self.google].count(True) != 1:
            raise ValueError("expected exactly one of profile: FILE, base_url: URL, google")
        if self.ca_file is not None and self.base_url is None:
            raise ValueError("ca_file goes with base_url")
        return self


class Arm(Model):
    """One endpoint under test."""

    model: str = Field(min_length=1)
    """Gemini Live model id, without `models/`."""
    api: Annotated[Api, BeforeValidator(_api)] = Api.GEMINI
    """gemini or vertex."""
    agent: AgentSpec = AgentSpec(reference=True)
    """Who answers the callee."""
    endpoint: EndpointSpec | None = None
    """Where its model is; may be left out for an external agent only."""
    voice: str = "Zephyr"
    """Voice of the reference agent."""
    env: dict[str, str] = Field(default_factory=dict)
    """Added to the environment of a `command` agent. Never secrets: the resolved scenario is kept with the results."""

    @model_validator(mode="after")
    def _endpoint_known(self) -> Self:
        if self.endpoint is None and not self.agent.external:
            raise ValueError("endpoint is missing: {profile: FILE}, {base_url: URL} or google")
        if self.env and self.agent.command is None:
            raise ValueError("env goes with agent: {command: [...]}")
        return self


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


class Pickup(StrEnum):
    """What the callee does when the phone rings."""

    ANSWER = "answer"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"


class PickupMix(Model):
    """Shares of what callees do; they must sum to 1."""

    answer: float = Field(default=1.0, ge=0, le=1)
    no_answer: float = Field(default=0.0, ge=0, le=1)
    busy: float = Field(default=0.0, ge=0, le=1)
    rejected: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.answer + self.no_answer + self.busy + self.rejected
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"shares must sum to 1, these sum to {total:g}")
        return self


class CalleeSpec(Model):
    """The synthetic person at the other end."""

    ring_s: Distribution = Distribution(uniform=(1.0, 3.0))
    """How long it rings, per slot, the same for all arms."""
    pickup: PickupMix = PickupMix()
    """Who picks up, per slot, the same for all arms."""
    patience_s: Distribution = Distribution(uniform=(4.0, 7.0))
    """Silence after a line until the callee re-prompts, per slot, the same for all arms."""
    reprompts: int = Field(default=2, ge=0, le=5)
    """Re-prompts after one line before the callee goes on with the script."""
    agent_finished_after_s: float = Field(default=1.2, gt=0.3, le=5)
    """Silence of the agent after which the callee takes the floor."""
    greeting_limit_s: float = Field(default=10.0, gt=0, le=60)
    """The callee waits this long for a greeting, then begins with the script."""
    agent_join_limit_s: float = Field(default=15.0, gt=0, le=120)
    """An agent that has not joined this long after the answer is a no-show."""
    max_call_s: float = Field(default=180.0, gt=5, le=3600)
    """The callee hangs up after this long, whatever happens."""


class ValidityLimits(Model):
    """When the tester calls its own figures invalid. docs/measurement.md explains each limit."""

    loop_lag_ms: float = Field(default=80.0, gt=0)
    """A turn is invalid if its callee's event loop was blocked longer than this."""
    frame_gap_ms: float = Field(default=120.0, gt=0)
    """... or if audio from or to the line was later than this."""
    cpu_share: float = Field(default=0.9, gt=0, le=1)
    """... or, on the embedded stack, if the machine was busier than this while it lasted."""
    dial_late_ms: float = Field(default=1000.0, gt=0)
    """A call dialled later than this after it was due is flagged late."""
    valid_share: float = Field(default=0.95, gt=0, le=1)
    """The run is invalid (exit 3) if a smaller share of its script turns is valid."""


class CompareSpec(Model):
    """What will be compared, declared before the first dial and hashed into the plan."""

    control: str
    """The arm that the others are held against."""
    factor: Literal["model", "api", "region", "plugin"] = "model"
    """The one thing in which the arms are meant to differ."""
    success: tuple[str, ...] = ("rate_1011", "lost_turns")
    """Metrics of which one must be better."""
    margins: dict[str, float] = Field(
        default_factory=lambda: {
            "reply_latency_p50": 0.05,
            "reply_latency_p95": 0.10,
            "answered_share": 0.01,
            "greeting_latency_p50": 0.10,
            "talked_over_share": 0.01,
            "gap_seconds": 0.20,
        }
    )
    """Guardrails and how much worse the candidate may be: ratios minus 1, shares as fractions."""
    alpha: float = Field(default=0.025, gt=0, lt=0.5)
    """One-sided."""
    looks: int = Field(default=1, ge=1, le=4)
    """How often the verdict may be looked at."""


class ScriptLine(Model):
    """One recorded utterance."""

    name: Name
    """Its name in tables."""
    audio: str
    """WAV file, relative to the script's file."""
    text: str = ""
    """What is said, for people who read."""


class Script(Model):
    """What the callee says."""

    version: Literal[1]
    lines: tuple[ScriptLine, ...] = Field(min_length=1)
    """Said in this order, each when the agent has finished."""
    reprompts: tuple[ScriptLine, ...] = ()
    """Said in turn when no reply comes."""
    goodbye: ScriptLine | None = None
    """Said before hanging up; no reply to it is awaited."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        goodbye = (self.goodbye,) if self.goodbye else ()
        names = [line.name for line in (*self.reprompts, *goodbye)]
        repeated = {n for n in names if names.count(n) > 1} | ({ln.name for ln in self.lines} & set(names))
        if repeated:
            raise ValueError(f"re-prompts and goodbye must be other lines than the script's: {', '.join(repeated)}")
        return self


class Scenario(Model):
    """A whole scenario file."""

    version: Literal[1]
    """Version of this schema."""
    name: Name
    """Names the results folder."""
    description: str = ""
    """For people who read."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Of everything that is drawn."""
    stack: Literal["embedded", "external"] = "embedded"
    """embedded: livekit-server, simulator and agents are started for the run; external: LIVEKIT_URL and keys from the
    environment."""
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
        for name, arm in self.arms.items():
            if arm.agent.external and self.stack == "embedded":
                problems.append(
                    f"arms.{name}.agent: an external agent cannot reach the embedded stack: say `stack: external`"
                )
            if arm.agent.command is not None and arm.agent.name is None and len(self.arms) > 1:
                problems.append(f"arms.{name}.agent: with several arms each command needs `name` for its dispatch")
        simulated = [n for n, arm in self.arms.items() if arm.endpoint is not None and not arm.endpoint.google]
        if simulated and any(arm.endpoint is not None and arm.endpoint.google for arm in self.arms.values()):
            problems.append(
                f"arms.{simulated[0]}.endpoint: mixed refused: Google's own endpoint beside one that is not; "
                "give every arm `google`, or none"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self
