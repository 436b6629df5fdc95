"""Where things are in a results folder. The public contract is described in docs/results.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CallFolder", "RunFolder"]


@dataclass(frozen=True, slots=True)
class CallFolder:
    """`calls/<call_id>/`."""

    path: Path

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def pcm(self) -> Path:
        return self.path / "audio.pcm"

    @property
    def flac(self) -> Path:
        return self.path / "audio.flac"

    @property
    def has_recording(self) -> bool:
        return self.flac.exists() or self.pcm.exists()

    @property
    def edges(self) -> Path:
        """What was heard in the recording; stays when that goes."""
        return self.path / "edges.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`results/<utc>-<scenario>-<4 hex>/`."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def run_json(self) -> Path:
        return self.path / "run.json"

    @property
    def scenario(self) -> Path:
        return self.path / "scenario.yaml"

    @property
    def plan(self) -> Path:
        return self.path / "plan.parquet"

    @property
    def health(self) -> Path:
        """Raw samples of processes and machine, JSON lines."""
        return self.path / "health.jsonl"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def truth(self) -> Path:
        """The simulator's own log. Never read by `measure`."""
        return self.path / "truth"

    @property
    def probe(self) -> Path:
        """The probes' own files; what the data channel lost is added to the calls' events."""
        return self.path / "probe"

    @property
    def agent_log(self) -> Path:
        """What the agents' own log told of the run's calls."""
        return self.path / "agent-log.jsonl"

    @property
    def tables(self) -> Path:
        return self.path / "tables"

    @property
    def summary_json(self) -> Path:
        return self.path / "summary.json"

    @property
    def summary_md(self) -> Path:
        return self.path / "summary.md"

    @property
    def comparison_json(self) -> Path:
        """What `loadtest compare` said of this run alone."""
        return self.path / "comparison.json"

    @property
    def night_json(self) -> Path:
        """Of a run that `loadtest nightly` made: which night it is of, and what was told of it."""
        return self.path / "night.json"

    @property
    def night_md(self) -> Path:
        return self.path / "night.md"

    @property
    def junit_xml(self) -> Path:
        """What was told of the night, for CI systems."""
        return self.path / "junit.xml"

    def call(self, call_id: str) -> CallFolder:
        return CallFolder(self.path / "calls" / call_id)

    def warmup(self, call_id: str) -> CallFolder:
        return CallFolder(self.path / "warmup" / call_id)

    def aside(self, n: int) -> RunFolder:
        """What was set aside when the run was taken up again for the nth time, from 1; laid out as this folder is."""
        return RunFolder(self.path / "aside" / str(n))

    def table(self, name: str) -> Path:
        return self.tables / f"{name}.parquet"
