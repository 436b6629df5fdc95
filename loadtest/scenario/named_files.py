"""The files that a scenario names: script, audio, endpoint profiles, certificates. Each is checked where it is.

They are looked for even if the scenario has other faults, so that one look at the errors is enough.
"""

from __future__ import annotations

import os.path
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.audio.wav import Line, read_line
from loadtest.errors import ScenarioError
from loadtest.scenario.callee import Script, ScriptLine
from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.problems import FieldPath, Problem, dotted, nearest
from loadtest.scenario.validate import validate
from loadtest.scenario.yaml_source import Source, read_source

__all__ = ["LoadedLine", "LoadedScript", "NamedFiles"]


@dataclass(frozen=True, slots=True)
class LoadedLine:
    """One utterance of the script with its audio."""

    name: str
    text: str
    path: Path
    line: Line


@dataclass(frozen=True, slots=True)
class LoadedScript:
    """A script with its audio."""

    lines: tuple[LoadedLine, ...]
    reprompts: tuple[LoadedLine, ...]
    goodbye: LoadedLine | None

    @property
    def everything(self) -> tuple[LoadedLine, ...]:
        """Lines, re-prompts, goodbye."""
        return (*self.lines, *self.reprompts, *([self.goodbye] if self.goodbye else []))


class NamedFiles:
    """Loads what `source` names, relative to the folder of `path`; what is wrong goes to `problems`."""

    def __init__(self, path: Path, source: Source, problems: list[Problem]) -> None:
        self._path = path
        self._source = source
        self._problems = problems
        self._profiles: dict[Path, EndpointProfile | None] = {}
        self._audio: dict[Path, Line | None] = {}

    def script(self) -> tuple[Script, LoadedScript] | None:
        """The script and its audio, or None."""
        named = self._source.data.get("script")
        if not isinstance(named, str):
            return None
        file = _beside(self._path, named)
        if not self._is_there(file, ("script",), named, "a script file"):
            return None
        source = read_source(file, self._problems)
        if source is None:
            return None
        # Audio is looked at even if the rest of the script is wrong.
        for field in _audio_fields(source.data):
            self._line(file, source, field)
        script = validate(Script, source, self._problems)
        if script is None:
            return None
        lines = [self._loaded(file, line) for line in script.lines]
        reprompts = [self._loaded(file, line) for line in script.reprompts]
        goodbye = self._loaded(file, script.goodbye) if script.goodbye else None
        if None in lines or None in reprompts or (script.goodbye and goodbye is None):
            return None
        return script, LoadedScript(tuple(filter(None, lines)), tuple(filter(None, reprompts)), goodbye)

    def profile(self, arm: str) -> EndpointProfile | None:
        """The endpoint profile of an arm, if it names one that can be used."""
        field: FieldPath = ("arms", arm, "endpoint", "profile")
        named = _at(self._source.data, field)
        if not isinstance(named, str):
            return None
        file = _beside(self._path, named)
        if file not in self._profiles:
            if not self._is_there(file, field, named, "an endpoint profile"):
                return None
            source = read_source(file, self._problems)
            self._profiles[file] = validate(EndpointProfile, source, self._problems) if source else None
        profile = self._profiles[file]
        model = _at(self._source.data, ("arms", arm, "model"))
        if profile is not None and isinstance(model, str) and model != profile.model:
            self._add(
                ("arms", arm, "model"),
                f'expected "{profile.model}", the model of {named}; found "{model}"',
                "Correct the model, or name the profile of that model: a simulated endpoint serves one.",
            )
        return profile

    def ca_file(self, arm: str) -> Path | None:
        """The certificates that an arm names, if they can be used."""
        field: FieldPath = ("arms", arm, "endpoint", "ca_file")
        named = _at(self._source.data, field)
        if not isinstance(named, str):
            return None
        file = _beside(self._path, named)
        if not self._is_there(file, field, named, "a PEM file"):
            return None
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
        except (OSError, ssl.SSLError):
            text = f'expected certificates (PEM); found none that can be used in "{named}"'
            self._add(field, text, "Give the certificate of the authority that signed the endpoint's.")
            return None
        return file.absolute()

    def _loaded(self, script: Path, line: ScriptLine) -> LoadedLine | None:
        file = _beside(script, line.audio)
        audio = self._audio.get(file)
        return LoadedLine(line.name, line.text, file, audio) if audio is not None else None

    def _line(self, script: Path, source: Source, field: FieldPath) -> None:
        named = _at(source.data, field)
        file = _beside(script, named)
        try:
            if file not in self._audio:
                self._audio[file] = None
                self._audio[file] = read_line(file)
        except ScenarioError as error:
            found = error.message.removeprefix(f"{file}: ")
            text = f"expected speech in a WAV or FLAC file; found {file}, which {found}"
            remedy = error.remedy
            if not file.exists():
                text = f'expected an audio file; found no file "{named}" ({file})'
                remedy = _missing_remedy(file, named)
            self._problems.append(Problem(source.place(field), dotted(field), text, remedy))

    def _is_there(self, file: Path, field: FieldPath, named: str, what: str) -> bool:
        if file.is_file():
            return True
        found = "the folder" if file.is_dir() else "no file"
        self._add(field, f'expected {what}; found {found} "{named}" ({file})', _missing_remedy(file, named))
        return False

    def _add(self, field: FieldPath, text: str, remedy: str) -> None:
        self._problems.append(Problem(self._source.place(field), dotted(field), text, remedy))


def _beside(file: Path, named: str) -> Path:
    return Path(os.path.normpath(file.parent / named))


def _missing_remedy(file: Path, named: str) -> str:
    try:
        names = {p.stem: p.name for p in sorted(file.parent.iterdir())}
    except OSError:
        return f"There is no folder {file.parent}. Paths are relative to the file that names them."
    close = nearest(file.stem, tuple(names))
    if close:
        return f'Did you mean "{named[: len(named) - len(Path(named).name)]}{names[close]}"?'
    return "Correct the path, which is relative to the file that names it, or put the file there."


def _at(data: Any, path: FieldPath) -> Any:
    for part in path:
        if isinstance(data, tuple) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            return None
    return data


def _audio_fields(data: Any) -> list[FieldPath]:
    fields: list[FieldPath] = []
    for group in ("lines", "reprompts"):
        entries = data.get(group)
        fields += [(group, i, "audio") for i in range(len(entries) if isinstance(entries, tuple) else 0)]
    fields.append(("goodbye", "audio"))
    return [field for field in fields if isinstance(_at(data, field), str)]
