"""A night as short Markdown, for a chat, a pull request, or the page of a CI job."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.record.night import Night
from loadtest.report.markdown import escape
from loadtest.report.nightly_words import MARKS, figure_rows, heading, sentence, title, to_tell

__all__ = ["nightly_markdown"]


def nightly_markdown(night: Night) -> str:
    """The whole text, ending in a newline."""
    return "\n".join(_lines(night)).rstrip("\n") + "\n"


def _lines(night: Night) -> Iterator[str]:
    yield f"### {escape(title(night))} · {escape(heading(night))}"
    yield ""
    yield f"**{escape(night.sentence or sentence(night.checks))}**"
    yield ""
    for check in to_tell(night.checks):
        yield f"- {MARKS[check.result]}, {check.group}: **{escape(check.name)}**: {escape(check.text)}"
    yield ""
    head, *rows = figure_rows(night)
    if rows:
        yield f"| {' | '.join(escape(cell) for cell in head)} |"
        yield f"|---{'|--:' * (len(head) - 1)}|"
        for row in rows:
            yield f"| {' | '.join(escape(cell) for cell in row)} |"
        yield ""
    for note in night.notes:
        yield f"- {escape(note)}"
    yield ""
    yield f"<sub>{escape(night.run_id)} · exit code {night.exit_code}</sub>"
