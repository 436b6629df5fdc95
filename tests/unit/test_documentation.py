"""The README is short and lists every command; what pages tell to type exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from loadtest.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "probe" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ENDS = {"|", ">", "&&", ";", "||", ">>", "<"}


def test_the_readme_can_be_read_in_one_go() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    for image in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (ROOT / image).is_file()


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "commands.md"], ids=["README", "commands.md"])
def test_every_command_is_in_the_tables(page: Path) -> None:
    told = dict.fromkeys(re.findall(r"^\| `loadtest (\w+)", page.read_text(), flags=re.MULTILINE))
    assert set(told) == set(COMMANDS)


def lines_to_type(page: Path) -> Iterator[str]:
    """Commands in fenced blocks of no other language, and at the beginning of a row of a table."""
    language: str | None = None
    for line in page.read_text().replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            language = line.removeprefix("```") if language is None else None
        elif language in {"", "sh", "bash", "console"}:
            yield line.strip()
        elif language is None and (cell := re.match(r"\| `([^`]+)` \|", line)):
            yield cell[1]


def words_of(line: str) -> Iterator[list[str]]:
    """What each `loadtest` of a line is given."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>&;<")
    lexer.whitespace_split = True
    given: list[str] | None = None
    for word in [*lexer, ";"]:
        if set(word) <= set("|>&;<"):
            if given is not None:
                yield given
            given = None
        elif given is not None:
            given.append(word)
        elif Path(word).name == "loadtest":
            given = []


def typed() -> list[tuple[str, list[str]]]:
    return [
        (page.name, given)
        for page in PAGES
        for line in lines_to_type(page)
        if re.search(r"(^|[\s/])loadtest ", line)
        for given in words_of(line)
    ]


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Its own, and those of the command that a group runs if none is named."""
    for param in command.get_params(context):
        yield from (*param.opts, *param.secondary_opts)
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        yield from options(below, context)


def test_commands_and_options_that_pages_tell_to_type_exist() -> None:
    found = typed()
    assert len(found) > 60
    for page, given in found:
        command: click.Command = cli
        context = click.Context(cli, info_name="loadtest")
        rest = list(given)
        assert not rest or rest[0].startswith("-") or rest[0] in COMMANDS, f"{page}: there is no loadtest {rest[0]}"
        while isinstance(command, click.Group) and rest and rest[0] in command.list_commands(context):
            name = rest.pop(0)
            below = command.get_command(context, name)
            assert below is not None
            command, context = below, click.Context(below, info_name=name, parent=context)
        known = set(options(command, context))
        for word in rest:
            option = word.partition("=")[0]
            assert not option.startswith("--") or option in known, f"{page}: loadtest {' '.join(given)}: no {option}"
