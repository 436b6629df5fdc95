"""`loadtest incident`: logs of agents in production, read in a stream, and the scenario that rehearses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from loadtest.analyse.incident.collect import Collected
from loadtest.analyse.incident.rehearsal import rehearsal
from loadtest.analyse.incident.result import Incident
from loadtest.errors import ScenarioError
from loadtest.jobs.agent_pipe import STANDARD_INPUT, is_pipe
from loadtest.record.agent_log.entries import Entry, Reading, entries
from loadtest.record.agent_log.facts import facts
from loadtest.record.agent_log.lines import file_chunks, lines
from loadtest.record.agent_log.mentions import Mentions
from loadtest.record.agent_log.sift import sifted
from loadtest.record.writer import write_atomically
from loadtest.report.incident_scenario import profile_yaml, scenario_yaml
from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.load import load_scenario
from loadtest.scenario.problems import Problem
from loadtest.scenario.shipped import shipped
from loadtest.scenario.validate import validate
from loadtest.scenario.yaml_source import read_source

__all__ = ["read_incident", "rehearsal_files", "write_rehearsal"]

NEAR_BEGINNING = 200
"""Lines in which a log tells its first time, if it tells any."""


@dataclass(slots=True)
class _Reader:
    """Facts of several logs, until they end or the user stops."""

    paths: Sequence[Path]
    reading: Reading = field(default_factory=Reading)
    mentions: dict[str, Mentions] = field(default_factory=dict)
    whole: bool = True

    def entries(self) -> Iterator[Entry]:
        for path in self.paths:
            name = "standard input" if path == STANDARD_INPUT else str(path)
            found = self.mentions.setdefault(name, Mentions())
            yield from entries(sifted(self._until_stopped(path), name, self.reading, found.look), self.reading)
            if not self.whole:
                return

    def _until_stopped(self, path: Path) -> Iterator[bytes]:
        """Whoever follows a log stops it by Ctrl-C: what came until then is all of it."""
        try:
            yield from file_chunks(path)
        except KeyboardInterrupt:
            self.whole = False


def read_incident(paths: Sequence[Path], *, model: str | None = None) -> Incident:
    """What the logs tell. model: of calls whose log does not tell theirs.

    Ctrl-C ends the reading, and what was read until then is told. Raises RecordError if a file cannot be read.
    """
    reader = _Reader(_in_order(paths))
    collected = Collected(reader.mentions, model)
    try:
        for fact in facts(collected.seen(reader.entries())):
            collected.take(fact)
    except KeyboardInterrupt:
        reader.whole = False
    return collected.incident(reader.mentions, reader.reading, whole=reader.whole)


def rehearsal_files(incident: Incident, out: Path) -> dict[Path, str]:
    """The scenario and its endpoint profiles by file. Raises ScenarioError if the logs tell of nothing to rehearse."""
    found = rehearsal(incident)
    if not found.arms:
        if any(one.closes for one in incident.models):
            raise ScenarioError(
                "the log does not tell which model its closes were of: there is nothing to rehearse them on",
                remedy="Name it: --model gemini-3.1-flash-live-preview.",
            )
        raise ScenarioError(
            "the log tells of no close, no goAway and no refusal: there is nothing to rehearse",
            remedy="Leave --scenario out, and read what the log tells.",
        )
    profiles = {arm.model: out.with_name(f"{out.stem}-{_in_a_name(arm.model)}.endpoint.yaml") for arm in found.arms}
    name = _in_a_name(out.stem).lower()[:40] or "incident"
    return {
        out: scenario_yaml(found, name=name, profiles={model: path.name for model, path in profiles.items()}),
        **{profiles[arm.model]: profile_yaml(arm, _shipped_profile(arm.model)) for arm in found.arms},
    }


def write_rehearsal(files: Mapping[Path, str], out: Path, *, force: bool) -> None:
    """Write them all, and load the scenario. Raises ScenarioError if one exists, unless forced."""
    there = [path for path in files if path.exists()]
    if there and not force:
        raise ScenarioError(f"{there[0]}: exists already", remedy="Name another file, or replace it with --force.")
    if not out.parent.is_dir():
        raise ScenarioError(f"{out}: there is no folder {out.parent}", remedy="Make the folder, or name another.")
    for path, text in files.items():
        write_atomically(path, text.encode())
    load_scenario(out)


def _in_order(paths: Sequence[Path]) -> list[Path]:
    """Logs that tell dates by their first time, so that rotated ones may be named in any order; others as named."""
    if len(paths) < 2 or any(is_pipe(path) for path in paths):
        return list(paths)
    first = {path: _first_time(path) for path in paths}
    told = {one[0] for one in first.values() if one is not None}
    if None in first.values() or len(told) != 1 or "day" in told:
        return list(paths)
    return sorted(paths, key=lambda path: (first[path] or ("", 0.0))[1])


def _first_time(path: Path) -> tuple[str, float] | None:
    head = islice(lines(_without_zeros(file_chunks(path)), str(path)), NEAR_BEGINNING)
    return next(((entry.at.kind, entry.at.s) for entry in entries(head, Reading()) if entry.at is not None), None)


def _without_zeros(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return (chunk.replace(b"\0", b"") for chunk in chunks)


def _shipped_profile(model: str) -> EndpointProfile | None:
    path = shipped(f"endpoints/{model}.yaml")
    if path is None or not path.is_file():
        return None
    problems: list[Problem] = []
    source = read_source(path, problems)
    return None if source is None else validate(EndpointProfile, source, problems)


def _in_a_name(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in text).strip("-_")
