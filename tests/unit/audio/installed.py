"""A stand-in for espeak-ng: an executable of that name that notes what it is asked, and babbles as long as the text."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = """\
#!{python}
import json, math, struct, sys
if sys.argv[1:] == ["--version"]:
    print("eSpeak NG text-to-speech: {version}  Data at: /somewhere")
    sys.exit()
if sys.argv[1:] == ["--voices=variant"]:
    print(" 5  variant         --/F      female3            !v/f3")
    sys.exit()
text = sys.stdin.buffer.read().decode()
with open({notes!r}, "a") as notes:
    notes.write(json.dumps([sys.argv[1:], text]) + "\\n")
if "nobody" in sys.argv:
    sys.exit("Error: The specified espeak-ng voice does not exist.")
pitch = 150 + sum(map(ord, text + sys.argv[sys.argv.index("-v") + 1])) % 100
loud = [9000 * (0.6 + 0.4 * math.cos(math.tau * 4 * i / 22050)) for i in range(1000 * len(text))]
samples = [int(loud[i] * math.sin(math.tau * pitch * i / 22050)) for i in range(1000 * len(text))]
header = b"RIFF\\xff\\xff\\xff\\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 22050, 44100, 2, 16)
sys.stdout.buffer.write(header + b"data\\xff\\xff\\xff\\xff" + struct.pack(f"<{{len(samples)}}h", *samples))
"""


@dataclass(frozen=True)
class Installed:
    """What the stand-in was asked."""

    notes: Path

    def texts(self) -> list[str]:
        """What it was given to speak, in order."""
        return [text for _, text in self._notes() if text]

    def arguments(self) -> list[list[str]]:
        return [arguments for arguments, _ in self._notes()]

    def _notes(self) -> list[Any]:
        return [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []


def install(folder: Path, version: str = "1.51") -> Installed:
    """Put it into `folder`."""
    folder.mkdir(exist_ok=True)
    program = folder / "espeak-ng"
    notes = folder / "notes.jsonl"
    program.write_text(_PROGRAM.format(python=sys.executable, version=version, notes=str(notes)))
    program.chmod(0o755)
    return Installed(notes)


def path_with(folder: Path) -> str:
    """PATH with that folder first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
