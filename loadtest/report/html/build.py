"""From runs and their comparison to the page, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.latency import latency_ratio
from loadtest.report.html import heading
from loadtest.report.html.audio import clips
from loadtest.report.html.calls import Texts, call_data, shown_calls, worst_calls
from loadtest.report.html.closes import by_age, close_codes, closes_over_time
from loadtest.report.html.facts import arm_fingerprints, methods, run_fingerprints
from loadtest.report.html.figures import Chart
from loadtest.report.html.gaps import gap_lengths
from loadtest.report.html.latency import QUANTILES, block_slopes, latency_spread, quantile_differences
from loadtest.report.html.load import latency_by_concurrency, offered_and_achieved
from loadtest.report.html.material import Material, kind_of
from loadtest.report.html.page import Page, Part, WorstView
from loadtest.report.html.pool import Pool
from loadtest.report.html.subgroups import by_line, trend
from loadtest.report.html.verdict import VerdictView, verdict_view
from loadtest.report.rows import Section, outside_text
from loadtest.report.sections import sections
from loadtest.report.view import Summary

__all__ = ["build_page"]

PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "latency": ("latency",),
    "closes": ("1011 closes",),
    "gaps": ("what was lost", "what else was heard", "barge-in"),
    "load": ("calls", "tester", "cost"),
}
"""Where the sections of a summary stand in the page; what is not named here stands with the fingerprints."""


def build_page(material: Material, page_folder: Path) -> Page:
    """Compute everything that the page shows. page_folder: where it will lie, so that it finds recordings beside it."""
    pool, comparison, summary = material.pool, material.comparison, material.summary
    worst = worst_calls(pool) if pool is not None else ()
    audio = clips([(_folder(pool, w.run_id, w.call_id), w.moment_s) for w in worst]) if pool is not None else []
    return Page(
        title=heading.title(material),
        subtitle=heading.subtitle(material),
        banners=tuple(heading.banners(material)),
        control=comparison.control if comparison is not None else None,
        verdicts=_verdicts(material),
        no_verdict=material.no_comparison,
        gates=tuple(heading.gates(material)),
        parts=tuple(_parts(material)),
        arms=pool.arms if pool is not None else (),
        arm_order=tuple(summary.arms) if summary is not None else (),
        blocks=pool.calls["pooled"].drop_nulls().n_unique() if pool is not None else 0,
        worst=tuple(
            WorstView(w, clip, pool is not None and (_folder(pool, w.run_id, w.call_id) / "audio.flac").is_file())
            for w, clip in zip(worst, audio, strict=True)
        ),
        methods=methods(pool, comparison),
        change=tuple(heading.change(material)),
        warnings=tuple(outside_text(text, 400) for text in heading.warnings(material)),
        data=_data(pool, worst, page_folder),
    )


def _folder(pool: Pool, run_id: str, call_id: str) -> Path:
    return next(run.folder for run in pool.runs if run.data.info.run_id == run_id).call(call_id).path


def _verdicts(material: Material) -> tuple[VerdictView, ...]:
    comparison, pool = material.comparison, material.pool
    if comparison is None:
        return ()
    limits: dict[str, float] = {}
    per_call = None
    if pool is not None:
        scenario = pool.runs[0].data.scenario
        limits = {f"reply_latency_{q}": pool.limit_ms for q in ("p50", "p95", "p99")}
        limits["greeting_latency_p50"] = scenario.callee.greeting_limit_s * 1000
        calls = pool.script_turns.select("run_id", "call_id").unique().height
        per_call = pool.script_turns.height / calls if calls else None
    return tuple(
        verdict_view(replace(comparison, kind=kind_of(material)), candidate, turns_per_call=per_call, limits_ms=limits)
        for candidate in comparison.candidates.values()
    )


def _parts(material: Material) -> Iterable[Part]:
    pool, summary = material.pool, material.summary
    if material.comparison is not None:
        yield Part(
            key="decision",
            short="Decision",
            title="Decision table",
            lead=(
                "Every metric that was declared, with its margin. Guardrails must not be worse than their margin; of "
                "the success metrics one must be better. Secondary metrics decide nothing."
            ),
            special="decision",
        )
    if pool is not None:
        yield from _drawn_parts(material, pool)
    yield Part(key="methods", short="Methods", title="How to read this", special="methods")
    yield Part(
        key="prints",
        short="What ran",
        title="What ran",
        tables=(("Arms", arm_fingerprints(pool)), ("Runs", run_fingerprints(pool))) if pool is not None else (),
        figures=tuple(_others(summary)),
        lead="" if pool is not None else "The runs are not beside the comparison.",
    )
    yield Part(key="change", short="What would change it", title="What would change this verdict", special="change")


def _drawn_parts(material: Material, pool: Pool) -> Iterable[Part]:
    summary = material.summary
    yield Part(
        key="latency",
        short="Latency",
        title="Latency",
        charts=_there(latency_spread(pool), _differences(material, pool), block_slopes(pool)),
        figures=_figures(summary, "latency"),
    )
    yield Part(
        key="closes",
        short="1011s",
        title="1011 and other closes",
        charts=(closes_over_time(pool), by_age(pool), close_codes(pool)),
        figures=_figures(summary, "closes"),
    )
    yield Part(
        key="gaps",
        short="Silences",
        title="Silences",
        charts=(gap_lengths(pool),),
        figures=_figures(summary, "gaps"),
        special="worst",
    )
    yield Part(
        key="explore",
        short="Turns",
        title="Every turn",
        lead=(
            "Choosing a point or a call opens its timeline and its sound. The filter changes what is shown here and "
            "nothing above: no verdict is made on a selection."
        ),
        special="explore",
    )
    yield Part(
        key="load",
        short="Load",
        title="Load",
        charts=(offered_and_achieved(pool), latency_by_concurrency(pool)),
        figures=_figures(summary, "load"),
    )
    yield Part(
        key="subgroups",
        short="Subgroups",
        title="Subgroups, A/A, trend",
        lead=_a_a(material),
        charts=(by_line(pool), trend(pool)),
    )


def _there(*charts: Chart | None) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)


def _differences(material: Material, pool: Pool) -> Chart | None:
    comparison, experiment = material.comparison, material.experiment
    if comparison is None or experiment is None:
        return None
    settings = Settings(
        tail=comparison.look.tail, seed=comparison.seed, p_values=False, limit_ms=experiment.reply_limit_ms
    )
    control = experiment.arms[comparison.control]
    effects: dict[str, dict[float, Effect]] = {
        arm: {q: latency_ratio(q)(experiment.arms[arm], control, settings) for q in QUANTILES}
        for arm in comparison.candidates
    }
    return quantile_differences(pool.arms, comparison.control, effects)


def _a_a(material: Material) -> str:
    comparison = material.comparison
    if comparison is not None and comparison.a_a:
        return (
            "This is an A/A: all arms are the same endpoint, so any difference in the decision table is a false alarm."
        )
    return (
        "No A/A is part of this: naming one endpoint in both arms, on the same machine, shows what differences the "
        "setup makes by itself."
    )


def _figures(summary: Summary | None, place: str) -> tuple[Section, ...]:
    if summary is None:
        return ()
    return tuple(section for section in sections(summary) if section.title in PLACES[place])


def _others(summary: Summary | None) -> Iterable[Section]:
    if summary is not None:
        placed = {title for titles in PLACES.values() for title in titles} | {"warnings"}
        yield from (section for section in sections(summary) if section.title not in placed)


def _data(pool: Pool | None, worst: Sequence[Any], page_folder: Path) -> dict[str, Any]:
    if pool is None:
        return {"calls": [], "texts": [], "runs": [], "limit_s": 0, "thinned": ""}
    numbers, texts = shown_calls(pool, worst), Texts()
    thinned = (
        ""
        if len(numbers) == pool.calls.height
        else (
            f"The page holds {len(numbers)} of {pool.calls.height} calls: those with the longest silences, and an even "
            "spread of the others."
        )
    )
    return {
        "calls": call_data(pool, numbers, texts),
        "texts": texts.all,
        "runs": [{"id": run.data.info.run_id, "beside": _beside(run.folder.path, page_folder)} for run in pool.runs],
        "limit_s": pool.limit_ms / 1000,
        "thinned": thinned,
    }


def _beside(run: Path, page_folder: Path) -> str | None:
    """The way from the page to a run at or below its folder; None: elsewhere. A page names no place of a machine."""
    try:
        way = run.resolve().relative_to(page_folder.resolve()).as_posix()
    except ValueError:
        return None
    return "" if way == "." else f"{quote(way)}/"
