"""What all tests share, and which of them may run side by side: `make test` has two workers (pytest-xdist)."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# The same examples every time: a test that fails now fails again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

HEAVY = (
    "tests/e2e/test_agents_that_dial.py",
    "tests/e2e/test_bad_days.py",
    "tests/e2e/test_bad_days_second.py",
    "tests/e2e/test_scripts.py",
)
"""Dozens of calls or many stacks at once, or audio that has to get through a bad line. They come first, with nothing
but unit tests beside them."""
BESIDE = (
    "tests/e2e/plugin/test_plugin.py",
    "tests/e2e/test_probe.py",
    "tests/e2e/test_external.py",
    "tests/e2e/test_generations.py",
    "tests/e2e/test_incident.py",
    "tests/e2e/test_live.py",
    "tests/e2e/test_nightly.py",
    "tests/e2e/test_two_lines.py",
    "tests/e2e/test_stack.py",
    "tests/e2e/test_doctor.py",
    "tests/e2e/test_refused.py",
    "tests/e2e/test_tokens.py",
    "tests/e2e/test_report_page.py",
    "tests/e2e/test_readme.py",
    "tests/e2e/test_packages.py",
)
"""End to end, and with so few calls that they may run beside the others, in this order."""


def _unit_of_work(nodeid: str) -> str:
    """What one worker does as a whole: all that is end to end and not to be beside its like, or a file."""
    file = nodeid.partition("::")[0]
    return "real stacks" if file.startswith("tests/e2e/") and file not in BESIDE else file


def _place(nodeid: str) -> int:
    """Real stacks take the longest. Beside the heavy ones is what minds no delay, beside the rest what takes little."""
    file = nodeid.partition("::")[0]
    if _unit_of_work(nodeid) == "real stacks":
        return 0 if file in HEAVY else 1
    return 3 + BESIDE.index(file) if file in BESIDE else 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which workers take units. One process alone keeps to that of the files."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _place(item.nodeid))


class ByUnitOfWork(LoadScopeScheduling):  # type: ignore[misc]  # it publishes no types
    def _split_scope(self, nodeid: str) -> str:
        return _unit_of_work(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByUnitOfWork:
    config.option.loadscopereorder = False  # it would put what has the most tests first, not what takes the longest
    return ByUnitOfWork(config, log)
