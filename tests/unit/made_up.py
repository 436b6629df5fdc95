"""Made-up runs: tables as `measure` leaves them, without a call having been made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo, RunKind, RunState
from loadtest.record.tables import ANALYSIS_KEY, ANALYSIS_VERSION, TABLES, write_table
from loadtest.redact import Redactor
from loadtest.scenario.models import Scenario
from loadtest.scenario.resolved import margins_hashes, resolved_yaml

RUN_ID = "20260101T000000Z-made-up-0a1b"
SIMULATED = {"profile": "endpoints/made-up.yaml"}


@dataclass
class MadeUp:
    """Rows that a test adds to and `write`s."""

    arms: tuple[str, ...] = ("preview", "ga")
    run_id: str = RUN_ID
    scenario: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {t: [] for t in ("calls", "turns", "gaps", "connections", "closes", "health")}
    )

    def __post_init__(self) -> None:
        self._leads: dict[str, dict[str, Any]] = {}
        self._turns: Counter[str] = Counter()

    def call(self, arm: str, block: int | None, **columns: Any) -> str:
        """A completed call of a minute's talk, all of it connected, unless columns say otherwise; its id."""
        slot = len(self.tables["calls"])
        call_id = f"{slot:04d}-{arm}"
        lead = self._leads[call_id] = {
            "run_id": self.run_id,
            "call_id": call_id,
            "arm": arm,
            "block": block,
            "slot": slot,
        }
        due = 2.0 * slot
        self.tables["calls"].append(
            lead
            | {
                "due_s": due,
                "dialled_s": due + 0.004,
                "dispatched_s": due + 0.1,
                "answered_s": due + 2,
                "agent_joined_s": due + 0.8,
                "greeting_s": due + 2.9,
                "greeting_latency_ms": 900.0 + slot,
                "ended_s": due + 62,
                "outcome": "completed",
                "end_cause": "callee_hangup",
                "talk_s": 60.0,
                "socket_s": 60.0,
                "patience_s": 5.0,
                "valid": True,
            }
            | columns
        )
        return call_id

    def turn(self, call_id: str, latency_ms: float | None = 800.0, **columns: Any) -> int:
        """A valid script turn of a call, answered unless latency_ms is None, when it is lost; its number."""
        number = self._turns[call_id]
        self._turns[call_id] += 1
        answered = latency_ms is not None
        self.tables["turns"].append(
            self._lead(call_id)
            | {
                "turn": number,
                "kind": "script",
                "line": "yes",
                "latency_ms": latency_ms,
                "outcome": "answered" if answered else "no_reply",
                "lost": not answered,
                "truncated": False,
                "valid": True,
            }
            | columns
        )
        return number

    def close(self, call_id: str, at_s: float, **columns: Any) -> str:
        """A server-made 1011 while a reply was awaited, unless columns say otherwise; its id."""
        number = 1 + sum(row["call_id"] == call_id for row in self.tables["closes"])
        row = self._lead(call_id) | {
            "close_id": f"{call_id}/close-{number}",
            "connection_id": f"{call_id}/{number}",
            "at_s": at_s,
            "code": 1011,
            "reason": "Internal error encountered.",
            "side": "server",
            "phase": "awaiting_reply",
        }
        self.tables["closes"].append(row | columns)
        return str(row["close_id"])

    def gap(self, call_id: str, turn: int | None, gap_ms: float, **columns: Any) -> None:
        """Dead air of a lost turn, caused by a close, unless columns say otherwise."""
        self.tables["gaps"].append(
            self._lead(call_id)
            | {
                "turn": turn,
                "kind": "dead_air",
                "gap_ms": gap_ms,
                "excess_ms": max(0.0, gap_ms - 10_000),
                "censored": False,
                "cause": "ws_close",
                "lost_turn": True,
            }
            | columns
        )

    def machine(self, t_s: float, cpu: float, **columns: Any) -> None:
        """A health sample of the machine."""
        self.tables["health"].append({"t_s": t_s, "process": "machine", "cpu": cpu} | columns)

    def write(self, path: Path) -> RunFolder:
        """Write it all under `path`."""
        folder = write_run(path, self.arms, self.run_id, len(self.tables["calls"]), self.scenario, self.info)
        for name, rows in self.tables.items():
            write_table(folder.table(name), name, rows)
        return folder

    def _lead(self, call_id: str) -> dict[str, Any]:
        return self._leads[call_id]


def write_run(
    path: Path, arms: Sequence[str], run_id: str, calls: int, of_scenario: Mapping[str, Any], of_info: Mapping[str, Any]
) -> RunFolder:
    """A run's folder under `path` with run.json and scenario.yaml, and no table yet."""
    folder = RunFolder(path / run_id)
    folder.path.mkdir(parents=True)
    scenario = Scenario.model_validate(
        {
            "version": 1,
            "name": "made-up",
            "arms": {arm: {"model": f"gemini-{arm}", "endpoint": SIMULATED} for arm in arms},
            "blocks": 12,
            "arrivals": [{"rate_per_minute": 30}],
            "script": "scripts/made-up.yaml",
        }
        | dict(of_scenario)
    )
    resolved = resolved_yaml(scenario, "made-up.yaml", (), Redactor())
    folder.scenario.write_text(resolved)
    body: dict[str, Any] = {
        "run_id": run_id,
        "scenario": "made-up",
        "state": RunState.COMPLETE,
        "kind": RunKind.REHEARSAL,
        "stack": "embedded",
        "seed": 1,
        "started_utc": "2026-01-01T00:00:00+00:00",
        "cap": 2,
        "planned_calls": calls,
        "hashes": {"margins": min(margins_hashes(YAML(typ="safe", pure=True).load(resolved)))},
        "versions": {},
        "host": {"cores": 2},
        "arms": {
            name: {"model": arm.model, "api": "gemini", "agent": "reference", "endpoint_label": "simulated"}
            for name, arm in scenario.arms.items()
        },
    }
    RunInfo(**(body | dict(of_info))).write(folder)
    return folder


def write_frame(folder: RunFolder, name: str, frame: pl.DataFrame, *, analysis: int = ANALYSIS_VERSION) -> None:
    """Write a table from columns, many rows at a time; those that are missing are null."""
    missing = [pl.lit(None).cast(kind).alias(column) for column, kind in TABLES[name].items() if column not in frame]
    whole = frame.with_columns(missing).select([pl.col(column).cast(kind) for column, kind in TABLES[name].items()])
    folder.tables.mkdir(exist_ok=True)
    whole.write_parquet(folder.table(name), metadata={ANALYSIS_KEY: str(analysis)})


def ordinary_run(
    *, blocks: int = 16, arms: Sequence[str] = ("preview", "ga"), lost: Mapping[str, int] | None = None, turns: int = 6
) -> MadeUp:
    """One call an arm and block; `lost` turns an arm, each to a 1011 in a block of its own."""
    run = MadeUp(arms=tuple(arms))
    draws = np.random.default_rng(7)
    for block in range(blocks):
        pace = draws.normal(0, 0.05)
        for arm in arms:
            call_id = run.call(arm, block)
            hit = block < (lost or {}).get(arm, 0)
            for turn in range(turns):
                if hit and turn == 1:
                    close_id = run.close(call_id, at_s=float(run.tables["calls"][-1]["due_s"]) + 20)
                    run.gap(call_id, run.turn(call_id, None, close_id=close_id), 12_500.0, close_id=close_id)
                else:
                    run.turn(call_id, float(800 * np.exp(pace + draws.normal(0, 0.2))))
    for second in range(60):
        run.machine(float(second), 0.9)
    return run
