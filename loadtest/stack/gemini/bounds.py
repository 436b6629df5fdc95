"""What keeps a client that reconnects without end from filling the disk or taking the machine from the others.

A bucket holds tokens that come back with time. Ordinary calls never empty one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Bucket", "Loops", "Ration"]

Line = tuple[str, Mapping[str, Any]]


@dataclass(slots=True)
class Bucket:
    """At most `capacity` tokens, `per_s` of which come back each second. Times are monotonic seconds."""

    capacity: float
    per_s: float
    _tokens: float = field(init=False)
    _at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._tokens = self.capacity

    def left(self, now: float) -> float:
        """Tokens there are now."""
        self._tokens = min(self.capacity, self._tokens + max(0.0, now - self._at) * self.per_s)
        self._at = now
        return self._tokens

    def take(self, now: float) -> bool:
        """Takes a token; False when there is none."""
        if self.left(now) < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Loops:
    """Slows down clients whose connections end as soon as they have begun, again and again.

    Each such connect costs client and simulator a TLS handshake. When those of one client have used up its bucket, its
    connects wait: less than any client's limit for opening a connection, so that its way through the fault stays the
    same. A client is a call; all of an arm's that don't name their call are one, with the bucket of UNNAMED.
    """

    SHORT_S = 3.0
    CONNECTS = 60
    PER_S = 0.05
    WAIT_S = 5.0
    UNNAMED = 10

    def __init__(self) -> None:
        self._buckets: dict[str | None, Bucket] = {}

    def wait_s(self, client: str | None, now: float) -> float:
        """How long a connect of `client` has to wait, s."""
        bucket = self._buckets.get(client)
        return 0.0 if bucket is None or bucket.left(now) >= 1.0 else self.WAIT_S

    def ended(self, client: str | None, now: float, lived_s: float) -> None:
        """A connection of `client`, refused ones included, has ended after `lived_s` seconds."""
        if lived_s < self.SHORT_S:
            size = self.UNNAMED if client is None else 1
            self._buckets.setdefault(client, Bucket(size * self.CONNECTS, size * self.PER_S)).take(now)


class Ration:
    """Bounds the truth lines of one call, and counts what is left out."""

    LINES = 5000
    PER_S = 10.0

    def __init__(self) -> None:
        self._bucket = Bucket(self.LINES, self.PER_S)
        self._left_out: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def admit(self, now: float, kind: str, fields: Mapping[str, Any]) -> list[Line]:
        """What to write for this line: nothing when there is no room, else the line, after what was left out before."""
        if not self._bucket.take(now):
            self._left_out[kind] += 1
            if kind == "fault":
                self._faults[str(fields["fault"])] += 1
            return []
        return [*self.rest(), (kind, fields)]

    def rest(self) -> list[Line]:
        """The line on what was left out and not told yet, if anything was."""
        if not self._left_out:
            return []
        told = {"lines": dict(self._left_out), "faults": dict(self._faults)}
        self._left_out.clear()
        self._faults.clear()
        return [("left_out", told)]
