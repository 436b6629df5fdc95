"""What people read: terminal and Markdown."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.report.markdown import escape
from loadtest.report.summary import render, summarise, write_summary
from tests.unit.made_up import MadeUp, ordinary_run

HOSTILE = "[bold]oops[/bold] \x1b[2J |</td><script>x</script> `@all` [a](https://x.test) #12 *b* ![i](j)\n# title"


def printed(run: MadeUp, path: Path, *, width: int = 100, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    render(summarise(run.write(path)), console)
    return out.getvalue()


def markdown(run: MadeUp, path: Path) -> str:
    folder = run.write(path)
    write_summary(folder, summarise(folder))
    return folder.summary_md.read_text()


def row(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.lstrip("| ").startswith(label))


def hostile() -> MadeUp:
    run = ordinary_run(lost={"preview": 1})
    run.close("0001-ga", 9.0, reason=HOSTILE)
    return run


def test_the_first_line_says_rehearsal(tmp_path: Path) -> None:
    first = printed(ordinary_run(), tmp_path).strip().splitlines()[0]
    assert "REHEARSAL against simulated endpoints" in first


@pytest.mark.parametrize("width", [100, 80, 200])
def test_it_fits_a_hundred_columns(tmp_path: Path, width: int) -> None:
    run = ordinary_run(lost={"preview": 7, "ga": 2})
    run.scenario["thresholds"] = ["reply_latency.p95 < 3000"]
    run.info["warnings"] = ("a long warning " * 20,)
    for line in printed(run, tmp_path, width=width).splitlines():
        assert len(line) <= min(width, 100)


def test_colours_only_on_a_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in printed(ordinary_run(), tmp_path / "plain")
    assert "\x1b" in printed(ordinary_run(), tmp_path / "coloured", colour=True)


def test_a_p95_at_the_limit_is_printed_as_beyond_it(tmp_path: Path) -> None:
    text = printed(ordinary_run(lost={"preview": 12}), tmp_path)
    assert re.search(r"reply p95\s+> 10\.0 s", text)


def test_a_quantile_from_too_few_turns_says_what_it_needs(tmp_path: Path) -> None:
    text = printed(ordinary_run(blocks=4), tmp_path)
    assert "needs 73 turns, has 24" in row(text, "reply p95")
    assert "needs 12 blocks, has 4" in text
    assert "[" not in row(text, "reply p50")


def test_what_else_was_heard_is_told_by_arm_and_only_where_something_was(tmp_path: Path) -> None:
    assert "what else was heard" not in printed(ordinary_run(), tmp_path / "plain")
    run = ordinary_run()
    run.tables["turns"][0]["labels"] = "click; repeated"  # of preview
    text = printed(run, tmp_path / "labelled")
    assert re.search(r"repeated\s+1: 1\.0 per 100 \[0\.0, \d\.\d\]\s+0: 0\.0 per 100 \[0\.0, \d\.\d\]", text)
    assert text.index("click") < text.index("repeated") < text.index("valid turns")
    assert "breath" not in text
    assert "| repeated | 1: 1.0 per 100" in markdown(run, tmp_path / "markdown")


def test_quantiles_stand_with_n_and_interval(tmp_path: Path) -> None:
    assert re.search(r"reply p50\s+\d+ ms \[\d+ ms, \d+ ms\], n 96\s", printed(ordinary_run(), tmp_path))


def test_below_twelve_blocks_the_ratio_is_labelled(tmp_path: Path) -> None:
    few = ordinary_run(blocks=4, lost={"preview": 2, "ga": 1})
    text = " ".join(printed(few, tmp_path / "few").split())
    assert "ga against preview: 4 blocks (under 12), exact interval, assumes independent closes." in text
    assert "*assumes independent closes*" in markdown(few, tmp_path / "md")


def test_no_close_is_a_bound_and_no_evidence_is_unknown(tmp_path: Path) -> None:
    none = ordinary_run()
    assert "0, at most 0.187 (95 %)" in row(printed(none, tmp_path / "none"), "per connected minute")
    for call in none.tables["calls"]:
        call["socket_s"] = None
    assert "unknown" in row(printed(none, tmp_path / "unknown"), "per connected minute")


def test_an_invalid_run_says_so_and_what_to_do(tmp_path: Path) -> None:
    run = ordinary_run()
    for turn in run.tables["turns"][:60]:
        turn.update(valid=False, invalid_reason="cpu 98%")
    text = printed(run, tmp_path)
    assert "INVALID: preview: 69 % of turns valid, 95 % needed; ga: 69 % of turns valid, 95 % needed" in text
    assert "Don't use these figures" in text


def test_it_ends_with_where_the_results_are(tmp_path: Path) -> None:
    text = printed(ordinary_run(lost={"ga": 1}), tmp_path)
    assert "calls/0001-ga/audio.flac" in text
    assert "summary.json" in text.splitlines()[-1] or "summary.json" in text.splitlines()[-2]


def test_nobody_is_told_to_listen_to_what_was_not_kept(tmp_path: Path) -> None:
    run = ordinary_run(lost={"ga": 1})
    run.scenario["recordings"] = "none"
    assert "audio.flac" not in printed(run, tmp_path)


def test_what_a_server_said_is_shown_as_it_stands_and_does_nothing_on_a_terminal(tmp_path: Path) -> None:
    text = printed(hostile(), tmp_path, width=100)
    assert "\x1b" not in text
    assert "[bold]oops[/bold]" in " ".join(text.split())


def test_what_a_server_said_does_nothing_in_markdown(tmp_path: Path) -> None:
    text = markdown(hostile(), tmp_path)
    line = row(text, "reasons given")
    assert "\x1b" not in text
    assert "<" not in line
    assert len(re.findall(r"(?<!\\)\|", line)) == 4
    assert not re.search(r"(?<!\\)[`*]|@\w|#\d|://|\]\(", line)
    assert [ln for ln in text.splitlines() if ln.startswith("# ")] == [text.splitlines()[0]]


def test_escaping_leaves_our_own_words_readable() -> None:
    own = "812 ms [790 ms, 834 ms], ws_close 2, > 10.0 s, 97.9 %"
    assert escape(own) == own
    assert escape("_em_ and a_b") == r"\_em\_ and a_b"


def test_markdown_and_terminal_say_the_same(tmp_path: Path) -> None:
    run = ordinary_run(lost={"preview": 7, "ga": 2})
    page, screen = markdown(run, tmp_path / "md"), printed(run, tmp_path / "terminal")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| |")]
    assert len(rows) > 20
    for line in rows:
        label, *cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        for cell in cells:
            assert cell in row(screen, label)
