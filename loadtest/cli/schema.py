"""`loadtest schema`."""

from __future__ import annotations

import json

import click

from loadtest.errors import ExitCode

__all__ = ["schema"]

EPILOG = """\b
Examples:
  loadtest schema > scenario.schema.json
  loadtest schema script > script.schema.json
  loadtest schema comparison > comparison.schema.json

\b
An editor with a YAML language server then completes and checks a scenario that begins with
  # yaml-language-server: $schema=scenario.schema.json

`loadtest validate` knows more: the files that are named, and what fits together.
"""


@click.command(epilog=EPILOG)
@click.argument("what", type=click.Choice(["scenario", "script", "endpoint", "comparison"]), default="scenario")
def schema(what: str) -> ExitCode:
    """Print the JSON Schema (draft 2020-12) of scenarios, scripts, endpoint profiles, or of what `compare` writes."""
    from loadtest.scenario.json_schema import json_schema

    if what == "comparison":
        from loadtest.report.comparison_object import comparison_schema

        made = comparison_schema()
    else:
        made = json_schema(what)
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
    return ExitCode.OK
