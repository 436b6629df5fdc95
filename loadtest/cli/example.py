"""`loadtest example`."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from loadtest.errors import ExitCode

__all__ = ["example"]

EPILOG = """\b
Examples:
  loadtest example
  loadtest example smoke > mine.yaml && loadtest run mine.yaml

\b
Scripts, audio and endpoint profiles that a scenario names and that are not beside it come with loadtest.
"""


def _complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from loadtest.scenario.shipped import shipped_scenarios

    return [CompletionItem(name) for name in shipped_scenarios() if name.startswith(incomplete)]


@click.command(epilog=EPILOG)
@click.argument("name", required=False, shell_complete=_complete)
def example(name: str | None) -> ExitCode:
    """Print the shipped scenario of that NAME; without one, list them."""
    from loadtest.errors import ScenarioError
    from loadtest.scenario.problems import nearest
    from loadtest.scenario.shipped import EDITOR_COMMENT, shipped_scenarios
    from loadtest.scenario.yaml_source import read_source

    scenarios = shipped_scenarios()
    if name is None:
        sources = {each: read_source(path, []) for each, path in scenarios.items()}
        width = max(map(len, sources))
        for each, source in sources.items():
            click.echo(f"{each:{width}}  {source.data.get('description', '') if source else ''}".rstrip())
        return ExitCode.OK
    if name not in scenarios:
        close = nearest(name, tuple(scenarios))
        raise ScenarioError(
            f'expected one of the shipped scenarios {", ".join(scenarios)}; found "{name}"',
            remedy=f"Did you mean {close}?" if close else "`loadtest example` says what each of them is for.",
        )
    lines = scenarios[name].read_text(encoding="utf-8").splitlines(keepends=True)
    # Where the schema lies beside the shipped file there is nothing beside the copy.
    click.echo("".join(line for line in lines if not line.startswith(EDITOR_COMMENT)), nl=False)
    return ExitCode.OK
