"""Which answers of an endpoint say that a quota was reached."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["says_quota"]

# A close reason is cut at 123 bytes, often in the middle of the sentence.
_QUOTA: Final = re.compile(
    r"resource[_ ]?(has been )?exhausted|quota|too many requests|rate[_ ]limit|maximum concurrent", re.IGNORECASE
)
_TOO_MANY: Final = 429


def says_quota(http_status: int | None, reason: str) -> bool:
    """Of a refused upgrade, or of a close by the server."""
    return http_status == _TOO_MANY or _QUOTA.search(reason) is not None
