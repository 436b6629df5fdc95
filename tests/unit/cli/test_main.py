"""What the command line promises: quick help, clear errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

import loadtest.cli
from loadtest.cli import COMMANDS, cli, main
from loadtest.errors import ExitCode, LoadtestError, ScenarioError

HEAVY = {"pydantic", "polars", "scipy", "livekit", "numpy", "aiohttp", "rich"}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom loadtest.cli import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "print('IMPORTED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Commands:" in output
    imported = set(output.rpartition("IMPORTED")[2].split())
    assert "click" in imported
    assert not imported & HEAVY


def test_help_lists_commands_exit_codes_and_completion() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output
    assert all(name in output for name in COMMANDS)
    assert "_LOADTEST_COMPLETE=bash_source" in output
    for code in ExitCode:
        assert f"\n    {code.value} " in output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_has_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: cli {name} " in result.output


def test_completion_offers_commands() -> None:
    completions = BashComplete(cli, {}, "loadtest", "_LOADTEST_COMPLETE").get_completions([], "p")
    assert [item.value for item in completions] == ["plan", "prune"]


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs `loadtest try` where `try` does what the test says; gives exit code and stderr."""

    def run(body: Callable[[], object], *args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["loadtest", *(args or ("try",))])
        monkeypatch.setattr(loadtest.cli.LazyGroup, "get_command", lambda *_: click.Command("try", callback=body))
        with pytest.raises(SystemExit) as exited:
            main()
        return int(exited.value.code or 0), capsys.readouterr().err

    return run


def _raise(error: BaseException) -> Callable[[], object]:
    def body() -> object:
        raise error

    return body


def test_a_command_sets_the_exit_code(run_command: Callable[..., tuple[int, str]]) -> None:
    assert run_command(lambda: ExitCode.INVALID) == (3, "")
    assert run_command(lambda: None) == (0, "")


def test_an_error_shows_message_then_remedy(run_command: Callable[..., tuple[int, str]]) -> None:
    code, shown = run_command(_raise(ScenarioError("peak.yaml:3: seed: not a number", remedy="Give a whole number.")))
    assert code == 2
    assert shown == "loadtest: peak.yaml:3: seed: not a number\n  Give a whole number.\n"
    assert run_command(_raise(LoadtestError("x", remedy="y")))[0] == 1


def test_usage_errors_exit_2(run_command: Callable[..., tuple[int, str]]) -> None:
    code, shown = run_command(lambda: None, "try", "--nonsense")
    assert code == 2
    assert "--nonsense" in shown


def test_interruption_exits_130(run_command: Callable[..., tuple[int, str]]) -> None:
    assert run_command(_raise(KeyboardInterrupt()))[0] == 130


def test_a_bug_says_so_in_one_line(
    run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOADTEST_DEBUG", raising=False)
    code, shown = run_command(_raise(ValueError("odd")))
    assert code == 1
    assert "this is a bug: ValueError: odd" in shown
    assert "Traceback" not in shown
    monkeypatch.setenv("LOADTEST_DEBUG", "1")
    assert "Traceback" in run_command(_raise(ValueError("odd")))[1]
