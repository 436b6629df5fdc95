"""What a scenario says of itself as a nightly job."""

from __future__ import annotations

from pydantic import Field

from loadtest.scenario.base import Model

__all__ = ["NightlySpec"]


class NightlySpec(Model):
    """How `loadtest nightly` goes about it; `loadtest run` has no use for it."""

    time_limit_minutes: float = Field(default=60.0, gt=0, le=1440)
    """Of the run, from its first service to its last call. Then it ends in order, and the night is judged by what there
    is."""
    verdict_nights: int = Field(default=1, ge=1, le=100)
    """The verdict of `compare` rests on the blocks of so many nights. Its looks are spread over them."""
