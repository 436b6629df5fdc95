"""The list of decisions."""

from __future__ import annotations

from pathlib import Path

__all__ = ["decisions_page"]


def decisions_page(folder: Path) -> str:
    """A link to each, by its own title."""
    lines = ["# Decisions", "", "What was decided, why, and what else was thought of.", ""]
    for path in sorted(folder.glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
