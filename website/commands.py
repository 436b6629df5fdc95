"""What every command says of itself."""

from __future__ import annotations

from collections.abc import Iterator

import click

from loadtest.cli import cli
from website.markdown import NOTICE

__all__ = ["commands_page"]

WIDTH = 80


def commands_page() -> str:
    """A section a command, subcommands included, with its `--help`."""
    context = click.Context(cli, info_name="loadtest", terminal_width=WIDTH, max_content_width=WIDTH)
    told = f"{NOTICE} [What loadtest can do](../commands.md) tells it by task."
    return "".join([f"# Commands\n\n{told}\n\n", *_group(cli, context)])


def _group(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=context)
        yield f"## {below.command_path}\n\n```text\n{command.get_help(below)}\n```\n\n"
        if isinstance(command, click.Group):
            yield from _group(command, below)
