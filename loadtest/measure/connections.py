"""The websockets of a call's Gemini session, as the probe followed them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from loadtest.measure.call_record import CallRecord
from loadtest.measure.probe_log import Note
from loadtest_probe import wire

__all__ = ["Connection", "connections"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One attempt at a websocket; run seconds."""

    n: int
    opened_s: float | None
    """When it was begun; None if it was refused."""
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

    @property
    def connected_s(self) -> float:
        """Seconds for which it was of use."""
        return 0.0 if self.ready_s is None else max(0.0, self.closed_s - self.ready_s)

    def open_at(self, t_s: float) -> bool:
        return self.ready_s is not None and self.ready_s <= t_s < self.closed_s


def connections(record: CallRecord) -> tuple[Connection, ...]:
    """All attempts until the hang-up, in order; none without a probe.

    What a client does to its own websocket after the hang-up is no event of the call. A close made by the server counts
    up to the clocks' uncertainty after it, so that none which came before it is left out.
    """
    found: list[Connection] = []
    hung_up_s = record.hung_up_s
    last: Literal["hangup", "run_end"] = "run_end" if hung_up_s is None else "hangup"
    at_last_s = record.last_s

    for note in _until(record.probe.notes, hung_up_s, record.probe.uncertainty_s):
        match note.message:
            case wire.Connected(n, setup_ms, resumed, host):
                begun_s = note.t_s - (setup_ms or 0.0) / 1000
                if found and _is_open(found[-1], at_last_s):  # replaced by the agent, without a word
                    found[-1] = replace(found[-1], closed_s=begun_s, end="close")
                found.append(
                    Connection(
                        n=n,
                        opened_s=begun_s,
                        ready_s=note.t_s,
                        setup_ms=setup_ms,
                        closed_s=at_last_s,
                        end=last,
                        resumed=resumed,
                        host=host,
                    )
                )
            case wire.GoAway() if found:
                found[-1] = replace(found[-1], closed_s=note.t_s, end="goaway")
            case wire.Closed() as closed if found:
                went_away = found[-1].end == "goaway"
                found[-1] = replace(
                    found[-1], closed_s=note.t_s, end="goaway" if went_away else "close", failure=closed
                )
            case wire.Refused() as refused:
                found.append(
                    Connection(
                        n=refused.n,
                        opened_s=None,
                        ready_s=None,
                        setup_ms=None,
                        closed_s=note.t_s,
                        end="refused",
                        resumed=None,
                        failure=refused,
                    )
                )
            case wire.SessionClosed() if found and _is_open(found[-1], at_last_s):
                found[-1] = replace(found[-1], closed_s=note.t_s)  # the agent hung up first
            case _:
                pass
    return tuple(found)


def _until(notes: Iterable[Note], hung_up_s: float | None, uncertainty_s: float) -> Iterable[Note]:
    if hung_up_s is None:
        yield from notes
        return
    for note in notes:
        from_outside = isinstance(note.message, wire.Closed) and note.message.side in {"server", "none"}
        if note.t_s <= hung_up_s + (uncertainty_s if from_outside else 0.0):
            yield note


def _is_open(connection: Connection, at_last_s: float) -> bool:
    return connection.end in {"hangup", "run_end"} and connection.closed_s == at_last_s
