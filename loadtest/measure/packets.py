"""What became of a call's audio packets, as the SDK counted them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadtest.record.events import Event, PacketHealth

__all__ = ["packet_columns"]


def packet_columns(events: Sequence[Event]) -> dict[str, Any]:
    """Columns of table calls: packets that came or were lost, and milliseconds made up; nulls without statistics."""
    seen = [event for event in events if isinstance(event, PacketHealth)]
    if not seen:
        return dict.fromkeys(("packets_due", "packets_lost", "concealed_ms", "packets_sent", "sent_lost"))
    return {
        "packets_due": sum(event.received + event.lost for event in seen),
        "packets_lost": sum(event.lost for event in seen),
        "concealed_ms": sum(event.concealed_ms for event in seen),
        "packets_sent": sum(event.sent for event in seen),
        "sent_lost": sum(event.sent_lost for event in seen),
    }
