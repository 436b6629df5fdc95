"""What a night was made of: only nights that are alike in this are held against each other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from loadtest.analyse.compare.fingerprints import Residue, residues

__all__ = ["changes", "digest", "night_fingerprint"]

ASIDE: Final = frozenset({"margins", "host.release"})
"""Of a run's fingerprint: what is declared of the comparison changes no figure, and a kernel's update no ratio."""
LENGTH: Final = 12


def night_fingerprint(run: Mapping[str, str], blocks: int) -> dict[str, str]:
    """From what its run was made of, and the blocks of its plan: more blocks make figures that are less apart."""
    return {name: value for name, value in sorted(run.items()) if name not in ASIDE} | {"blocks": str(blocks)}


def digest(made_of: Mapping[str, str]) -> str:
    """The first 12 hex digits of the sha256 of a fingerprint."""
    text = json.dumps(dict(sorted(made_of.items())), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Residue, ...]:
    """In what two nights' fingerprints differ; each with the value before and the value after."""
    return residues([before, after])
