"""`loadtest faults`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from loadtest.scenario.catalogue import FaultKind

__all__ = ["faults"]

EPILOG = """\b
Examples:
  loadtest faults
  loadtest faults F8
  loadtest faults --json | jq '.[] | [.number, .summary]'

\b
A fault is switched on in an endpoint profile, or in an arm of a scenario whose endpoint is one:
  arms:
    preview:
      endpoint: {profile: endpoints/gemini-3.1-flash-live-preview.yaml}
      faults: [{fault: F1, per_turn: 0.01}]
"""
COLUMNS = ("fault", "what the client sees", "triggers", "source")


def _complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from loadtest.scenario.catalogue import FAULTS

    return [
        CompletionItem(number, help=kind.summary)
        for number, kind in FAULTS.items()
        if number.lower().startswith(incomplete.lower())
    ]


@click.command(epilog=EPILOG)
@click.argument("number", metavar="[FAULT]", required=False, shell_complete=_complete)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON on standard output.")
def faults(number: str | None, as_json: bool) -> ExitCode:
    """List what a simulated endpoint can do to a call; with FAULT, such as F8, tell all about that one."""
    from loadtest.cli.table import show_table
    from loadtest.errors import ScenarioError
    from loadtest.scenario.catalogue import FAULTS

    if number is None:
        if as_json:
            _print_json([_plain(kind) for kind in FAULTS.values()])
        else:
            rows = [(kind.number, kind.summary, " ".join(kind.triggers), kind.source) for kind in FAULTS.values()]
            show_table(COLUMNS, rows, text=COLUMNS, wrapped=COLUMNS[1:3])
        return ExitCode.OK
    kind = FAULTS.get(number.upper())
    if kind is None:
        raise ScenarioError(
            f'expected a fault from {next(iter(FAULTS))} to {list(FAULTS)[-1]}; found "{number}"',
            remedy="`loadtest faults` lists them.",
        )
    if as_json:
        _print_json(_plain(kind))
    else:
        _tell(kind)
    return ExitCode.OK


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _plain(kind: FaultKind) -> dict[str, Any]:
    from loadtest.scenario.faults import Fault, examples

    return {
        "number": kind.number,
        "summary": kind.summary,
        "source": kind.source,
        "triggers": list(kind.triggers),
        "required": list(kind.required),
        "settings": {name: Fault.model_fields[name].default for name in kind.settings},
        "variants": dict(kind.variants),
        "examples": examples(kind),
    }


def _tell(kind: FaultKind) -> None:
    from loadtest.scenario.faults import NARROWED_BY, Fault, examples

    def meaning(name: str) -> str:
        return " ".join((Fault.model_fields[name].description or "").split())

    click.echo(f"{click.style(kind.number, bold=True)}  {kind.summary}")
    click.echo(f"Known from: {kind.source}")
    settings = {f"{name} ({Fault.model_fields[name].default:g})": meaning(name) for name in kind.settings}
    sections = (
        ("Set off by exactly one of", {name: meaning(name) for name in kind.triggers}),
        ("Needs", {name: meaning(name) for name in kind.required}),
        ("Settings, with their defaults", settings),
        ("Variants, drawn when none is named", dict(kind.variants)),
        ("Narrowed by", {name: meaning(name) for name in NARROWED_BY if name not in kind.required}),
    )
    for title, told in sections:
        if told:
            click.echo(f"\n{title}:")
            width = max(map(len, told))
            for name, text in told.items():
                click.echo(f"  {name:{width}}  {text}")
    click.echo("\nFor example one of:\n  faults:")
    for entry in examples(kind):
        click.echo(f"    - {{{', '.join(f'{name}: {_yaml(value)}' for name, value in entry.items())}}}")


def _yaml(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)
