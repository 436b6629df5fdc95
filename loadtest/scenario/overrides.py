"""`--set path=value`: changes to a scenario from the command line, held to the same rules as the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from loadtest.scenario.problems import FieldPath, Place, Problem, describe, dotted, nearest
from loadtest.scenario.schema import fields_at, open_at
from loadtest.scenario.yaml_source import Source, parse_source

__all__ = ["Override", "apply_overrides"]


@dataclass(frozen=True, slots=True)
class Override:
    """One change, as given."""

    path: FieldPath
    text: str
    """The value as written: YAML."""
    value: Any

    @property
    def place(self) -> Place:
        return Place(f"--set {dotted(self.path)}={self.text}")


class _NoSuchPathError(Exception):
    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


def apply_overrides(
    source: Source, texts: Sequence[str], model: type[BaseModel], problems: list[Problem]
) -> tuple[Source, tuple[Override, ...]]:
    """The document with the changes made, in their order, and the changes; `problems` gets those that cannot be."""
    applied = []
    for text in texts:
        override = _parse(text, problems)
        if override is None:
            continue
        try:
            path = _at(source.data, override.path, model)
            source = _overridden(source, replace(override, path=path))
            applied.append(replace(override, path=path))
        except _NoSuchPathError as error:
            problems.append(Problem(override.place, dotted(override.path), error.text, error.remedy))
    return source, tuple(applied)


def _parse(text: str, problems: list[Problem]) -> Override | None:
    place = Place(f"--set {text}")
    path, equals, value_text = text.partition("=")
    parts = path.strip().split(".")
    if not equals or not all(parts):
        problem = f"expected path=value; found {describe(text)}"
        problems.append(Problem(place, "", problem, "For example --set blocks=24 or --set arms.ga.model=NAME."))
        return None
    found: list[Problem] = []
    # As the value of a key, so that one parser with one set of rules reads both.
    document = parse_source(b"value: " + value_text.strip().encode(), place.file, found)
    if document is None or found:
        text = found[0].text if found else "expected a YAML value"
        problems.append(Problem(place, dotted(tuple(parts)), text, "Put quotes around text with : # [ ] { } in it."))
        return None
    return Override(tuple(parts), value_text.strip(), document.data.get("value"))


def _at(data: Any, path: FieldPath, model: type[BaseModel]) -> FieldPath:
    """`path` with list positions as numbers; raises _NoSuchPathError if the scenario can have nothing there."""
    done: FieldPath = ()
    for name in path:
        part: str | int = name
        here = dotted(done) or "the scenario"
        if isinstance(data, tuple):
            if not str(part).isdigit() or int(part) >= len(data):
                positions = f"0 to {len(data) - 1}" if data else "none, it is empty"
                raise _NoSuchPathError(
                    f'expected a position in the list {here} ({positions}); found "{part}"',
                    f"To replace the whole list: --set {dotted(done)}=[...].",
                )
            part, data = int(part), data[int(part)]
        elif isinstance(data, dict) or data is None:
            known = fields_at(model, done)
            if part not in known and part not in (data or {}) and not open_at(model, done):
                everything = tuple(dict.fromkeys((*known, *(data or {}))))
                if not everything:
                    raise _NoSuchPathError(
                        f'expected a list at {here}; found nothing, so that there is no "{part}" in it',
                        f"Set it whole: --set '{here}=[...]'.",
                    )
                close = nearest(part, everything)
                raise _NoSuchPathError(
                    f'expected a key of {here}; found unknown key "{part}"',
                    f"Did you mean `{dotted((*done, close))}`?" if close else f"It has {', '.join(everything)}.",
                )
            if done == ("arms",) and part not in (data or {}):
                _refuse_new_arm(str(part), data or {})
            data = (data or {}).get(part)
        else:
            raise _NoSuchPathError(
                f"expected {here} to be a mapping or list; found {describe(data)}",
                f"Set it whole: --set '{dotted(done)}={{{part}: ...}}'."
                if fields_at(model, done)
                else f"It is one value: --set {dotted(done)}=VALUE. What is in a file that it names is changed there.",
            )
        done = (*done, part)
    return done


def _refuse_new_arm(part: str, arms: dict[str, Any]) -> None:
    close = nearest(part, tuple(arms))
    raise _NoSuchPathError(
        f'expected one of the arms {", ".join(arms)}; found "{part}"',
        f"Did you mean `arms.{close}`?" if close else "To have other arms, replace them all: --set 'arms={...}'.",
    )


def _overridden(source: Source, override: Override) -> Source:
    path, place = override.path, override.place
    made = {path[:n]: place for n in range(1, len(path)) if path[:n] not in source.values} | {path: place}

    def outside(other: FieldPath) -> bool:
        return other[: len(path)] != path

    return replace(
        source,
        data=_with(source.data, path, override.value),
        keys={p: at for p, at in source.keys.items() if outside(p)} | made,
        values={p: at for p, at in source.values.items() if outside(p)} | made,
    )


def _with(data: Any, path: FieldPath, value: Any) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(data, tuple):
        assert isinstance(first, int)
        return (*data[:first], _with(data[first], tuple(rest), value), *data[first + 1 :])
    return {**(data or {}), first: _with((data or {}).get(first), tuple(rest), value)}
