"""docs/faults.md, from what was judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.evidence import EVIDENCES, Evidence
from tests.faults.totals import Cell, Controls, Difference, Totals

__all__ = ["page"]

NAMES: Mapping[Evidence, str] = {"probe": "probe", "agent_log": "log", "acoustic": "neither"}


def page(
    *,
    date: str,
    host: Mapping[str, Any],
    versions: Mapping[str, str],
    generations: Mapping[str, Mapping[str, str]],
    noticed: Sequence[str],
    again: Sequence[str],
    found: Sequence[Cell],
    controls: Controls,
    differences: Sequence[Difference],
    result: Totals,
    expected: Mapping[str, Any],
    summaries: Mapping[str, str],
) -> str:
    """The page. summaries: one line on what each fault is. generations: packages by arm. noticed: what the summary of
    the whole run says of its closes. again: faults that had to be dialled a second time.
    """
    plugins = sorted({cell.plugin for cell in found})
    dialled = sum(cell.dialled for cell in found if cell.evidence == "probe")
    lines = [
        "# Faults",
        "",
        "<!-- Written by `make faults`. Do not edit: run it again. -->",
        "",
        "What becomes of a call when the endpoint does what Google's has been seen to do: each fault of the",
        "catalogue (`loadtest faults`), in real calls to the reference agent, with two generations of the plugin. The",
        "endpoint is simulated; agent, plugin, client, LiveKit and audio are real. Lifetimes and long waits are short",
        "here: 20 s or so.",
        "",
        f"- {date}; {host.get('cores')} cores, {host.get('system')} {host.get('machine')}",
        f"- tester: {_versions(versions)}",
        *(f"- {plugin}: {_versions(of)}" for plugin, of in generations.items()),
        f"- {dialled} calls with a fault, {controls.calls} without",
        *(f"- {text}" for text in noticed),
        *_again(again),
        "",
        "Each call was measured three times: with what the agent's probe told, with the agent's log in its place, and",
        "with neither, by ear alone. The last columns say whether every call of the fault is as it should be: outcome",
        "and labels of the turn that was struck, of those before and behind it, its cause, and the row in `closes`.",
        "With neither, nothing is known but what is heard: a fault that can be heard must be noticed, and every cause",
        "be `unknown`.",
        "",
        f"| | {' | '.join(f'plugin {plugin}' for plugin in plugins)} |",
        f"|---|{'--:|' * len(plugins)}",
    ]
    for evidence in EVIDENCES:
        cells = " | ".join(f"{result.exact[plugin, evidence]} of {result.faults}" for plugin in plugins)
        lines.append(f"| faults as expected, {NAMES[evidence]} | {cells} |")
    of = {plugin: sum(w.split()[1] == plugin for w in result.wrong) for plugin in plugins}
    lines.append(f"| wrong causes | {' | '.join(str(of[plugin]) for plugin in plugins)} |")
    alarms = ", ".join(f"{len(controls.alarms[e])} ({NAMES[e]})" for e in EVIDENCES if e in controls.alarms)
    lines += [
        "",
        f"Control calls, to which nothing happened: {controls.turns} turns ({controls.invalid} more invalid).",
        f"False alarms: {alarms}.",
    ]
    if controls.own_cracks:
        lines.append(
            f"Turns with a crack that callers do hear, since the agent stood still itself: {controls.own_cracks}."
        )
    for plugin in plugins:
        lines += ["", f"## Plugin {plugin}", "", *_table(plugin, found, expected, summaries)]
    if differences:
        lines += ["", "## Differences", ""]
        for one in differences:
            lines.append(f"- **{_name(one.key)}**: {'; '.join(one.found)}. {one.why or '*Not explained.*'}")
    return "\n".join(lines) + "\n"


def _again(faults: Sequence[str]) -> list[str]:
    told = f"- dialled again, since the tester was disturbed in every call of theirs: {', '.join(faults)}"
    return [told] if faults else []


def _versions(of: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in of.items())


def _table(plugin: str, found: Sequence[Cell], expected: Mapping[str, Any], summaries: Mapping[str, str]) -> list[str]:
    lines = [
        "| fault | expected: turn, cause, close | heard | called, with the probe | agent went on "
        "| probe | log | neither |",
        "|---|---|---|---|---|---|---|---|",
    ]
    faults = list(dict.fromkeys(cell.fault for cell in found if cell.plugin == plugin))
    for fault in faults:
        cells = {cell.evidence: cell for cell in found if (cell.fault, cell.plugin) == (fault, plugin)}
        words = str(expected[fault]["words"]).replace(" | ", "; ")
        if corrected := expected[fault].get("corrected"):
            words += f" (corrected: {corrected})"
        probe = cells["probe"].verdicts
        row = [
            f"**{fault}** {summaries.get(fault, '')}",
            words,
            _some(v.heard for v in probe),
            _some(v.called for v in probe),
            _some(v.survived for v in probe),
            *(_agree(cells.get(evidence)) for evidence in EVIDENCES),
        ]
        lines.append(f"| {' | '.join(text.replace('|', '/') for text in row)} |")
    return lines


def _some(texts: Any) -> str:
    """What the calls have in common once, and what they have not side by side."""
    return " // ".join(dict.fromkeys(texts)) or "not judged"


def _agree(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    right = sum(verdict.agrees for verdict in cell.verdicts)
    judged = len(cell.verdicts)
    if not judged:
        return "not judged"
    if cell.evidence == "acoustic" and not cell.audible and cell.agrees:
        return "inaudible"
    return f"yes ({judged})" if cell.agrees else f"**no** ({right} of {judged})"


def _name(key: str) -> str:
    fault, plugin, evidence = key.split()
    return f"{fault}, plugin {plugin}, {({str(k): v for k, v in NAMES.items()})[evidence]}"
