"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# The same examples every time: a test that fails now fails again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
