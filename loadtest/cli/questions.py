"""What `loadtest init` asks on a terminal, with a line of explanation each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

__all__ = ["ask", "words"]

T = TypeVar("T")


def ask(given: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """The choices that were given and those that the user makes; a question that has one answer is not asked.

    name: the scenario's, unless the user says another.
    """
    from loadtest.scenario.choices import check_name, shipped_models, shipped_scripts

    chosen = dict(given)

    def question(key: str, text: str, default: Any, kind: Any = str) -> None:
        if key not in given:
            chosen[key] = click.prompt(text, default=default, type=kind)

    def choice(key: str, text: str, options: Mapping[str, str]) -> None:
        if key in given:
            return
        if len(options) > 1:
            click.echo(f"\n{text}")
            for option, meaning in options.items():
                click.echo(f"  {option:12} {meaning}")
            chosen[key] = click.prompt("Which", default=next(iter(options)), type=click.Choice(list(options)))
        else:
            chosen[key] = next(iter(options))

    click.echo("A scenario says who is called, when, and what the callee does. Return takes what is in brackets.")
    if "name" not in given:
        chosen["name"] = _asked("Its name, which names its results folders, too", name, check_name)
    choice(
        "livekit",
        "Where is LiveKit?",
        {
            "embedded": "a LiveKit server is started for the run, on this machine",
            "external": "one of yours, by LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
        },
    )
    agents = {
        "reference": "the one that ships with loadtest: to try things out, or to compare models",
        "command": "yours, started by the run",
    }
    if chosen["livekit"] == "external":
        agents["external"] = "yours, which runs already and is registered with LiveKit"
    if "agent_name" in given:
        del agents["reference"]  # it has none
    choice("agent", "Which agent answers?", agents)
    if chosen["agent"] == "command" and "command" not in given:
        chosen["command"] = _asked("Its command", "python my_agent.py start", words)
    if chosen["agent"] != "reference":
        question("agent_name", "The agent_name under which it registers", "my-agent")
    if chosen["agent"] == "command":
        choice(
            "dial",
            "Who dials?",
            {
                "by_tester": "loadtest puts the callee into the room and calls the agent",
                "by_agent": "the agent calls create_sip_participant, as LiveKit's outbound example does",
            },
        )
    places = {
        "simulated": "on this machine, with made-up delays and faults: a rehearsal, free of charge",
        "google": "Google's own: real figures, which cost money",
    }
    if chosen["agent"] == "external":
        del places["simulated"]  # nobody could point it there
    choice("endpoint", "Where are the models?", places)
    if "models" not in given:
        chosen["models"] = _models(chosen["endpoint"], shipped_models())
    click.echo("\nHow many calls? A dozen to each arm is the least from which intervals of latencies are made.")
    question("calls", "Calls to each arm", 12, click.IntRange(1, 10_000))
    click.echo("A call lasts about a minute; two cores hold three at a time undisturbed.")
    question("per_minute", "Calls due in a minute at the peak, all arms", 3.0, click.FloatRange(0.01, 600))
    scripts = shipped_scripts()
    choice("script", "What does the callee say?", {"appointment": scripts.pop("appointment"), **scripts})
    return chosen


def _models(endpoint: str, shipped: Sequence[str]) -> tuple[str, ...]:
    if endpoint == "simulated":
        text, default = "Which models (an arm for each)?", " ".join(shipped[:2])
        click.echo(f"\n{text} There are simulated endpoints of {', '.join(shipped)}.")
    else:
        default = "gemini-3.8-live"
        click.echo("\nWhich models (an arm for each), by their ids without `models/`?")

    def models(text: str) -> tuple[str, ...]:
        from loadtest.scenario.choices import check_simulated

        named = tuple(text.replace(",", " ").split())
        return tuple(check_simulated(model) for model in named) if endpoint == "simulated" else named

    return _asked("Models", default, models)


def words(command: str) -> tuple[str, ...]:
    """Of a command line, as a shell would take them. Raises ScenarioError."""
    import shlex

    from loadtest.errors import ScenarioError

    try:
        found = tuple(shlex.split(command))
    except ValueError as error:
        raise ScenarioError(
            f"expected a command line; {error}, in {command}", remedy="Close the quotation marks."
        ) from error
    if not found or not found[0]:
        raise ScenarioError("expected a command line; found no program in it", remedy="Begin with the program's name.")
    return found


def _asked(text: str, default: str, parse: Callable[[str], T]) -> T:
    """The answer; asked again until it can be used."""
    from loadtest.errors import ScenarioError

    def value(answer: str) -> T:
        try:
            return parse(answer)
        except ScenarioError as error:
            raise click.UsageError(f"{error.message}\n  {error.remedy}") from error

    answer: T = click.prompt(text, default=default, value_proc=value)
    return answer
