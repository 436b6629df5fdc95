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

DISASTERS = ("tests/e2e/test_bad_days.py", "tests/e2e/test_bad_days_second.py")
"""Many stacks at once, and nothing that depends on how quick the machine is: at the end, one after the other."""
UNMOVED = (
    "tests/e2e/plugin/test_plugin.py",
    "tests/e2e/test_probe.py",
    "tests/e2e/test_doctor.py",
    "tests/e2e/test_stack.py",
    "tests/e2e/test_refused.py",
    "tests/e2e/test_tokens.py",
)
"""End to end, yet without conversations, so that they may run beside some."""


def _unit_of_work(nodeid: str) -> str:
    """What one worker does as a whole: a file, as its tests share runs; all conversations; all disasters."""
    file = nodeid.partition("::")[0]
    if file in DISASTERS:
        return "disasters"
    return "conversations" if file.startswith("tests/e2e/") and file not in UNMOVED else file


def _place(nodeid: str) -> int:
    """Conversations take the longest; beside them, what takes one core; then what takes all that there is."""
    unit = _unit_of_work(nodeid)
    return {"conversations": 0, "disasters": 3}.get(unit, 1 if unit.startswith("tests/unit/") else 2)


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
