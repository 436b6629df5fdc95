"""One websocket of a call's Gemini session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadtest_probe import wire

__all__ = ["Connection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One attempt at a websocket; run seconds."""

    n: int
    opened_s: float | None
    """When it was begun; None if it was refused, or if that is not told."""
    ready_s: float | None
    """When setupComplete was read: connected time counts from here."""
    setup_ms: float | None
    closed_s: float
    """Its end, or that of the call."""
    end: Literal["hangup", "close", "goaway", "refused", "run_end"]
    resumed: bool | None
    host: str | None = None
    """Where it went, as the client's settings say; None if they did not tell, or it was refused."""
    failure: wire.Closed | wire.Refused | None = None
    """What the client saw of its end; None when it was open to the last, or the agent replaced it itself."""
    untold: bool = False
    """It was ready before its end, and nothing tells since when: the agent's log does not tell connects."""

    @property
    def connected_s(self) -> float:
        """Seconds for which it was of use."""
        return 0.0 if self.ready_s is None else max(0.0, self.closed_s - self.ready_s)

    def open_at(self, t_s: float) -> bool:
        return self.ready_s is not None and self.ready_s <= t_s < self.closed_s
