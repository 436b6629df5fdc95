"""The command line: what each command is called, how errors reach the user, and the exit code.

Each command lives in a module of its own that is imported only when the command is used, so that `loadtest --help` and
shell completion stay quick. A command returns an `ExitCode`, or None for OK.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from importlib.metadata import version
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from loadtest.cli.streams import keep_writable
from loadtest.errors import ExitCode, LoadtestError
from loadtest.redact import own_redactor

__all__ = ["cli", "main"]

# Name: where the click command is, and what the list of commands says of it.
COMMANDS = {
    "run": ("loadtest.cli.run:run", "Dial the calls of a scenario, measure them, report."),
    "init": ("loadtest.cli.init:init", "Write a scenario of your own, by questions or options."),
    "example": ("loadtest.cli.example:example", "Print a scenario that comes with loadtest."),
    "validate": ("loadtest.cli.validate:validate", "Check a scenario and all that it names."),
    "plan": ("loadtest.cli.plan:plan", "Show every call that a scenario would place."),
    "doctor": ("loadtest.cli.doctor:doctor", "Look at all that a run needs, and say how to mend it."),
    "calibrate": ("loadtest.cli.calibrate:calibrate", "Hold this machine's measurements against known truths."),
    "nightly": ("loadtest.cli.nightly:nightly", "Run a scenario once a night, judge it, remember it, tell it."),
    "report": ("loadtest.cli.report:report", "Write what a run or a comparison found as one page."),
    "measure": ("loadtest.cli.measure:measure", "Rebuild tables and summary of a run from its recording."),
    "compare": ("loadtest.cli.compare:compare", "Say which arm of a run is better, by what was declared."),
    "gate": ("loadtest.cli.gate:gate", "Say in a pipeline whether a run is good enough."),
    "export": ("loadtest.cli.export:export", "Print what was measured for other programs."),
    "history": ("loadtest.cli.history:history", "Show how the figures of nights go on."),
    "prune": ("loadtest.cli.prune:prune", "Remove recordings of old runs; tables and edges stay."),
    "incident": ("loadtest.cli.incident:incident", "Say what logs of production tell, and write a rehearsal of it."),
    "faults": ("loadtest.cli.faults:faults", "List what a simulated endpoint can do to a call."),
    "schema": ("loadtest.cli.schema:schema", "Print the JSON Schema of scenarios, for editors."),
    "stack": ("loadtest.cli.stack:stack", "Provide the embedded LiveKit stack."),
}

EPILOG = """\b
Shell completion, for bash (zsh and fish likewise):
  eval "$(_LOADTEST_COMPLETE=bash_source loadtest)"

\b
Exit codes:
  0    fine
  1    the tool failed
  2    usage or scenario error
  3    the measurement is invalid
  4    a threshold does not hold, a candidate is rejected, or nightly confirms a change
  5    compare --require-verdict: not decided
  130  interrupted; results are kept
"""


class LazyGroup(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=short_help)
            for name, (_, short_help) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("loadtest"), prog_name="loadtest")
def cli() -> None:
    """Dial synthetic outbound calls into LiveKit rooms and measure what the person called would hear."""


def main() -> NoReturn:
    """The console script."""
    keep_writable()
    try:
        result = cli.main(prog_name="loadtest", standalone_mode=False)
    except LoadtestError as error:
        _complain(error.message)
        _say(f"  {error.remedy}")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # the last boundary: what nobody foresaw still gets a sentence
        _complain(f"this is a bug: {type(error).__name__}: {error}")
        if os.environ.get("LOADTEST_DEBUG"):
            _say(traceback.format_exc())
        else:
            click.echo("  Set LOADTEST_DEBUG=1 to see where, and report it with what you ran.", err=True)
        sys.exit(ExitCode.TOOL_FAILED)
    sys.exit(result if isinstance(result, int) else ExitCode.OK)


def _complain(message: str) -> None:
    _say(f"{click.style('loadtest:', fg='red', bold=True)} {message}")


def _say(text: str) -> None:
    click.echo(own_redactor(os.environ).text(text), err=True)
