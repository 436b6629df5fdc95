"""Reading YAML 1.2 into plain data that remembers where every key and value was written.

Data only: no tags, no objects, no merge keys; no document larger than a person would write. `no`, `on` and `1:30` are
text, whatever a %YAML directive says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from loadtest.scenario.problems import FieldPath, Place, Problem, describe, dotted, nearest

__all__ = ["Source", "at", "parse_source", "read_source"]

LARGEST_BYTES = 256 * 1024
MOST_NODES = 20_000
"""Aliases are counted each time that they are used."""
_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = {_CORE + name for name in ("str", "timestamp", "value", "merge")}


@dataclass(frozen=True, slots=True)
class Source:
    """One document: mappings are dicts with text keys, lists are tuples, scalars are text, int, float, bool, None."""

    file: str
    """As shown to people."""
    data: Any
    keys: Mapping[FieldPath, Place] = field(default_factory=dict)
    values: Mapping[FieldPath, Place] = field(default_factory=dict)

    def place(self, path: FieldPath) -> Place:
        """Where the value at `path` was written, or else the nearest thing around it."""
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, Place(self.file))

    def key_place(self, path: FieldPath) -> Place:
        """Where the key that ends `path` was written; of a list entry, the entry."""
        return self.keys.get(path) or self.place(path)


def at(data: Any, path: FieldPath) -> Any:
    """The value at `path` in a document; None if there is nothing."""
    for part in path:
        if isinstance(data, tuple) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            return None
    return data


def read_source(path: Path, problems: list[Problem]) -> Source | None:
    """The document in a file; None if it is unusable as a whole. Adds what is wrong with it to `problems`."""
    shown = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        found = "a folder" if path.is_dir() else (error.strerror or str(error)).lower()
        problems.append(Problem(Place(shown), "", f"expected a YAML file; found: {found}", _missing_remedy(path)))
        return None
    return parse_source(raw, shown, problems)


def _missing_remedy(path: Path) -> str:
    try:
        around = {p.stem: p.name for p in sorted(path.parent.iterdir()) if p.suffix in {".yaml", ".yml"}}
    except OSError:
        return f"There is no folder {path.parent}: correct the path."
    close = nearest(path.stem, tuple(around))
    if close:
        return f"Did you mean {path.parent / around[close]}?"
    return f"Correct the path; {path.parent} has {', '.join(around.values()) or 'no YAML files'}."


def parse_source(raw: bytes, shown: str, problems: list[Problem]) -> Source | None:
    """The document in `raw`, as `read_source`."""

    def unusable(text: str, remedy: str, place: Place | None = None) -> None:
        problems.append(Problem(place or Place(shown), "", text, remedy))

    if len(raw) > LARGEST_BYTES:
        unusable(
            f"expected at most {LARGEST_BYTES // 1024} KiB of YAML; found {math.ceil(len(raw) / 1024)} KiB",
            "Is this the right file? Audio and results are not scenarios.",
        )
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        unusable("expected UTF-8 text; found other bytes", "Save the file as UTF-8.", Place(shown, line, 1))
        return None
    yaml = YAML(typ="rt", pure=True)
    try:
        root = yaml.compose(text)
        if root is None:
            unusable("expected a YAML mapping; the file is empty", "Start with `version: 1`; see scenarios/smoke.yaml.")
            return None
        reading = _Reading(shown, problems)
        data = reading.convert(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(shown, mark.line + 1, mark.column + 1) if mark else None
        what = ", ".join(part.split("\n")[0] for part in (error.context, error.problem) if part)
        unusable(f"expected YAML; malformed: {what}", _malformed_remedy(what), place)
        return None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        unusable("expected printable text; found a control character", "Take it out.", Place(shown, line, 1))
        return None
    except (RecursionError, _TooMuchError):
        unusable("expected a few levels and lines of YAML; found far too much", "Write it out more simply.")
        return None
    except YAMLError as error:
        unusable(f"expected YAML; malformed: {error}", "Correct the syntax.")
        return None
    if not isinstance(data, dict):
        unusable(
            f"expected a mapping (key: value lines); found {describe(data)}",
            "Start with `version: 1`; see scenarios/smoke.yaml.",
            reading.values[()],
        )
        return None
    return Source(shown, data, reading.keys, reading.values)


def _malformed_remedy(what: str) -> str:
    if "\\t" in what or "'\t'" in what:
        return "Indent with spaces, not tabs."
    if "mapping values are not allowed" in what:
        return "A colon too many, or wrong indentation? Put text that holds `: ` in quotes."
    if "single document" in what:
        return "Keep one document in the file: take out the second `---`."
    if "alias" in what:
        return "Give the alias its anchor (&name) first, or put text that begins with * in quotes."
    return "Look at this line and the one above: indentation, brackets, quotes."


class _TooMuchError(Exception):
    pass


class _Reading:
    """One pass over the nodes of a document."""

    def __init__(self, shown: str, problems: list[Problem]) -> None:
        self.keys: dict[FieldPath, Place] = {}
        self.values: dict[FieldPath, Place] = {}
        self._shown = shown
        self._problems = problems
        self._nodes = 0

    def convert(self, node: Node, path: FieldPath) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _TooMuchError
        place = self.values[path] = self._place(node)
        if isinstance(node, MappingNode):
            self._check_tag(node, path, "map")
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            self._check_tag(node, path, "seq")
            return tuple(self.convert(entry, (*path, i)) for i, entry in enumerate(node.value))
        assert isinstance(node, ScalarNode)
        return self._scalar(node, path, place)

    def _mapping(self, node: MappingNode, path: FieldPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, ScalarNode):
                self._add(
                    place, path, "expected text as a key; found a list or mapping", "Take the `?` or brackets out."
                )
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                first = self.keys[here]
                self._add(
                    place,
                    here,
                    f"expected each key once; found it a second time (first in line {first.line})",
                    "Keep one of the two.",
                )
                continue
            self.keys[here] = place
            result[key] = self.convert(value_node, here)
            if value_node.start_mark.index == value_node.end_mark.index:
                self.values[here] = place  # nothing was written: what is there is the next thing's
        return result

    def _scalar(self, node: ScalarNode, path: FieldPath, place: Place) -> Any:
        tag, text = str(node.tag), str(node.value)
        if any("\ud800" <= c <= "\udfff" for c in text):
            self._add(place, path, "expected text; found half a character (\\ud800 to \\udfff)", "Take it out.")
            return ""
        if tag in _TEXT_TAGS:
            return text
        if tag == _CORE + "null":
            return None
        if tag == _CORE + "bool":
            return {"true": True, "false": False}.get(text.lower(), text)
        if tag in {_CORE + "int", _CORE + "float"}:
            number = _number(text)
            if number is None:
                self._add(place, path, f"expected a finite number; found {describe(text)}", "Write it out in digits.")
            return number
        self._check_tag(node, path, "str")
        return text

    def _check_tag(self, node: Node, path: FieldPath, kind: str) -> None:
        tag = str(node.tag)
        if tag != _CORE + kind:
            shown = tag.replace(_CORE, "!!")
            self._add(self._place(node), path, f"expected plain data; found the tag {shown}", "Take the tag out.")

    def _place(self, node: Node) -> Place:
        return Place(self._shown, node.start_mark.line + 1, node.start_mark.column + 1)

    def _add(self, place: Place, path: FieldPath, text: str, remedy: str) -> None:
        self._problems.append(Problem(place, dotted(path), text, remedy))


def _number(text: str) -> int | float | None:
    plain = text.replace("_", "").lower()
    try:
        if plain.lstrip("+-").startswith(("0x", "0o", "0b")):
            return int(plain, 0)
        return int(plain, 10) if plain.lstrip("+-").isdigit() else _finite(float(plain))
    except ValueError:
        return None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
