"""Reasons that Google's endpoint gives with its closes."""

from __future__ import annotations

from typing import Final

__all__ = ["DEADLINE", "INTERNAL", "OCCURRED", "UNAVAILABLE"]

INTERNAL: Final = "Internal error encountered."
OCCURRED: Final = "Internal error occurred."
UNAVAILABLE: Final = "The service is currently unavailable."
DEADLINE: Final = "Deadline expired before operation could complete."
