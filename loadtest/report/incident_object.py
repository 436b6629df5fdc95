"""What the logs of an incident tell, as JSON. docs/incidents.md tells its keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from loadtest.analyse.incident.result import Incident

__all__ = ["SCHEMA", "incident_object"]

SCHEMA: Final = 1


def incident_object(incident: Incident) -> dict[str, Any]:
    """Field names are keys; what is not told is null, never 0."""
    return {"schema": SCHEMA, **asdict(incident)}
