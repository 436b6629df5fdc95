"""`make finding`: two comparisons whose truth is known, and what was found; writes docs/first-finding.md, the example
report and its picture. Exits with 1 if a true effect lies outside its interval, or equals are told apart.

python -m tests.finding [--preview RUN] [--equal RUN] [--docs DIR]      a RUN that is given is not dialled again
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import ViewportSize, sync_playwright

from loadtest.analyse.compare.result import Choice, Comparison, MetricResult, Verdict
from loadtest.jobs.compare import compare_runs
from loadtest.jobs.report import make_report
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo
from loadtest.report.comparison_markdown import comparison_markdown
from loadtest.report.comparison_words import difference
from tests.browser import FLAGS, find_browser
from tests.e2e.harness import REPOSITORY, run_shown

TRUTH: Final = {"rate_1011": 4.0, "reply_latency_p95": 1.15}
"""Preview over GA, as scenarios/compare_preview_ga.yaml says of its endpoint profiles."""
PICTURE: Final[ViewportSize] = {"width": 1180, "height": 1000}


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold two comparisons against what is true.")
    parser.add_argument("--preview", type=Path, metavar="RUN", help="of scenarios/compare_preview_ga.yaml")
    parser.add_argument("--equal", type=Path, metavar="RUN", help="of scenarios/compare_equal.yaml")
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs")
    options = parser.parse_args()
    preview = RunFolder(options.preview) if options.preview else _run("compare_preview_ga")
    equal = RunFolder(options.equal) if options.equal else _run("compare_equal")
    found, none = compare_runs([preview]), compare_runs([equal])
    report = make_report(preview.path, options.docs / "example-report.html").path
    _picture(report, options.docs / "images" / "example-report.png")
    wrong = [*_missed(found), *_told_apart(none)]
    (options.docs / "first-finding.md").write_text(_page(found, none, RunInfo.read(preview)))
    sys.stderr.write("".join(f"{text}\n" for text in (report, options.docs / "first-finding.md", *wrong)))
    return 1 if wrong else 0


def _run(scenario: str) -> RunFolder:
    code, folder = run_shown(REPOSITORY / "scenarios" / f"{scenario}.yaml", REPOSITORY / "results")
    if code not in {0, 3, 4} or folder is None:
        sys.exit(f"the run of {scenario} failed: exit code {code}")
    return folder


def _missed(comparison: Comparison) -> Iterator[str]:
    """True effects that the intervals do not hold, and a comparison that is not valid."""
    yield from _invalid(comparison)
    (candidate,) = comparison.candidates.values()
    for metric in candidate.metrics:
        if metric.metric in TRUTH and not _holds(metric):
            yield f"{metric.metric}: the truth, {TRUTH[metric.metric]}, is not in {difference(metric, metric.effect)}"
    if candidate.choice is Choice.ADOPT:
        yield f"the worse candidate was adopted: {candidate.sentence}"


def _told_apart(comparison: Comparison) -> Iterator[str]:
    """Differences between equals."""
    yield from _invalid(comparison)
    (candidate,) = comparison.candidates.values()
    for metric in candidate.metrics:
        if metric.verdict in {Verdict.SUPERIOR, Verdict.INFERIOR}:
            yield f"{metric.metric}: equals, and found {metric.verdict}: {difference(metric, metric.effect)}"


def _invalid(comparison: Comparison) -> Iterator[str]:
    yield from (f"{comparison.scenario}: {gate.text}" for gate in comparison.gates if not gate.passed)


def _holds(metric: MetricResult) -> bool:
    interval, truth = metric.effect.interval, TRUTH[metric.metric]
    return interval is not None and interval.low <= truth and (interval.high is None or truth <= interval.high)


def _picture(report: Path, path: Path) -> None:
    browser = find_browser()
    if browser is None:
        sys.exit("no Chromium: run `make browser`")
    with sync_playwright() as playwright:
        shown = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = shown.new_page(viewport=PICTURE)
        page.goto(report.resolve().as_uri())
        page.wait_for_load_state("networkidle")
        page.screenshot(path=path)
        shown.close()


def _page(found: Comparison, none: Comparison, info: RunInfo) -> str:
    (preview,) = found.candidates.values()
    lines = [
        "# The first finding",
        "",
        "<!-- Written by `make finding`. Do not edit: run it again. -->",
        "",
        "Two comparisons between simulated endpoints of which the truth is known. They show what the tool can see, and",
        "nothing about Google's models: the delays and closes are made up, everything else is real.",
        "",
        f"{info.started_utc[:10]}; {info.host['cores']} cores; "
        f"{', '.join(f'{name} {version}' for name, version in info.versions.items())}",
        "",
        "## A candidate that closes four times as often, and whose p95 is 15 % longer",
        "",
        "| candidate / control | true | found | holds the truth |",
        "|---|--:|---|---|",
        *(
            f"| {metric.title} | × {TRUTH[metric.metric]:.2f} | {difference(metric, metric.effect)} | "
            f"{'yes' if _holds(metric) else '**no**'} |"
            for metric in preview.metrics
            if metric.metric in TRUTH
        ),
        "",
        "`loadtest run scenarios/compare_preview_ga.yaml`, then `loadtest compare --markdown`:",
        "",
        comparison_markdown(found),
        "[The report](example-report.html) of this run is one page, with its charts, calls and their sound.",
        "",
        "![The report of a rehearsal: the verdict, and what it costs to be wrong](images/example-report.png)",
        "",
        "## The same endpoint twice",
        "",
        "`loadtest run scenarios/compare_equal.yaml`, then `loadtest compare --markdown`:",
        "",
        comparison_markdown(none),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
