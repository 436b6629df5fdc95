"""What a summary says, in order: sections of rows with one cell an arm. Terminal and Markdown print the same."""

from __future__ import annotations

from loadtest.errors import ExitCode
from loadtest.report import words
from loadtest.report.barge_in_section import barge_in_section
from loadtest.report.cost_section import cost_section
from loadtest.report.endpoint_sections import calls_section, closes_section, latency_section, losses_section
from loadtest.report.label_section import labels_section
from loadtest.report.rows import BAD, Row, Section, outside_text
from loadtest.report.tester_sections import tester_section, thresholds_section
from loadtest.report.view import ArmSummary, Summary, exit_code

__all__ = ["arm_heading", "next_steps", "run_facts", "sections", "validity_line"]


def run_facts(summary: Summary) -> str:
    """What the figures rest on."""
    analysis = "" if summary.analysis_version is None else f" · analysis {summary.analysis_version}"
    return f"{summary.state} · {summary.blocks} blocks · seed {summary.seed}{analysis}"


def validity_line(summary: Summary) -> str:
    """Whether the figures can be used."""
    if not summary.valid:
        return f"INVALID: {'; '.join(summary.invalid_because)}"
    return "valid: the tester was well enough for these figures to speak of the endpoints"


def sections(summary: Summary) -> tuple[Section, ...]:
    """All sections, in the order of reading."""
    found = [
        calls_section(summary),
        latency_section(summary),
        closes_section(summary),
        losses_section(summary),
        tester_section(summary),
    ]
    found[-1:-1] = [more for more in (labels_section(summary), barge_in_section(summary)) if more is not None]
    if summary.usage:
        found.append(cost_section(summary))
    if summary.thresholds:
        found.append(thresholds_section(summary))
    if summary.warnings:
        found.append(
            Section(
                "warnings", tuple(Row("", (outside_text(text),), spans=True, tone=BAD) for text in summary.warnings)
            )
        )
    return tuple(found)


def next_steps(summary: Summary) -> tuple[str, ...]:
    """Where to look, and what to do."""
    steps = []
    code = exit_code(summary)
    if summary.ended_early is not None:
        steps.append(f"{_sentence(summary.ended_early)} What was measured until then is all there is.")
    elif code is ExitCode.INVALID:
        steps.append("Don't use these figures. Free the machine or lower the load (cap, arrivals), then run again.")
    elif code is ExitCode.THRESHOLD_FAILED:
        steps.append("A threshold does not hold (exit 4): see above.")
    gap = summary.longest_gap
    if gap is not None and gap.recording is not None:
        steps.append(
            f"Listen to the longest silence ({words.duration(gap.gap_ms)}, {gap.cause}, {gap.arm}): {gap.recording}"
        )
    if code is ExitCode.OK and summary.kind == "rehearsal":
        steps.append("The rehearsal went well: run it with --live for figures of Google's endpoints.")
    return tuple(steps)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def arm_heading(name: str, arm: ArmSummary) -> tuple[str, ...]:
    """Name, model (and generation of the plugin) and endpoint of an arm."""
    model = arm.model if arm.plugin is None else f"{arm.model}, plugin {arm.plugin}"
    return name, model, f"{arm.api} API, endpoint: {arm.endpoint}"
