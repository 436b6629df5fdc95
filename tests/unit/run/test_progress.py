"""What a run says of itself while it lasts."""

from __future__ import annotations

import io

from rich.console import Console

from loadtest.call.spec import CallSpec
from loadtest.record.events import Answered, Event, Heard, LineEnded, Outcome
from loadtest.run.progress import PlainProgress, Tally, TerminalProgress, progress_for
from tests.unit.calls import planned_call


def call(arm: str) -> CallSpec:
    planned = planned_call(call_id=f"0000-{arm}", arm=arm)
    return CallSpec(call=planned, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")


def line_ended(t: float, turn: int | None) -> Event:
    return LineEnded(t=t, turn=turn, end_sample=0, cut=False)


def one_call_over() -> Tally:
    """One call of preview with a reply after 0.8 s; one of ga dropped."""
    tally, preview = Tally({"preview": 2, "ga": 1}), call("preview")
    talk = (Answered(t=2.0), Heard(t=3.0, speaking=True), line_ended(5.0, 0), Heard(t=5.8, speaking=True))
    for event in (*talk, line_ended(9.0, None), Heard(t=9.4, speaking=True)):
        tally.event(preview, event)
    tally.released(preview, Outcome.COMPLETED)
    tally.dropped["ga"] += 1
    return tally


def test_an_arm_in_a_phrase() -> None:
    tally = one_call_over()
    assert tally.arm_text("preview") == "1/2 calls, 1 answered, reply ~0.8 s (provisional, n=1)"
    assert tally.arm_text("ga") == "1/1 calls, 0 answered, 1 dropped, reply ~– (provisional, n=0)"
    tally.released(call("preview"), Outcome.AGENT_LEFT)
    assert "2/2 calls, 1 answered, 1 not completed" in tally.arm_text("preview")


def test_without_a_terminal_there_are_plain_lines_now_and_then() -> None:
    out = io.StringIO()
    with progress_for(Console(file=out, width=40)) as progress:
        progress.stage("Dialling 3 calls, at most 2 at a time.")
        for now_s in (0.5, 1.0, 15.0, 15.5, 75.0):
            progress.update(one_call_over(), 1, now_s)
    first, *lines = out.getvalue().splitlines()
    assert isinstance(progress, PlainProgress)
    assert first == "Dialling 3 calls, at most 2 at a time."
    assert [line.split()[0] for line in lines] == ["0:00", "0:15", "1:15"]
    assert all("1 active  preview: 1/2 calls" in line and "| ga: 1/1 calls" in line for line in lines)
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_a_live_table_takes_itself_away() -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, width=100, force_terminal=True)) as progress:
        progress.update(one_call_over(), 1, 65.0)
    shown = out.getvalue()
    for part in ("1:05", "1 calls in progress", "preview", "1/2 calls", "Ctrl-C hangs up"):
        assert part in shown
    assert shown.rstrip().endswith("\x1b[2K")
