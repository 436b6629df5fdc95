"""What the SDK counts becomes what happened in each second."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from loadtest.call import packets
from loadtest.call.packets import PacketCounts, PacketWatch, counts_of, watch_packets
from loadtest.errors import DialError
from loadtest.record.events import PacketHealth


def stats(kind: str, **parts: object) -> SimpleNamespace:
    return SimpleNamespace(WhichOneof=lambda _: kind, **{kind: SimpleNamespace(**parts)})


def test_counts_are_found_among_the_other_statistics() -> None:
    heard = stats(
        "inbound_rtp",
        stream=SimpleNamespace(ssrc=7),
        received=SimpleNamespace(packets_received=100, packets_lost=3),
        inbound=SimpleNamespace(
            concealed_samples=4800,
            silent_concealed_samples=960,
            jitter_buffer_emitted_count=96_000,
            jitter_buffer_delay=4800.0,
        ),
    )
    sent = stats("outbound_rtp", sent=SimpleNamespace(packets_sent=80))
    reported = stats("remote_inbound_rtp", received=SimpleNamespace(packets_lost=2))
    assert counts_of([stats("codec"), heard], [sent, reported]) == PacketCounts(
        heard=7, received=100, lost=3, concealed=3840, played=96_000, waited_s=4800.0, sent=80, sent_lost=2
    )
    assert counts_of([], []) == PacketCounts()


def counts(**changes: float) -> PacketCounts:
    values = {"heard": 7, "received": 100, "lost": 3, "concealed": 4800, "played": 48_000, "waited_s": 2400.0}
    return PacketCounts(**{**values, "sent": 50, "sent_lost": 1, **changes})  # type: ignore[arg-type]


def test_an_event_tells_what_happened_since_the_last_look() -> None:
    watch = PacketWatch()
    assert watch.look(10.0, counts()) is None
    seen = watch.look(
        11.0,
        counts(received=140, lost=13, concealed=9600, played=96_000, waited_s=2400.0 + 48_000 * 0.06, sent_lost=5),
    )
    assert seen is not None
    assert (seen.t, seen.over_s) == (11.0, 1.0)
    assert (seen.received, seen.lost, seen.concealed_ms) == (40, 10, 100.0)
    assert seen.jitter_buffer_ms == pytest.approx(60.0)
    assert (seen.sent, seen.sent_lost) == (0, 4)


def test_a_packet_that_came_after_all_is_taken_back() -> None:
    watch = PacketWatch()
    watch.look(0.0, counts(lost=3))
    seen = watch.look(1.0, counts(lost=1))
    assert seen is not None
    assert (seen.lost, seen.jitter_buffer_ms) == (-2, None)


def test_a_republished_track_begins_to_count_anew() -> None:
    watch = PacketWatch()
    watch.look(0.0, counts())
    seen = watch.look(1.0, counts(heard=8, received=20, lost=0, concealed=0, sent=60))
    assert seen is not None
    assert (seen.received, seen.lost, seen.concealed_ms, seen.sent) == (20, 0, 0.0, 10)


async def test_a_look_that_failed_is_made_good_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[PacketCounts | DialError | None] = [
        counts(),
        DialError("no answer", remedy=""),
        counts(received=200, lost=5),
        None,
    ]
    monkeypatch.setattr(packets, "EVERY_S", 0.0)
    seen: list[PacketHealth] = []

    async def count() -> PacketCounts:
        answer = answers.pop(0)
        if answer is None:
            raise asyncio.CancelledError
        if isinstance(answer, DialError):
            raise answer
        return answer

    times = iter([1.0, 3.0])
    with pytest.raises(asyncio.CancelledError):
        await watch_packets(count, lambda: next(times), seen.append)
    assert [(event.over_s, event.received, event.lost) for event in seen] == [(2.0, 100, 2)]
