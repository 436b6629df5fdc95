"""A wall clock that is set in the middle of a run changes no figure: nothing that times a call reads it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "loadtest"
WALL = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime", "ctime", "strftime"}
MAY = {
    "clock.py",  # labels, and the watch for steps
    "stack/reach.py",  # how far LiveKit's clock is from ours, for the doctor
}


def reads_of_the_wall_clock(source: str) -> list[str]:
    """Calls such as time.time() and datetime.now(), and imports that would hide them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WALL:
            of = node.func.value
            name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
            if name in {"time", "datetime", "date"}:
                found.append(f"{name}.{node.func.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"from time import {alias.name}" for alias in node.names if alias.name in WALL]
    return found


def test_nothing_that_times_a_call_reads_the_wall_clock() -> None:
    reading = {
        str(path.relative_to(ROOT)): found
        for path in sorted(ROOT.rglob("*.py"))
        if (found := reads_of_the_wall_clock(path.read_text())) and str(path.relative_to(ROOT)) not in MAY
    }
    assert reading == {}


def test_the_ways_to_read_it_are_known() -> None:
    source = "import time, datetime\nfrom time import time as t\ntime.time()\ndatetime.datetime.now()\ntime.monotonic()"
    assert reads_of_the_wall_clock(source) == ["from time import time", "time.time", "datetime.now"]
    assert all(reads_of_the_wall_clock((ROOT / name).read_text()) for name in MAY)
