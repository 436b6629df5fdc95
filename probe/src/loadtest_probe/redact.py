"""Keep secrets out of what the probe sends: error texts are cut, and what looks like a key is taken out."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["clean", "name_of"]

_NAME_BYTES = 200

_REMOVED = "[removed]"
_SECRETS = (
    re.compile(r"AIza[\w\-]{8,}"),
    re.compile(r"\b(?:ya29|auth_tokens)[./][\w\-./=]+"),
    re.compile(r"\beyJ[\w\-]+\.[\w\-.]+"),  # a JSON web token
    re.compile(r"(?i)\b(?:bearer|basic|token)\s+[\w\-.=+/~]{8,}"),
    re.compile(
        r"(?i)(?<![a-z])(?:[a-z]+[_-])*(?:key|token|secret|password|authorization)[\"']?\s*[:=]\s*[\"']?[^\s\"'&,;]+"
    ),
    re.compile(r"\b[0-9a-fA-F]{32,}\b"),
    # Model names are long too, but never mix the cases.
    re.compile(r"(?=[\w\-]*[a-z])(?=[\w\-]*[A-Z])(?=[\w\-]*\d)\b[\w\-]{24,}"),
)


def clean(text: str, limit_bytes: int) -> str:
    """`text` without line breaks and anything like a key, at most `limit_bytes` of UTF-8."""
    # The cut comes last, or it could leave the head of a key that is too short to be known.
    text = " ".join(text[:4096].split())
    for secret in _SECRETS:
        text = secret.sub(_REMOVED, text)
    return text.encode("utf-8", "replace")[:limit_bytes].decode("utf-8", "ignore")


def name_of(value: Any) -> str:
    """`value` as a short name; empty if it has no text."""
    try:
        return clean(str(value), _NAME_BYTES)
    except Exception:  # a hostile __str__
        return ""
