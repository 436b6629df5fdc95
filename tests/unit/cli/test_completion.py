"""Completion as shells have it: what `--help` says to evaluate is evaluated, and asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from loadtest.cli import EPILOG, cli

BIN = Path(sys.executable).parent
README = Path(__file__).parents[3] / "README.md"
ASK = """
COMP_WORDS=({words})
COMP_CWORD={position}
"$(complete -p loadtest | sed -E 's/.*-F ([^ ]+).*/\\1/')" loadtest
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def line_in(text: str) -> str:
    (line,) = re.findall(r'eval "\$\(_LOADTEST_COMPLETE=bash_source loadtest\)"', text)
    return str(line)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("loadtest pl", ["plan"]),
        ("loadtest example sm", ["smoke"]),
        ("loadtest export --form", ["--format"]),
        ("loadtest export --format b", ["benchstat"]),
    ],
)
def test_bash_completes_by_the_line_that_help_tells(words: str, offered: list[str]) -> None:
    line = line_in(EPILOG)
    assert line_in(README.read_text()) == line
    script = line + ASK.format(words=words, position=len(words.split()) - 1)
    shell = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )
    assert shell.stderr == ""
    assert shell.stdout.split() == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(shell: str) -> None:
    found = get_completion_class(shell)
    assert found is not None
    source = found(cli, {}, "loadtest", "_LOADTEST_COMPLETE").source()
    assert f"_LOADTEST_COMPLETE={shell}_complete" in source
