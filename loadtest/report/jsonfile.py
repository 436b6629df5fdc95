"""summary.json: the view model as it is, for programs. docs/summary.md tells its keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from loadtest.report.view import Summary, exit_code

__all__ = ["summary_object"]


def summary_object(summary: Summary) -> dict[str, Any]:
    """The object of summary.json: field names are keys; unknown figures are null, never NaN."""
    body = asdict(summary)
    del body["folder"]
    return {**body, "exit_code": int(exit_code(summary))}
