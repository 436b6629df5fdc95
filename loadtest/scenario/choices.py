"""What somebody chooses for a first scenario, and what of it goes together."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loadtest.errors import ScenarioError
from loadtest.scenario.problems import nearest
from loadtest.scenario.shipped import EDITOR_COMMENT, shipped_folder

__all__ = ["Choices", "check_name", "check_simulated", "shipped_models", "shipped_scripts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a scenario is made of. Raises ScenarioError for what does not go together."""

    name: str = "mine"
    livekit: Literal["embedded", "external"] = "embedded"
    livekit_host: str | None = None
    """Of the external server, if it is known and not loopback."""
    agent: Literal["reference", "command", "external"] = "reference"
    command: tuple[str, ...] = ()
    agent_name: str = "my-agent"
    dial: Literal["by_tester", "by_agent"] = "by_tester"
    endpoint: Literal["simulated", "google"] = "simulated"
    models: tuple[str, ...] = field(default_factory=lambda: shipped_models()[:2])
    """One arm each."""
    calls: int = 12
    """To each arm."""
    per_minute: float = 3.0
    """Calls due at the peak, all arms together."""
    script: str = "appointment"

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.agent == "external" and self.livekit == "embedded":
            raise _unfit("a LiveKit server of yours, if the agent is registered already", "--livekit external")
        if self.agent == "external" and self.endpoint == "simulated":
            raise _unfit("no simulated endpoint: an agent that runs already uses its own", "--endpoint google")
        if self.agent == "command" and not (self.command and self.command[0]):
            raise _unfit("a command to start the agent with", '--command "python my_agent.py start"')
        if self.command and self.agent != "command":
            raise _unfit("no command for an agent that the run does not start by one", "--agent command")
        if self.agent != "reference" and not self.agent_name.strip():
            raise _unfit("the name under which the agent registers", "--agent-name NAME")
        if self.dial == "by_agent" and self.agent != "command":
            raise _unfit("an agent that the run starts, if it is to dial", '--agent command --command "..."')
        for model in self.models if self.endpoint == "simulated" else ():
            check_simulated(model)
        if self.script not in shipped_scripts():
            close = nearest(self.script, tuple(shipped_scripts()))
            raise ScenarioError(
                f'expected one of the shipped scripts {", ".join(shipped_scripts())}; found "{self.script}"',
                remedy=f"Did you mean {close}?" if close else "Choose one; the scenario can name your own later.",
            )


def check_name(name: str) -> str:
    """The name. Raises ScenarioError unless a scenario can be called that."""
    if not re.fullmatch("[a-z0-9][a-z0-9_-]{0,39}", name):
        raise ScenarioError(
            f'expected a name of at most 40 small letters, digits, - and _; found "{name}"',
            remedy="It names the results folders: choose one that is fit for that.",
        )
    return name


def check_simulated(model: str) -> str:
    """The model. Raises ScenarioError unless there is a simulated endpoint of the model."""
    if model not in shipped_models():
        close = nearest(model, shipped_models())
        raise ScenarioError(
            f'expected a model with a shipped endpoint profile: {", ".join(shipped_models())}; found "{model}"',
            remedy=f"Did you mean {close}?" if close else "Say --endpoint google, or write a profile of it.",
        )
    return model


def _unfit(expected: str, option: str) -> ScenarioError:
    return ScenarioError(f"expected {expected}", remedy=f"Say {option}.")


def shipped_models() -> tuple[str, ...]:
    """The models of which there is a simulated endpoint."""
    return _names("endpoints")


def shipped_scripts() -> dict[str, str]:
    """The scripts that a scenario can name without having one of its own, and what is said of each in a line."""
    return {name: _first_words(shipped_folder() / "scripts" / f"{name}.yaml") for name in _names("scripts")}


def _names(folder: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (shipped_folder() / folder).glob("*.yaml")))


def _first_words(script: Path) -> str:
    """The first sentence of the comment that it begins with."""
    lines = script.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.removeprefix("#").strip() for line in comment if not line.startswith(EDITOR_COMMENT))
    return text.partition(".")[0].partition(":")[0]
