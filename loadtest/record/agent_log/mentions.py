"""What a log says in passing, anywhere in its lines: which models, of which jobs; which generation of the plugin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Mentions"]

_MODEL = re.compile(rb"gemini-[a-z0-9.-]*(?:live|native-audio)[a-z0-9.-]*")
_JOB = re.compile(rb"AJ_\w+")
_VERSION = re.compile(
    rb"livekit-plugins-google(?:\[[^\]]*\])?[ =:@/\"']{1,6}v?(\d+\.\d+\.\d+)"
    rb"|(?:plugin registered|starting worker).*?\"version\": ?\"(\d+\.\d+\.\d+)\""
)


@dataclass(slots=True)
class Mentions:
    """Of one log."""

    models: Counter[str] = field(default_factory=Counter)
    """By name, in lines that name no job too."""
    of_job: dict[str, str] = field(default_factory=dict)
    """The model that is named in a line that names the job."""
    versions: Counter[str] = field(default_factory=Counter)
    """Of livekit-plugins-google, or of livekit-agents, which has the same."""

    def look(self, block: bytes) -> None:
        """Look through whole lines."""
        for line in _with(block, b"gemini-"):
            for named in _MODEL.findall(line):
                model = named.rstrip(b".-").decode()
                self.models[model] += 1
                if (job := _JOB.search(line)) is not None:
                    self.of_job[job[0].decode()] = model
        for word in (b"livekit-plugins-google", b"plugin registered", b"starting worker"):
            for line in _with(block, word):
                if word == b"plugin registered" and b"livekit.plugins.google" not in line:
                    continue
                if (found := _VERSION.search(line)) is not None:
                    self.versions[(found[1] or found[2]).decode()] += 1

    @property
    def model(self) -> str | None:
        """The only model that is named; None if there is none, or are several."""
        return next(iter(self.models)) if len(self.models) == 1 else None


def _with(block: bytes, word: bytes) -> Iterator[bytes]:
    """The lines that have the word."""
    at = block.find(word)
    while at >= 0:
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        yield block[block.rfind(b"\n", 0, at) + 1 : end]
        at = block.find(word, end)
