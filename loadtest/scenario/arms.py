"""The arms: which agent answers the callee, and where its model is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from loadtest.scenario.base import Flag, Model
from loadtest.scenario.faults import Fault
from loadtest.scenario.plugins import PluginGeneration

__all__ = ["BASE_URL_VARIABLES", "AgentSpec", "Api", "Arm", "EndpointSpec"]


BASE_URL_VARIABLES = ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL")
"""By which google-genai is led to another endpoint than Google's."""


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
    plugin: PluginGeneration | None = None
    """Generation of the Google plugin that the reference agent runs with, in an environment of its own; None for the
    one that is installed with loadtest."""
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
        if self.plugin is not None and not self.reference:
            raise ValueError("plugin goes with the reference agent: an agent of yours brings its own")
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
    faults: tuple[Fault, ...] = ()
    """What goes wrong at its simulated endpoint, besides what the endpoint profile says."""

    @property
    def at_google(self) -> bool:
        """Whether its endpoint is Google's, or is said to be."""
        return self.endpoint is not None and self.endpoint.google

    @model_validator(mode="after")
    def _endpoint_known(self) -> Self:
        if self.endpoint is None and not self.agent.external:
            raise ValueError("endpoint is missing: {profile: FILE}, {base_url: URL} or google")
        if self.env and self.agent.command is None:
            raise ValueError("env goes with agent: {command: [...]}")
        if self.faults and (self.endpoint is None or self.endpoint.profile is None):
            raise ValueError("faults: only a simulated endpoint has them, endpoint: {profile: FILE}")
        redirected = [name for name in BASE_URL_VARIABLES if name in self.env]
        if redirected and self.at_google:
            raise ValueError(
                f"env: {redirected[0]} beside `endpoint: google` would lead elsewhere: leave it out, or say "
                "endpoint: {base_url: URL}"
            )
        return self
