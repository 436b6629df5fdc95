"""Which way media takes, by the statistics of the connection."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.rtc import stats

from loadtest.jobs.checks.finding import State
from loadtest.jobs.checks.media import MediaPath, chosen_path, media


def candidate(kind: str, name: str, candidate_type: str, protocol: str = "udp") -> stats.RtcStats:
    entry = stats.RtcStats()
    body: Any = getattr(entry, kind)
    body.rtc.id = name
    body.candidate.protocol = protocol
    body.candidate.candidate_type = stats.IceCandidateType.Value(candidate_type)
    return entry


def pair(local: str, remote: str, *, nominated: bool = True) -> stats.RtcStats:
    entry = stats.RtcStats()
    body = entry.candidate_pair
    body.rtc.id = f"{local}-{remote}"
    body.candidate_pair.local_candidate_id = local
    body.candidate_pair.remote_candidate_id = remote
    body.candidate_pair.nominated = nominated
    body.candidate_pair.state = stats.PAIR_SUCCEEDED
    body.candidate_pair.current_round_trip_time = 0.012
    return entry


CANDIDATES = [
    candidate("local_candidate", "L1", "HOST"),
    candidate("local_candidate", "L2", "RELAY", "tcp"),
    candidate("remote_candidate", "R1", "SRFLX"),
]


def test_the_nominated_pair_is_the_path() -> None:
    path = chosen_path([*CANDIDATES, pair("L2", "R1", nominated=False), pair("L1", "R1")])
    assert path == MediaPath("host", "srflx", "udp", 12.0)
    assert media(path, 0.2).state is State.OK


def test_before_there_is_one_there_is_none() -> None:
    assert chosen_path([*CANDIDATES, pair("L1", "R1", nominated=False)]) is None
    assert chosen_path([pair("L1", "R1")]) is None
    assert media(None, 0.2).state is State.WARNING


@pytest.mark.parametrize("local", ["L2"])
def test_a_detour_is_said(local: str) -> None:
    found = media(chosen_path([*CANDIDATES, pair(local, "R1")]), 0.2)
    assert found.state is State.WARNING
    assert "tcp, relay to srflx, round trip 12 ms" in found.found
