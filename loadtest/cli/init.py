"""`loadtest init`."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from loadtest.scenario.choices import Choices

__all__ = ["init"]

EPILOG = """\b
Examples:
  loadtest init
  loadtest init mine.yaml --agent command --command "python my_agent.py start" --agent-name my-agent
  loadtest init live.yaml --endpoint google --model gemini-3.8-live --calls 20 --per-minute 2

\b
On a terminal it asks for what no option says; elsewhere, and with --yes, that takes its default.
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=Path("loadtest.yaml"))
@click.option("--name", help="Of the scenario and its results folders.")
@click.option("--livekit", type=click.Choice(["embedded", "external"]), help="Start a LiveKit server, or use yours.")
@click.option("--agent", type=click.Choice(["reference", "command", "external"]), help="Who answers the callee.")
@click.option("--command", help="What starts your agent, as one text.")
@click.option("--agent-name", help="The agent_name under which your agent registers.")
@click.option("--dial", type=click.Choice(["by_tester", "by_agent"]), help="Who dials.")
@click.option("--endpoint", type=click.Choice(["simulated", "google"]), help="Where the models are.")
@click.option("--model", "models", multiple=True, help="A Gemini Live model, an arm for each. Repeatable.")
@click.option("--calls", type=click.IntRange(1, 10_000), help="Calls to each arm.")
@click.option("--per-minute", type=click.FloatRange(0.01, 600), help="Calls due in a minute at the peak, all arms.")
@click.option("--script", help="A script that comes with loadtest.")
@click.option("--force", is_flag=True, help="Replace FILE.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
def init(file: Path, *, force: bool, yes: bool, **options: Any) -> ExitCode:
    """Write a commented scenario into FILE (default: loadtest.yaml)."""
    from loadtest.scenario.starter import SCHEMA_FILE, scenario_text

    _refuse_to_replace(file, force)
    given = {name: value for name, value in options.items() if value not in (None, ())}
    chosen = _choices(file, given, interactive=not yes and _on_a_terminal())
    text = scenario_text(chosen)
    _check(file, text)
    _write(file, text)
    schema = file.parent / SCHEMA_FILE
    if not schema.exists() or _is_ours(schema):
        _write(schema, _schema_text())
    _say_what_next(file, chosen)
    return ExitCode.OK


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _check(file: Path, text: str) -> None:
    """What cannot be a scenario is not written, whatever the choices were."""
    from loadtest.scenario.models import Scenario
    from loadtest.scenario.problems import Problem, ScenarioProblems
    from loadtest.scenario.validate import validate
    from loadtest.scenario.yaml_source import parse_source

    problems: list[Problem] = []
    source = parse_source(text.encode(), f"{file} (not written)", problems)
    if source is not None:
        validate(Scenario, source, problems)
    if problems:
        raise ScenarioProblems(problems, scenario=str(file))


def _refuse_to_replace(file: Path, force: bool) -> None:
    from loadtest.errors import ScenarioError

    if file.exists() and not file.is_file():
        raise ScenarioError(f"{file}: is no ordinary file", remedy="Name another file.")
    if file.exists() and not force:
        raise ScenarioError(f"{file}: exists already", remedy="Name another file, or replace it with --force.")
    if not file.parent.is_dir():
        raise ScenarioError(f"{file}: there is no folder {file.parent}", remedy="Make the folder, or name another.")


def _choices(file: Path, given: dict[str, Any], *, interactive: bool) -> Choices:
    from loadtest.cli.questions import ask, words
    from loadtest.errors import ScenarioError
    from loadtest.scenario.choices import Choices

    if "command" in given:
        given["command"] = words(given["command"])
        given.setdefault("agent", "command")
    if given.get("agent") == "external":
        given.setdefault("livekit", "external")
        given.setdefault("endpoint", "google")
    if interactive:
        given = ask(given, name=_name_from(file))
    if "agent_name" in given and given.get("agent", "reference") == "reference":
        raise ScenarioError(
            "expected no --agent-name for the agent that ships with loadtest",
            remedy="Say --agent command or --agent external, or leave --agent-name out.",
        )
    given.setdefault("name", _name_from(file))
    if given.get("livekit") == "external":
        given["livekit_host"] = _foreign_host(os.environ.get("LIVEKIT_URL", ""))
    known = {each.name for each in dataclasses.fields(Choices)}
    if "models" not in given and given.get("endpoint") == "google":
        given["models"] = ("gemini-3.8-live",)
    return Choices(**{name: value for name, value in given.items() if name in known})


def _name_from(file: Path) -> str:
    letters = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in file.stem.lower())
    name = letters.strip("-_")[:40]
    return name if name and name != "loadtest" else "mine"


def _foreign_host(url: str) -> str | None:
    """The host of LIVEKIT_URL, if calls to it have to be permitted."""
    from urllib.parse import urlsplit

    from loadtest.scenario.hosts import is_loopback

    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host if host and not is_loopback(host) else None


def _is_ours(schema: Path) -> bool:
    """Written by this command, perhaps of another version, which knew other keys."""
    return '"title": "loadtest scenario"' in schema.read_text(errors="replace")


def _schema_text() -> str:
    import json

    from loadtest.scenario.json_schema import json_schema

    return json.dumps(json_schema("scenario"), indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    from loadtest.errors import RecordError, ScenarioError
    from loadtest.record.writer import write_atomically

    try:
        write_atomically(path, text.encode())
    except RecordError as error:
        raise ScenarioError(error.message, remedy="Name a file in a folder that you may write to.") from error


def _say_what_next(file: Path, chosen: Choices) -> None:
    shown = shlex.quote(str(file))
    click.echo(f"{file} is written. What next:")
    steps = [
        (f"loadtest validate {shown}", "whatever you change, says what is wrong with it"),
        (f"loadtest plan {shown}", "every call, and how long it will take; dials nothing"),
        (f"loadtest doctor {shown}", "is everything there that the run needs?"),
        (f"loadtest run {shown}", "dials, measures, reports"),
    ]
    width = max(len(command) for command, _ in steps)
    for command, meaning in steps:
        click.echo(f"  {command:{width}}  {meaning}")
    needed = ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"] if chosen.livekit == "external" else []
    needed += ["GOOGLE_API_KEY"] if chosen.endpoint == "google" and chosen.agent != "external" else []
    missing = [name for name in needed if not os.environ.get(name)]
    if missing:
        click.echo(f"Before the run, export {', '.join(missing)}.")
