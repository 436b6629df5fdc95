"""A script with all that is said of it: audio read, text spoken, keys known."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from loadtest.audio.pause import with_pause
from loadtest.audio.speech_bounds import speech_bounds
from loadtest.audio.voice import Voice, find_voice
from loadtest.audio.wav import Line, Samples, read_line
from loadtest.errors import ScenarioError
from loadtest.scenario.callee import VARIABLE, Pause, PlainLine, Script, ScriptLine
from loadtest.scenario.find import find, missing
from loadtest.scenario.keys import presses
from loadtest.scenario.problems import FieldPath, Problem, dotted, nearest
from loadtest.scenario.validate import validate
from loadtest.scenario.yaml_source import Source, at

__all__ = ["LoadedLine", "LoadedScript", "load_script"]

MOST_TEXTS = 500
"""Of a script: of each line one for each combination of the values of its variables. Every callee process holds them
all."""
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_STRAY_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class LoadedLine:
    """One line of the script, ready to be said in every call."""

    spec: PlainLine
    """As the script has it."""
    takes: Mapping[tuple[str, ...], Line] = field(default_factory=dict)
    """Its audio by the values of its variables; empty if it is made of keys."""
    variables: tuple[str, ...] = ()
    """Names of the variables in its text."""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def duration_s(self) -> float:
        """Of the mean of its takes."""
        if self.spec.dtmf is not None:
            return max(press.at_s for press in presses(self.spec.dtmf))
        return fmean(take.duration_s for take in self.takes.values())

    def take(self, values: Mapping[str, str]) -> Line | None:
        """Its audio in a call for which these values were drawn; None if it is made of keys."""
        return self.takes[tuple(values[name] for name in self.variables)] if self.takes else None


@dataclass(frozen=True, slots=True)
class LoadedScript:
    """A script with its audio."""

    spec: Script
    lines: tuple[LoadedLine, ...]
    reprompts: tuple[LoadedLine, ...]
    goodbye: LoadedLine | None

    @property
    def everything(self) -> tuple[LoadedLine, ...]:
        """Lines, re-prompts, goodbye."""
        return (*self.lines, *self.reprompts, *([self.goodbye] if self.goodbye else []))

    @property
    def audio(self) -> tuple[str, ...]:
        """sha256 of all that can be heard, in the order of lines, re-prompts, goodbye."""
        return tuple(take.sha256 for line in self.everything for take in line.takes.values())

    @property
    def asking(self) -> tuple[Samples, ...]:
        """All that can be heard of the lines that ask for the agent's tool."""
        asks = (line for line in self.lines if isinstance(line.spec, ScriptLine) and line.spec.asks_tool)
        return tuple(take.samples for line in asks for take in line.takes.values())


def load_script(path: Path, source: Source, problems: list[Problem]) -> LoadedScript | None:
    """The script that `source`, the document in the file at `path`, describes; None and `problems` if it is no good."""
    loader = _Loader(path, source, problems)
    loader.look_at_audio()  # even if the rest of the script is wrong
    script = validate(Script, source, problems)
    if script is None:
        return None
    lines = [loader.line(line, ("lines", i)) for i, line in enumerate(script.lines)]
    reprompts = [loader.line(line, ("reprompts", i)) for i, line in enumerate(script.reprompts)]
    goodbye = loader.line(script.goodbye, ("goodbye",)) if script.goodbye else None
    if None in lines or None in reprompts or (script.goodbye and goodbye is None):
        return None
    return LoadedScript(script, tuple(filter(None, lines)), tuple(filter(None, reprompts)), goodbye)


