"""The scenarios that come with loadtest: scripts, audio and endpoint profiles for everybody's scenarios."""

from __future__ import annotations

import os.path
from functools import cache
from pathlib import Path

import loadtest

__all__ = ["shipped", "shipped_folder"]


@cache
def shipped_folder() -> Path:
    """Where they are: in the installed package, or in the checkout that is worked on."""
    package = Path(loadtest.__file__).parent
    installed = package / "shipped"
    return installed if installed.is_dir() else package.parent / "scenarios"


def shipped(named: str) -> Path | None:
    """Where a relative path leads among them, whether or not there is anything; None if it leads out of them."""
    inside = Path(os.path.normpath(named))
    return None if inside.is_absolute() or ".." in inside.parts else shipped_folder() / inside
