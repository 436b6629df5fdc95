"""Exit codes and errors, from the tree of errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from loadtest.cli import EPILOG
from loadtest.errors import ExitCode, LoadtestError
from website.markdown import NOTICE, table

__all__ = ["errors_page"]


def errors_page() -> str:
    """What the process tells its caller, and what can go wrong."""
    return "".join(
        [
            "# Exit codes and errors\n\n",
            f"{NOTICE}\n\n",
            "## Exit codes\n\n",
            table(("code", "name", "meaning"), ((str(int(c)), f"`{c.name}`", _meaning(c)) for c in ExitCode)),
            "3 comes before 4: a threshold that was held against invalid figures says nothing.\n\n",
            "## Errors\n\n",
            "Every error that a user can meet says in its message what happened, and in its remedy what to do ",
            "about it.\n\n",
            table(("error", "is a", "exit", "when"), _errors(LoadtestError)),
        ]
    )


def _meaning(code: ExitCode) -> str:
    """As `loadtest --help` says it."""
    found = re.search(rf"^  {int(code)}\s+(.+)$", EPILOG, flags=re.MULTILINE)
    assert found is not None, f"`loadtest --help` does not say what exit code {int(code)} means"
    return found.group(1)


def _errors(kind: type[LoadtestError]) -> Iterator[tuple[str, str, str, str]]:
    above = kind.__mro__[1].__name__ if kind is not LoadtestError else ""
    told = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    yield f"`{kind.__name__}`", f"`{above}`" if above else "", str(int(kind.exit_code)), told
    for below in kind.__subclasses__():
        yield from _errors(below)
