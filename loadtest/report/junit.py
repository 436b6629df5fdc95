"""Checks as JUnit XML, which every CI system shows: what failed is a failure, what is invalid an error, and what is not
decided is skipped.

The format is that of Ant's JUnit task as Jenkins reads it (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final
from xml.etree import ElementTree as ET

from loadtest.record.checks import Check, Result

__all__ = ["junit"]

_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may have, escaped or not."""
_ELEMENTS: Final = {Result.FAILED: "failure", Result.INVALID: "error", Result.OPEN: "skipped"}


def junit(
    name: str, checks: Sequence[Check], *, timestamp: str | None = None, properties: Mapping[str, str] | None = None
) -> str:
    """The whole document, ending in a newline: a suite for each group of checks, in their order.

    name: of all suites, such as `loadtest nightly peak 2026-11-23`. timestamp: ISO 8601, of the run's start.
    properties: what the checks speak of, such as the run's id.
    """
    root = ET.Element("testsuites", {"name": _text(name), **_counts(checks)})
    for group, of_group in groupby(checks, key=lambda check: check.group):
        root.append(_suite(f"{name}: {group}", tuple(of_group), timestamp, properties or {}))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(name: str, checks: Sequence[Check], timestamp: str | None, properties: Mapping[str, str]) -> ET.Element:
    said = {"name": _text(name), **_counts(checks)}
    if timestamp is not None:
        said["timestamp"] = timestamp.partition("+")[0]
    suite = ET.Element("testsuite", said)
    if properties:
        listed = ET.SubElement(suite, "properties")
        for key, value in properties.items():
            ET.SubElement(listed, "property", {"name": _text(key), "value": _text(value)})
    for check in checks:
        suite.append(_case(check))
    return suite


def _case(check: Check) -> ET.Element:
    case = ET.Element("testcase", {"classname": f"loadtest.{check.group}", "name": _text(check.name)})
    element = _ELEMENTS.get(check.result)
    if element is None:
        ET.SubElement(case, "system-out").text = _text(check.text)
        return case
    found = ET.SubElement(case, element, {"message": _text(check.text)})
    if element != "skipped":
        found.set("type", check.group)
        found.text = _text(check.text)
    return case


def _counts(checks: Iterable[Check]) -> dict[str, str]:
    results = [check.result for check in checks]
    return {
        "tests": str(len(results)),
        "failures": str(results.count(Result.FAILED)),
        "errors": str(results.count(Result.INVALID)),
        "skipped": str(results.count(Result.OPEN)),
    }


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
