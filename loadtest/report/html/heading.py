"""The words of a page around its charts: title, banners, gates, what would change the verdict, warnings."""

from __future__ import annotations

from collections.abc import Iterable

from loadtest.report import words
from loadtest.report.html.material import Material, kind_of
from loadtest.report.html.page import Banner, GateView
from loadtest.report.rows import outside_text

__all__ = ["banners", "change", "gates", "subtitle", "title", "warnings"]


def title(material: Material) -> str:
    if material.comparison is not None:
        return f"{' and '.join(material.comparison.candidates)} against {material.comparison.control}"
    assert material.pool is not None
    return f"{material.pool.runs[0].data.info.scenario}: {' and '.join(material.pool.arms)}"


def subtitle(material: Material) -> str:
    pool, comparison = material.pool, material.comparison
    if pool is None:
        assert comparison is not None
        runs = ", ".join(run.run_id for run in comparison.runs)
        return f"scenario {comparison.scenario} · {comparison.blocks} blocks · runs {runs}"
    infos = [run.data.info for run in pool.runs]
    known = infos[0].arms
    models = [f"{arm}: {outside_text(str(known.get(arm, {}).get('model', 'unknown model')))}" for arm in pool.arms]
    names = (
        ", ".join(info.run_id for info in infos)
        if len(infos) <= 3
        else f"{len(infos)} runs, {infos[0].run_id} to {infos[-1].run_id}"
    )
    return " · ".join((f"scenario {infos[0].scenario}", *models, f"{pool.calls.height} calls", names))


def banners(material: Material) -> Iterable[Banner]:
    kind, comparison, summary = kind_of(material), material.comparison, material.summary
    if kind == "rehearsal":
        yield Banner(
            "warn",
            "Rehearsal.",
            "The endpoints were simulated: their delays and closes are made up. Nothing here is a figure of Google's, "
            "and no model is chosen by it. It shows what the same figures would say of real endpoints.",
        )
    elif kind == "other":
        yield Banner(
            "warn", "Other endpoints.", "They are not known to be Google's: no figure here is one of Google's."
        )
    failed = [gate for gate in comparison.gates if not gate.passed] if comparison is not None else []
    if failed or (summary is not None and not summary.valid):
        yield Banner(
            "bad", "Invalid.", "The tester's own trouble, or an unfair comparison, may be in these figures: see below."
        )
    if summary is not None and summary.state != "complete":
        yield Banner(
            "warn", f"The run is {summary.state}.", summary.ended_early or "These are the figures of what there is."
        )
    if comparison is not None and comparison.exploratory:
        yield Banner(
            "warn", "Exploratory:", f"no confirmation of what was declared: {'; '.join(comparison.exploratory)}."
        )
    if comparison is not None and comparison.a_a:
        yield Banner("warn", "A/A.", "All arms are the same endpoint: any difference found is a false alarm.")
    if material.absent:
        yield Banner(
            "warn", "Not all runs are here:", f"no charts, calls or recordings of {', '.join(material.absent)}."
        )


def gates(material: Material) -> Iterable[GateView]:
    summary, comparison = material.summary, material.comparison
    if comparison is not None:
        for gate in comparison.gates:
            yield GateView(gate.passed, gate.name.replace("_", " "), gate.text)
    elif summary is not None:
        if summary.valid:
            yield GateView(True, "tester", "It was well enough for these figures to speak of the endpoints.")
        for text in summary.invalid_because:
            yield GateView(False, "tester", text)
    if summary is not None:
        for result in summary.thresholds:
            found = words.number(result.value) if result.value is not None else f"not known: {result.why}"
            yield GateView(result.holds, f"{result.arm}: {result.text}", f"Threshold of the scenario; found: {found}.")


def change(material: Material) -> Iterable[str]:
    comparison = material.comparison
    if comparison is None:
        yield f"There is no verdict to change. {material.no_comparison}"
        return
    for gate in comparison.gates:
        if not gate.passed:
            yield f"A measurement in which this holds: {gate.text}"
    for arm, candidate in comparison.candidates.items():
        yield from (f"{arm}: {text}" for text in candidate.missing)
        yield from (f"{arm}: without this difference between the arms: {text}" for text in candidate.confounded)
    look = comparison.look
    if look.number < look.of:
        yield f"The looks that are left: {look.of - look.number} of {look.of}, as more of the planned blocks come in."
    if kind_of(material) == "rehearsal":
        yield "Real endpoints: nothing in a rehearsal is evidence for or against a model."
    yield (
        "Another script, other callers, another region, another hour of the week: the interval speaks for the calls "
        "that were made, and for calls like them."
    )


def warnings(material: Material) -> Iterable[str]:
    if material.comparison is not None:
        yield from material.comparison.warnings
    if material.summary is not None:
        yield from material.summary.warnings
    elif material.pool is not None:
        for run in material.pool.runs:
            yield from (f"{run.data.info.run_id}: {text}" for text in run.data.info.warnings)
