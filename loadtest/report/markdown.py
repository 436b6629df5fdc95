"""The summary as Markdown, for a pull request or a CI job's page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from loadtest.report.rows import Section
from loadtest.report.sections import arm_heading, next_steps, run_facts, sections, validity_line
from loadtest.report.view import Summary
from loadtest.report.words import headline

__all__ = ["escape", "markdown"]

_MARKUP: Final = re.compile(r"[\\`*~$|]|(?<![^\W_])_|_(?![^\W_])|(?<=\])\(|!(?=\[)|(?<=:)//|(?<=www)\.")


def escape(text: str) -> str:
    """`text` as Markdown that reads as it stands: no markup, HTML, link, mention or second line can come of it."""
    one_line = re.sub(r"\s+", " ", text).replace("&", "&amp;")
    one_line = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", one_line)
    # A mention or an issue's number is found in the rendered text: only a space of no width keeps them apart.
    return _MARKUP.sub(lambda m: f"\\{m.group()}", one_line).replace("@", "@\u200b").replace("#", "#\u200b")


def markdown(summary: Summary) -> str:
    """The whole document, ending in a newline."""
    verdict = escape(validity_line(summary))
    lines = [
        f"# loadtest {escape(summary.scenario)} · {escape(headline(summary.kind))}",
        "",
        f"Run `{summary.run_id}` · {escape(run_facts(summary))}",
        "",
        f"**{verdict}**",
    ]
    arms = list(summary.arms)
    headings = {name: arm_heading(name, arm) for name, arm in summary.arms.items()}
    lines += ["", *(f"- {escape(n)}: {escape(model)}, {escape(endpoint)}" for n, model, endpoint in headings.values())]
    for section in sections(summary):
        lines += ["", *_section(section, arms)]
    lines += ["", *(f"- {escape(step)}" for step in next_steps(summary))]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Section, arms: list[str]) -> Iterable[str]:
    yield f"## {escape(section.title[0].upper() + section.title[1:])}"
    yield ""
    table = [row for row in section.rows if not row.spans]
    if table:
        yield f"| | {' | '.join(escape(arm) for arm in arms)} |"
        yield "|---" * (len(arms) + 1) + "|"
        for row in table:
            yield f"| {escape(row.label)} | {' | '.join(escape(cell) for cell in row.cells)} |"
    if table and len(table) < len(section.rows):
        yield ""
    for row in section.rows:
        if row.spans:
            yield f"- {escape(': '.join(part for part in (row.label, *row.cells) if part))}"
    if section.notes:
        yield ""
        yield " ".join(_note(note) for note in section.notes)


def _note(text: str) -> str:
    """Notes are our own words, but name arms; stars in them mark what must be read with the figure."""
    return "*".join(escape(part) for part in text.split("*"))
