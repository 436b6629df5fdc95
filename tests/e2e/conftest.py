"""What all end-to-end tests need: livekit-server, or a plain word that it is missing."""

from __future__ import annotations

import pytest

from loadtest.errors import StackError
from loadtest.stack.install import find_server


@pytest.fixture(scope="session", autouse=True)
def livekit_server() -> None:
    """Nothing here is skipped without a server: a test that does not run proves nothing."""
    try:
        find_server()
    except StackError as error:
        pytest.fail(f"end-to-end tests need livekit-server: {error}", pytrace=False)
