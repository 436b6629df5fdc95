"""One run of those that are compared: its complete blocks as arrays, its counts, and what it is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from loadtest.analyse.compare.arrays import RunTables, arm_arrays, complete_blocks, read_tables
from loadtest.analyse.compare.experiment import Arm
from loadtest.analyse.compare.fingerprints import arm_fingerprint, run_fingerprint, seen_software
from loadtest.analyse.compare.tallies import RunTally, tally_run
from loadtest.errors import RecordError, ScenarioError
from loadtest.record.endpoints import run_kind
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo, RunKind
from loadtest.record.run_scenario import margins_are, read_run_scenario
from loadtest.record.tables import ANALYSIS_VERSION, table_analysis
from loadtest.scenario.models import Scenario
from loadtest.scenario.resolved import canonical_hash

__all__ = ["ReadRun", "fingerprint_of", "read_one"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRun:
    """What a comparison needs of a run."""

    info: RunInfo
    scenario: Scenario
    kind: RunKind
    analysis: int | None
    margins_kept: bool | None
    """None: no hash was recorded."""
    blocks: int
    left_out: int
    arms: Mapping[str, Arm]
    made_of: Mapping[str, Mapping[str, str]]
    """Fingerprints of the arms."""
    fingerprint: Mapping[str, str]
    tally: RunTally
    strange_arms: tuple[str, ...]


def read_one(folder: RunFolder, allowed: Collection[str], *, least_arms: int = 2) -> ReadRun:
    """Read a run that was measured. Raises RecordError, also for tables of another analysis, unless `analysis` is
    allowed; ScenarioError if it has fewer arms than `least_arms`."""
    info, scenario = RunInfo.read(folder), read_run_scenario(folder)
    if len(scenario.arms) < least_arms:
        raise ScenarioError(
            f"{folder.path}: a run with one arm, {', '.join(scenario.arms)}: nothing to hold it against",
            remedy="Compare a run whose scenario has two arms or more.",
        )
    analysis = _check_analysis(folder, allowed)
    tables = read_tables(folder)
    arms = tuple(scenario.arms)
    blocks = complete_blocks(tables.calls, arms, scenario.calls_per_block)
    made_of, kind, fingerprint = _made_of(folder, info, scenario, tables)
    recorded = info.hashes.get("margins")
    limit_ms, greeting_ms = scenario.reply_limit_s * 1000, scenario.callee.greeting_limit_s * 1000
    return ReadRun(
        info=info,
        scenario=scenario,
        kind=kind,
        analysis=analysis,
        margins_kept=None if recorded is None else margins_are(folder, recorded),
        blocks=len(blocks),
        left_out=tables.calls["block"].drop_nulls().n_unique() - len(blocks),
        arms={arm: arm_arrays(arm, tables.of(arm, blocks), blocks, limit_ms, greeting_ms) for arm in arms},
        made_of=made_of,
        fingerprint=fingerprint | {"analysis": str(analysis)},
        tally=tally_run(
            tables,
            _plan(folder),
            arms,
            [name for name, arm in scenario.arms.items() if arm.agent.reference],
            blocks,
            scenario.validity,
            info.host.get("cores"),
        ),
        strange_arms=tuple(sorted(set(tables.calls["arm"].drop_nulls()) - set(arms))),
    )


def fingerprint_of(folder: RunFolder) -> dict[str, str]:
    """What a run that was measured was made of, by name, whatever analysis made its tables, and also if it has one arm.

    Raises RecordError.
    """
    info, scenario = RunInfo.read(folder), read_run_scenario(folder)
    _, _, fingerprint = _made_of(folder, info, scenario, read_tables(folder))
    return fingerprint | {"analysis": str(table_analysis(folder.table("turns")))}


def _made_of(
    folder: RunFolder, info: RunInfo, scenario: Scenario, tables: RunTables
) -> tuple[dict[str, dict[str, str]], RunKind, dict[str, str]]:
    """The fingerprints of the arms, whose endpoints they are, and the fingerprint of the run."""
    hosts = {arm: _hosts(tables, arm) for arm in scenario.arms}
    made_of = {
        name: arm_fingerprint(arm, info.arms.get(name, {}), hosts[name], seen_software(folder, _samples(tables, name)))
        for name, arm in scenario.arms.items()
    }
    kind = run_kind(scenario.arms, hosts)
    declared = canonical_hash(None if scenario.compare is None else scenario.compare.model_dump(mode="json"))
    return made_of, kind, run_fingerprint(info, scenario, kind, declared, made_of)


def _check_analysis(folder: RunFolder, allowed: Collection[str]) -> int | None:
    found = table_analysis(folder.table("turns"))
    if found is not None and found > ANALYSIS_VERSION:
        raise RecordError(
            f"{folder.path}: measured by analysis {found}, this loadtest's is {ANALYSIS_VERSION}",
            remedy="Update loadtest, or measure the run again: `loadtest measure RUN`.",
        )
    if found is not None and found < ANALYSIS_VERSION and "analysis" not in allowed:
        raise RecordError(
            f"{folder.path}: measured by analysis {found}, this loadtest's is {ANALYSIS_VERSION}: the same record can "
            "give other numbers today",
            remedy=f"Measure it again: `loadtest measure {folder.path}`; or say --allow-difference analysis.",
        )
    return found


def _samples(tables: RunTables, arm: str) -> tuple[str, ...]:
    """The first and the last call of an arm: what its agents were at either end of the run."""
    ids = tables.calls.filter((pl.col("arm") == arm) & pl.col("answered_s").is_not_null()).sort("dialled_s")["call_id"]
    return tuple(dict.fromkeys([*ids.head(1), *ids.tail(1)]))


def _hosts(tables: RunTables, arm: str) -> frozenset[str]:
    return frozenset(tables.connections.filter(pl.col("arm") == arm)["host"].drop_nulls().unique())


def _plan(folder: RunFolder) -> pl.DataFrame | None:
    if not folder.plan.exists():
        return None
    try:
        there = pl.read_parquet_schema(folder.plan)
        plan = pl.read_parquet(
            folder.plan, columns=["block", "arm", "line_hashes", *(["pair"] if "pair" in there else [])]
        )
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RecordError(
            f"{folder.plan}: cannot be read as a plan: {e}", remedy="Restore it from a copy of the run."
        ) from e
    # A plan of another tool may not say which calls of a block belong together: those that come n-th in their arms.
    return plan if "pair" in there else plan.with_columns(pair=pl.int_range(pl.len()).over("block", "arm"))
