"""The scenarios that come with loadtest: scripts, audio and endpoint profiles for everybody's scenarios."""

from __future__ import annotations

import os.path
from functools import cache
from pathlib import Path

import loadtest

__all__ = ["EDITOR_COMMENT", "shipped", "shipped_folder", "shipped_scenarios"]

EDITOR_COMMENT = "# yaml-language-server: $schema="
"""Begins the line by which an editor finds the schema of a YAML file; a path or URL follows."""


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


def shipped_scenarios() -> dict[str, Path]:
    """File by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}
