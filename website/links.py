"""Links of a page as it stands in the repository, as they have to be in the site."""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["rewrite"]

LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE: Final = re.compile(r"^\s*(```|~~~)")
CODE: Final = re.compile(r"(`+)(?:.*?[^`])?\1(?!`)")


def rewrite(markdown: str, source: str, page: str, pages: Mapping[str, str], root: Path) -> str:
    """The text of `source`, a path in the repository, as the page `page` of the site.

    pages: page of the site by path in the repository. What is in the repository and not in the site is named instead of
    linked; what is nowhere stays as it is.
    """
    lines, fenced = [], False
    for line in markdown.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        lines.append(line if fenced else _line(line, source, page, pages, root))
    return "\n".join(lines) + "\n"


def _line(line: str, source: str, page: str, pages: Mapping[str, str], root: Path) -> str:
    code = [match.span() for match in CODE.finditer(line)]

    def replace(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        path, _, anchor = target.partition("#")
        if not path or ":" in path or any(start < match.start() < end for start, end in code):
            return match.group()
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if wanted in pages:
            to = posixpath.relpath(pages[wanted], posixpath.dirname(page) or ".")
            return f"{image}[{text}]({to}{'#' + anchor if anchor else ''})"
        if not image and os.path.lexists(root / wanted):
            return text if wanted in text else f"{text} (`{wanted}`)"
        return match.group()

    return LINK.sub(replace, line)
