"""Which closes count as 1011s, and over which time."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.analyse.arm import ArmFigures, arm_figures
from loadtest.analyse.inputs import read_run
from tests.unit.made_up import MadeUp


def figures(run: MadeUp, path: Path, arm: str = "ga") -> ArmFigures:
    return arm_figures(read_run(run.write(path)), arm)


def one_call() -> tuple[MadeUp, str]:
    run = MadeUp()
    return run, run.call("ga", 0)


def test_closes_of_a_call_within_ten_seconds_are_one_incident(tmp_path: Path) -> None:
    run, call = one_call()
    other = run.call("ga", 0)
    for at_s in (20.0, 29.0, 38.5, 50.0):
        run.close(call, at_s)
    run.close(other, 21.0)
    ga = figures(run, tmp_path)
    assert (ga.closes.incidents_1011, ga.closes.raw_1011, ga.closes.calls_1011) == (3, 5, 2)
    assert ga.rate_1011.events == 3
    assert ga.rate_1011.per_minute == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("columns", "count"),
    [
        pytest.param({"side": "client"}, "client", id="client-made 1011 counted as Google's"),
        pytest.param({"code": 1000}, "other_server", id="1000 counted as 1011"),
        pytest.param({"code": 1008}, "other_server", id="1008 counted as 1011"),
        pytest.param({"code": 1006, "side": "none"}, "no_frame", id="1006 counted as 1011"),
        pytest.param({"side": "unknown"}, "unknown_side", id="unknown side counted as Google's"),
        pytest.param({"phase": "setup"}, "setup", id="setup counted in the rate"),
        pytest.param({"phase": "setup", "http_status": 503, "code": None}, "setup", id="refusal counted in the rate"),
    ],
)
def test_no_1011_of_the_servers(tmp_path: Path, columns: dict[str, object], count: str) -> None:
    run, call = one_call()
    run.close(call, 20.0, **columns)
    ga = figures(run, tmp_path)
    assert (ga.closes.raw_1011, ga.closes.incidents_1011, ga.rate_1011.events) == (0, 0, 0)
    counted = {
        name: sum(n.values()) if isinstance(n, dict) else n
        for name in ("client", "other_server", "no_frame", "unknown_side", "setup", "goaway")
        for n in [getattr(ga.closes, name)]
    }
    assert counted == {name: int(name == count) for name in counted}


def test_goaway_counted_as_1011(tmp_path: Path) -> None:
    run, call = one_call()
    run.close(call, 20.0, code=None, side="client", reason="goAway")
    run.tables["connections"].append({"call_id": call, "arm": "ga", "connection_id": f"{call}/1", "end": "goaway"})
    ga = figures(run, tmp_path)
    assert ga.rate_1011.events == 0
    assert (ga.closes.goaway, ga.closes.client) == (1, 0)


def test_exposure_counted_while_disconnected(tmp_path: Path) -> None:
    """A minute of talk of which the socket was up for a quarter is a quarter of a minute."""
    run = MadeUp()
    run.close(run.call("ga", 0, talk_s=60.0, socket_s=15.0), 20.0)
    ga = figures(run, tmp_path)
    assert ga.rate_1011.minutes == pytest.approx(0.25)
    assert ga.rate_1011.per_minute == pytest.approx(4.0)


def test_calls_without_evidence_are_in_no_rate(tmp_path: Path) -> None:
    run = MadeUp()
    run.call("ga", 0)
    run.close(run.call("ga", 1, socket_s=None), 20.0)
    run.call("ga", 2, socket_s=None, agent_joined_s=None, outcome="no_answer")
    ga = figures(run, tmp_path)
    assert (ga.rate_1011.events, ga.rate_1011.minutes) == pytest.approx((0, 1.0))
    assert (ga.unknown_exposure_calls, ga.unknown_exposure_incidents) == (1, 1)


def test_no_evidence_at_all_is_unknown_and_not_zero(tmp_path: Path) -> None:
    run = MadeUp()
    run.call("ga", 0, socket_s=None)
    ga = figures(run, tmp_path)
    assert ga.rate_1011.minutes is None
    assert ga.rate_1011.per_minute is None
    assert ga.rate_1011.upper_bound is None


def test_an_incomplete_block_counts_in_its_arm_and_not_in_the_ratio(tmp_path: Path) -> None:
    from loadtest.analyse.arm import rate_ratios

    run = MadeUp()
    for arm in run.arms:
        run.close(run.call(arm, 0), 20.0)
    run.close(run.call("ga", None), 90.0)
    data = read_run(run.write(tmp_path))
    assert arm_figures(data, "ga").rate_1011.events == 2
    ratio = rate_ratios(data, "preview")["ga"]
    assert (ratio.blocks, ratio.value) == pytest.approx((1, 1.0))
