"""The files that a scenario names: script, audio, endpoint profiles, certificates. Each is checked where it is.

They are looked for even if the scenario has other faults, so that one look at the errors is enough.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.find import find, missing
from loadtest.scenario.problems import FieldPath, Problem, dotted
from loadtest.scenario.script_files import LoadedScript, load_script
from loadtest.scenario.validate import validate
from loadtest.scenario.yaml_source import Source, at, read_source

__all__ = ["NamedFiles"]


class NamedFiles:
    """Loads what `source` names, relative to the folder of `path`; what is wrong goes to `problems`."""

    def __init__(self, path: Path, source: Source, problems: list[Problem]) -> None:
        self._path = path
        self._source = source
        self._problems = problems
        self._profiles: dict[Path, EndpointProfile | None] = {}

    def script(self) -> LoadedScript | None:
        """The script and its audio, or None."""
        named = self._source.data.get("script")
        if not isinstance(named, str):
            return None
        file = find(self._path, named)
        if not self._is_there(file, ("script",), named, "a script file"):
            return None
        source = read_source(file, self._problems)
        return load_script(file, source, self._problems) if source is not None else None

    def profile(self, arm: str) -> EndpointProfile | None:
        """The endpoint profile of an arm, if it names one that can be used."""
        field: FieldPath = ("arms", arm, "endpoint", "profile")
        named = at(self._source.data, field)
        if not isinstance(named, str):
            return None
        file = find(self._path, named)
        if file not in self._profiles:
            if not self._is_there(file, field, named, "an endpoint profile"):
                return None
            source = read_source(file, self._problems)
            self._profiles[file] = validate(EndpointProfile, source, self._problems) if source else None
        profile = self._profiles[file]
        model = at(self._source.data, ("arms", arm, "model"))
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
        named = at(self._source.data, field)
        if not isinstance(named, str):
            return None
        file = find(self._path, named)
        if not self._is_there(file, field, named, "a PEM file"):
            return None
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
        except (OSError, ssl.SSLError):
            text = f'expected certificates (PEM); found none that can be used in "{named}"'
            self._add(field, text, "Give the certificate of the authority that signed the endpoint's.")
            return None
        return file.absolute()

    def _is_there(self, file: Path, field: FieldPath, named: str, what: str) -> bool:
        if file.is_file():
            return True
        self._add(field, *missing(what, self._path, named))
        return False

    def _add(self, field: FieldPath, text: str, remedy: str) -> None:
        self._problems.append(Problem(self._source.place(field), dotted(field), text, remedy))
