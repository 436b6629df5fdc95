"""Reasons that Google's endpoint gives with its closes."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ABORTED",
    "CANCELLED",
    "DEADLINE",
    "ENTITY_NOT_FOUND",
    "INTERNAL",
    "NOT_IMPLEMENTED",
    "OCCURRED",
    "SESSION_NOT_FOUND",
    "UNAVAILABLE",
]

INTERNAL: Final = "Internal error encountered."
OCCURRED: Final = "Internal error occurred."
UNAVAILABLE: Final = "The service is currently unavailable."
DEADLINE: Final = "Deadline expired before operation could complete."
CANCELLED: Final = "The operation was cancelled."
ABORTED: Final = "The operation was aborted"
SESSION_NOT_FOUND: Final = "BidiGenerateContent session not found"
ENTITY_NOT_FOUND: Final = "Requested entity was not found."
NOT_IMPLEMENTED: Final = "Operation is not implemented, or supported, or enabled."
