"""The grammar of thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario.thresholds import METRICS, Op, Threshold, parse_threshold

ARMS = ("ga", "preview", "p95")


@given(
    metric=st.sampled_from(sorted(METRICS)),
    arm=st.sampled_from((None, *ARMS)),
    op=st.sampled_from(("<", "<=", ">", ">=")),
    share=st.floats(0, 1),
    scale=st.sampled_from((1, 5000)),
    space=st.sampled_from(("", " ", "  ")),
    data=st.data(),
)
def test_what_is_written_is_what_is_read(
    metric: str, arm: str | None, op: Op, share: float, scale: int, space: str, data: st.DataObject
) -> None:
    stat = data.draw(st.sampled_from(METRICS[metric].stats))
    value = share if METRICS[metric].unit == "share" else share * scale
    text = f"{metric}{f'.{arm}' if arm else ''}.{stat}{space}{op}{space}{value!r}"
    assert parse_threshold(text, ARMS) == Threshold(metric, arm, stat, op, value, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reply_latency.p95", "expected `metric"),
        ("reply_latency < 3", r"expected reply_latency\[.arm\].stat, with a stat of p50, p95, p99"),
        ("reply_latency.ga.x.p95 < 3", r"expected reply_latency\[.arm\].stat"),
        ("reply_latensy.p95 < 3", "did you mean reply_latency"),
        ("reply_latency.gaa.p95 < 3", r"expected one of the arms ga, preview, p95 \(did you mean ga\?\)"),
        ("answered_share.p95 > 0.9", "expected a stat of answered_share: value"),
        ("reply_latency.p95 == 3", "expected <, <=, > or >= and not =="),
        ("reply_latency.p95 < 3s", r"expected a number >= 0 \(ms\)"),
        ("reply_latency.p95 < -1", "expected a number >= 0"),
        ("reply_latency.p95 < nan", "expected a number >= 0"),
        ("reply_latency.p95 < inf", "expected a number >= 0"),
        ("answered_share.value >= 98", "expected a share between 0 and 1"),
        ("", "expected `metric"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_threshold(text, ARMS)
