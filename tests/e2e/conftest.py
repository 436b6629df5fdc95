"""What all end-to-end tests need: livekit-server, or a plain word that it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadtest.errors import StackError
from loadtest.stack.install import find_server
from tests.browser import ELSEWHERE, FLAGS, find_browser
from tests.e2e.theirs import theirs

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session", autouse=True)
def livekit_server() -> None:
    """Nothing here is skipped without a server: a test that does not run proves nothing."""
    try:
        find_server()
    except StackError as error:
        pytest.fail(f"end-to-end tests need livekit-server: {error}", pytrace=False)


@pytest.fixture(scope="session")
def their_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the agent `theirs` leaves its log, logs/agent-theirs.log."""
    return tmp_path_factory.mktemp("theirs")


@pytest.fixture(scope="session")
def their_livekit(livekit_server: None, their_folder: Path) -> Iterator[dict[str, str]]:
    """The environment that names a LiveKit server which is not a run's, at which the agent `theirs` is registered."""
    with theirs(their_folder) as environ:
        yield environ


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Nothing here is skipped without a browser: a test that does not run proves nothing."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        pytest.fail(f"no Chromium: run `make browser`. {ELSEWHERE}", pytrace=False)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(FLAGS), timeout=120_000)
        yield found
        found.close()
