"""The websockets of a call's Gemini session, as the probe followed them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from loadtest.measure.call_record import CallRecord
from loadtest.measure.connection import Connection
from loadtest.measure.connection_floods import told_together
from loadtest.measure.probe_log import Note
from loadtest_probe import wire

__all__ = ["Connection", "connections"]


def connections(record: CallRecord) -> tuple[Connection, ...]:
    """All attempts until the hang-up, in order; none without a probe.

    What a client does to its own websocket after the hang-up is no event of the call. A close made by the server counts
    up to the clocks' uncertainty after it, so that none which came before it is left out.
    """
    notes = tuple(_until(record.probe.notes, record.hung_up_s, record.probe.uncertainty_s))
    sessions = dict.fromkeys(note.session for note in notes)
    found = [c for one in sessions for c in _of_session(record, [note for note in notes if note.session == one])]
    if len({c.n for c in found}) < len(found):  # each of several sessions counts from 1
        found = [replace(c, n=n) for n, c in enumerate(sorted(found, key=_begun_s), start=1)]
    return tuple(found)


def _begun_s(connection: Connection) -> float:
    return connection.closed_s if connection.opened_s is None else connection.opened_s


def _of_session(record: CallRecord, notes: Iterable[Note]) -> list[Connection]:
    found: list[Connection] = []
    last: Literal["hangup", "run_end"] = "run_end" if record.hung_up_s is None else "hangup"
    at_last_s = record.last_s

    for note in notes:
        if _begun_untold(record, note.message, found, at_last_s):
            found.append(_untold(len(found) + 1, at_last_s, last))
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
            case wire.Repeated() as repeated:
                found.extend(told_together(repeated, note.t_s))
            case wire.SessionClosed() | wire.Bye() if found and _is_open(found[-1], at_last_s):
                found[-1] = replace(found[-1], closed_s=note.t_s)  # the agent hung up first
            case _:
                pass
    return found


def _begun_untold(record: CallRecord, message: wire.Message, found: Sequence[Connection], at_last_s: float) -> bool:
    """A log tells the end of a connection, and has not told its beginning."""
    if record.probe.source != "agent_log" or not isinstance(message, wire.Closed | wire.GoAway):
        return False
    return not found or not (record.probe.tells_connects or _is_open(found[-1], at_last_s))


def _untold(n: int, closed_s: float, end: Literal["hangup", "run_end"]) -> Connection:
    return Connection(
        n=n, opened_s=None, ready_s=None, setup_ms=None, closed_s=closed_s, end=end, resumed=None, untold=True
    )


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
