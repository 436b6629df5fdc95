"""The value of `--agent-log`: files, or what is piped in."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from loadtest.errors import RecordError

__all__ = ["named_logs", "piped_in"]


def named_logs(paths: Iterable[Path]) -> list[Path]:
    """The logs that were named, `-` as standard input. Raises BadParameter at one that is no log."""
    return [piped_in("--agent-log") if str(path) == "-" else _file(path) for path in paths]


def piped_in(parameter: str) -> Path:
    """Standard input. Raises BadParameter if it is a terminal."""
    if sys.stdin.isatty():
        raise click.BadParameter("nothing is piped in: `agent ... | loadtest ...`", param_hint=parameter)
    from loadtest.jobs.agent_pipe import STANDARD_INPUT

    return STANDARD_INPUT


def _file(path: Path) -> Path:
    from loadtest.record.agent_log.lines import file_chunks, lines

    try:
        if path.is_file():  # a pipe is read once
            next(lines(file_chunks(path), str(path)), None)
    except RecordError as e:
        raise click.BadParameter(f"{e.message}. {e.remedy}", param_hint="--agent-log") from e
    return path