class _Loader:
    def __init__(self, path: Path, source: Source, problems: list[Problem]) -> None:
        self._path = path
        self._source = source
        self._problems = problems
        self._audio: dict[Path, Line | None] = {}
        self._voice: Voice | None = None
        self._no_voice = False
        self._texts = 0

    def look_at_audio(self) -> None:
        for where in _audio_fields(self._source.data):
            named = at(self._source.data, where)
            if isinstance(named, str):
                self._read(named, where)

    def line(self, spec: PlainLine, where: FieldPath) -> LoadedLine | None:
        if spec.dtmf is not None:
            return LoadedLine(spec)
        if spec.audio is not None:
            audio = self._audio.get(find(self._path, spec.audio))
            loaded = LoadedLine(spec, {(): audio}) if audio is not None else None
        else:
            assert spec.say is not None
            loaded = self._spoken(spec, spec.say, (*where, "say"))
        pause = spec.pause if isinstance(spec, ScriptLine) else None
        return loaded if loaded is None or pause is None else self._paused(loaded, pause, (*where, "pause", "at_s"))

    def _paused(self, line: LoadedLine, pause: Pause, where: FieldPath) -> LoadedLine | None:
        try:
            bounds = [speech_bounds(take) for take in line.takes.values()]
        except ScenarioError as error:
            self._add(where, error.message, error.remedy)
            return None
        begins_s, ends_s = max(b.start_s for b in bounds), min(b.end_s for b in bounds)
        if not begins_s < pause.at_s < ends_s:
            text = f"expected a place within the speech of the line, from {begins_s:.2f} to {ends_s:.2f} s"
            self._add(where, f"{text}; found `{pause.at_s:g}`", "at_s: Where in the line's audio.")
            return None
        takes = {values: with_pause(take, pause.at_s, pause.for_s) for values, take in line.takes.items()}
        return replace(line, takes=takes)

    def _read(self, named: str, where: FieldPath) -> None:
        file = find(self._path, named)
        try:
            if file not in self._audio:
                self._audio[file] = None
                self._audio[file] = read_line(file)
        except ScenarioError as error:
            found = error.message.removeprefix(f"{file}: ")
            text, remedy = f"expected speech in a WAV or FLAC file; found {file}, which {found}", error.remedy
            if not file.exists():
                text, remedy = missing("an audio file", self._path, named)
            self._add(where, text, remedy)

    def _spoken(self, spec: PlainLine, say: str, where: FieldPath) -> LoadedLine | None:
        names = tuple(dict.fromkeys(_VARIABLE.findall(say)))
        stray = _STRAY_BRACE.search(_VARIABLE.sub("", say))
        if stray:
            self._add(where, f"expected braces only around a variable's name; found another {stray[0]}", "Take it out.")
            return None
        values = self._values(names, where)
        voice = self._find_voice(where)
        if values is None or voice is None:
            return None
        takes: dict[tuple[str, ...], Line] = {}
        try:
            for combination in itertools.product(*values):
                chosen = dict(zip(names, combination, strict=True))
                takes[combination] = voice.speak(_filled(say, chosen))
        except ScenarioError as error:
            self._add(where, error.message, error.remedy)
            return None
        return LoadedLine(spec, takes, names)

    def _values(self, names: tuple[str, ...], where: FieldPath) -> list[tuple[str, ...]] | None:
        """The values that each of the variables may have."""
        variables = self._source.data.get("variables") or {}
        unknown = [name for name in names if name not in variables]
        for name in unknown:
            close = nearest(name.strip(), tuple(variables))
            known = f"one of the variables {', '.join(variables)}" if variables else "no variable: the script has none"
            as_written = name if re.fullmatch(VARIABLE, name) else "name"
            remedy = f"Did you mean `{{{close}}}`?" if close else f"Add `variables: {{{as_written}: [VALUE, ...]}}`."
            self._add(where, f'expected {known}; found "{{{name}}}"', remedy)
        if unknown:
            return None
        values = [tuple(dict.fromkeys(variables[name])) for name in names]
        texts = math.prod(len(each) for each in values)
        self._texts += texts
        if self._texts > MOST_TEXTS >= self._texts - texts:  # said once
            text = f"expected at most {MOST_TEXTS} texts in a script, one for each combination of values in a line"
            text += f"; found {self._texts} up to here"
            self._add(where, text, "Give variables fewer values, or split lines that have several of them.")
        if self._texts > MOST_TEXTS:
            return None
        return values

    def _find_voice(self, where: FieldPath) -> Voice | None:
        if self._voice is None and not self._no_voice:
            named = self._source.data.get("voice")
            try:
                voice = find_voice(named)
                if named is not None:
                    where = ("voice",)
                voice.check()
                self._voice = voice
            except ScenarioError as error:
                self._no_voice = True  # said once
                self._add(where, error.message, error.remedy)
        return self._voice

    def _add(self, where: FieldPath, text: str, remedy: str) -> None:
        self._problems.append(Problem(self._source.place(where), dotted(where), text, remedy))


def _filled(say: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values[found[1]], say)


def _audio_fields(data: Any) -> Iterator[FieldPath]:
    for group in ("lines", "reprompts"):
        entries = data.get(group)
        for i in range(len(entries) if isinstance(entries, tuple) else 0):
            yield (group, i, "audio")
    yield ("goodbye", "audio")
