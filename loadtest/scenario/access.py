"""How a LiveKit server is reached: its address and the keys to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from loadtest.scenario.hosts import LIVEKIT_VARIABLES

__all__ = ["LiveKitAccess"]


@dataclass(frozen=True, slots=True)
class LiveKitAccess:
    """url: ws:// or wss:// address for participants and workers. api_key, api_secret: for tokens and the API."""

    url: str
    api_key: str
    api_secret: str = field(repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """As LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET say; all of them must be there."""
        return cls(*(environ[name] for name in LIVEKIT_VARIABLES))

    def environ(self) -> dict[str, str]:
        """The same three variables, for callees and agents."""
        return dict(zip(LIVEKIT_VARIABLES, (self.url, self.api_key, self.api_secret), strict=True))
