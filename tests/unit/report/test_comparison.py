"""What `loadtest compare` prints and writes: terminal, Markdown, comparison.json, its schema and its page."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from rich.console import Console

from loadtest.analyse.compare import result
from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import Choice, Comparison, Verdict
from loadtest.analyse.estimate import Interval
from loadtest.cli.compare import compare
from loadtest.cli.schema import schema
from loadtest.errors import ExitCode, NewerError, RecordError
from loadtest.jobs.compare import compare_runs, keep_comparison
from loadtest.report.comparison_markdown import comparison_markdown
from loadtest.report.comparison_object import comparison_exit_code, comparison_object, comparison_schema
from loadtest.report.comparison_terminal import print_comparison
from tests.unit.made_up import MadeUp, ordinary_run

DOCS = Path(__file__).parents[3] / "docs"
HOSTILE = "[bold]oops[/bold] \x1b[2J |</td><script>x</script> `@all` [a](https://x.test) #12 *b* ![i](j)\n# title"


def declared(**of_run: Any) -> MadeUp:
    run = ordinary_run(**{"blocks": 24, **of_run})
    run.scenario.update(compare={"control": "ga"}, blocks=24)
    return run


def compared(run: MadeUp, path: Path) -> Comparison:
    return compare_runs([run.write(path)])


@cache
def usual() -> Comparison:
    """Of arms that are alike; made once."""
    with TemporaryDirectory() as path:
        return compared(declared(), Path(path))


def printed(comparison: Comparison, *, width: int = 100, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    print_comparison(comparison, console, written=None)
    return out.getvalue()


def in_a_line(text: str) -> str:
    return " ".join(text.split())


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(comparison_schema())


def checked(comparison: Comparison) -> dict[str, Any]:
    """The object as it comes back from a file, fit for its schema."""
    text = json.dumps(comparison_object(comparison, comparison_exit_code(comparison)), allow_nan=False)
    body = json.loads(text)
    validator().validate(body)
    return dict(body)


def odd_runs() -> dict[str, MadeUp]:
    unanswered = declared()
    for turn in unanswered.tables["turns"]:
        turn.update(latency_ms=None, outcome="no_reply", lost=True)
    for call in unanswered.tables["calls"]:
        call.update(greeting_latency_ms=None, socket_s=None)
    identical = declared()
    by_arm: dict[str, list[dict[str, Any]]] = {arm: [] for arm in identical.arms}
    for turn in identical.tables["turns"]:
        by_arm[turn["arm"]].append(turn)
    for one, other in zip(*by_arm.values(), strict=True):
        other["latency_ms"] = one["latency_ms"]
    single_call = declared(blocks=1, turns=1)
    single_call.tables["calls"].pop()
    single_call.tables["turns"].pop()
    arm_missing = declared()
    for table in ("calls", "turns"):
        arm_missing.tables[table] = [row for row in arm_missing.tables[table] if row["arm"] == "ga"]
    no_turns = declared()
    no_turns.tables["turns"].clear()
    not_dialled = declared(blocks=2)
    for call in not_dialled.tables["calls"]:
        call.update(outcome="not_dialled", dialled_s=None, answered_s=None, agent_joined_s=None, talk_s=None)
    not_dialled.tables["turns"].clear()
    three = declared(arms=("preview", "ga", "other"), lost={"other": 12})
    nothing = MadeUp()
    nothing.scenario.update(compare={"control": "ga"})
    return {
        "no event": declared(),
        "one block": declared(blocks=1),
        "all turns unanswered": unanswered,
        "identical arms": identical,
        "a single call": single_call,
        "a missing arm": arm_missing,
        "no turn": no_turns,
        "nothing dialled": not_dialled,
        "three arms": three,
        "nothing at all": nothing,
    }


@pytest.mark.parametrize("name", odd_runs())
def test_whatever_there_is_is_compared_without_traceback_nan_or_false_certainty(tmp_path: Path, name: str) -> None:
    comparison = compared(odd_runs()[name], tmp_path)
    body = checked(comparison)
    text = printed(comparison) + comparison_markdown(comparison)
    assert "nan" not in re.findall(r"[a-z]+", text.lower())
    assert "None" not in text
    for candidate in comparison.candidates.values():
        assert candidate.choice in {Choice.INCONCLUSIVE, Choice.INVALID} or name in {
            "three arms",
            "all turns unanswered",
        }
        assert candidate.choice is not Choice.ADOPT
        assert candidate.missing or candidate.choice in {Choice.INVALID, Choice.REJECT}
    assert body["exit_code"] in {0, 3, 4}


@pytest.mark.parametrize("name", ["a single call", "a missing arm", "no turn", "nothing dialled", "nothing at all"])
def test_what_cannot_be_compared_is_invalid_and_says_why(tmp_path: Path, name: str) -> None:
    comparison = compared(odd_runs()[name], tmp_path)
    assert comparison_exit_code(comparison) is ExitCode.INVALID
    assert "INVALID" in printed(comparison)
    assert "**INVALID" in comparison_markdown(comparison)


# On a terminal.


@pytest.mark.parametrize("width", [100, 80, 200])
def test_it_fits_a_hundred_columns(tmp_path: Path, width: int) -> None:
    run = declared(lost={"preview": 20, "ga": 3})
    run.info["warnings"] = ("a long warning " * 20,)
    for turn in run.tables["turns"][:40]:
        turn["valid"] = False
    for line in printed(compared(run, tmp_path), width=width).splitlines():
        assert len(line) <= min(width, 100)


def test_colours_only_on_a_terminal() -> None:
    comparison = usual()
    assert "\x1b" not in printed(comparison)
    assert "\x1b" in printed(comparison, colour=True)


def test_every_metric_stands_with_its_figures_margin_and_verdict() -> None:
    comparison = usual()
    text = printed(comparison)
    for metric in comparison.candidates["preview"].metrics:
        line = next(line for line in text.splitlines() if line.strip().startswith(metric.title))
        assert str(metric.verdict) in line
    assert re.search(r"reply latency, p50 +\d+ ms +\d+ ms +× \d\.\d\d \[\d\.\d\d, \d\.\d\d\] +≤ × 1\.05 ", text)
    assert re.search(r"answered share +100\.0 % +100\.0 % +\+0 \[-\S+, \+\S+\] points +≥ -1 point ", text)


def test_an_exploration_says_so_before_all_figures(tmp_path: Path) -> None:
    run = declared()
    run.info["hashes"] = {}
    comparison = compared(run, tmp_path)
    for text in (printed(comparison), comparison_markdown(comparison)):
        assert text.lower().index("exploratory") < text.index("1011 rate")


def test_confounded_arms_are_named_beside_the_verdict() -> None:
    comparison = usual()
    candidates = {
        name: dataclasses.replace(candidate, confounded=("region: us-central1 / europe-west4",))
        for name, candidate in comparison.candidates.items()
    }
    comparison = dataclasses.replace(comparison, candidates=candidates)
    for text in (printed(comparison), comparison_markdown(comparison)):
        assert "region: us-central1 / europe-west4" in in_a_line(text)


def hostile(comparison: Comparison) -> Comparison:
    """Everything that can come from outside does."""

    def spoil(value: Any) -> Any:
        if isinstance(value, Effect):
            return dataclasses.replace(value, why=HOSTILE, notes=(HOSTILE,))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.replace(
                value, **{f.name: spoil(getattr(value, f.name)) for f in dataclasses.fields(value)}
            )
        if isinstance(value, tuple):
            return tuple(HOSTILE if type(entry) is str else spoil(entry) for entry in value) or value
        return {key: spoil(entry) for key, entry in value.items()} if isinstance(value, dict) else value

    spoilt = spoil(comparison)
    assert isinstance(spoilt, Comparison)
    return dataclasses.replace(
        spoilt,
        gates=tuple(dataclasses.replace(gate, passed=False, text=HOSTILE) for gate in spoilt.gates[:2]),
        warnings=(HOSTILE,),
        exploratory=(HOSTILE,),
        runs=tuple(dataclasses.replace(run, run_id=HOSTILE) for run in spoilt.runs),
        candidates={
            name: dataclasses.replace(
                one, sentence=HOSTILE, because=(HOSTILE,), missing=(HOSTILE,), confounded=(HOSTILE,)
            )
            for name, one in spoilt.candidates.items()
        },
    )


def test_what_comes_from_outside_does_nothing_on_a_terminal() -> None:
    text = printed(hostile(usual()))
    assert "\x1b" not in text
    assert "[bold]oops[/bold]" in in_a_line(text)
    assert not any(line.startswith("# title") for line in text.splitlines())


def test_what_comes_from_outside_does_nothing_in_markdown() -> None:
    text = comparison_markdown(hostile(usual()))
    assert "\x1b" not in text
    assert "<script" not in text
    assert "</td" not in text
    assert not re.search(r"(?<!\\)`@|@\w|#\d|[^\\]//|(?<!\\)!\[i\]|\]\(https", text.replace("### ", ""))
    assert not any(line.startswith("# ") for line in text.splitlines())


def test_markdown_is_short(tmp_path: Path) -> None:
    text = comparison_markdown(compared(declared(lost={"preview": 3}), tmp_path))
    assert len(text.splitlines()) < 30
    assert "p99" not in text


# Exit codes.


def with_choice(comparison: Comparison, choice: Choice, **changes: Any) -> Comparison:
    candidates = {name: dataclasses.replace(one, choice=choice) for name, one in comparison.candidates.items()}
    return dataclasses.replace(comparison, candidates=candidates, **changes)


@pytest.mark.parametrize(
    ("choice", "plain", "required"), [("adopt", 0, 0), ("inconclusive", 0, 5), ("reject", 4, 4), ("invalid", 3, 3)]
)
def test_exit_codes(choice: str, plain: int, required: int) -> None:
    comparison = with_choice(usual(), Choice(choice))
    assert comparison_exit_code(comparison) == plain
    assert comparison_exit_code(comparison, require_verdict=True) == required
    explored = dataclasses.replace(comparison, exploratory=("why",))
    assert comparison_exit_code(explored, require_verdict=True) == (5 if choice == "adopt" else required)


def test_of_several_candidates_the_worst_counts(tmp_path: Path) -> None:
    comparison = compared(declared(arms=("preview", "ga", "other")), tmp_path)
    one, other = comparison.candidates
    for choices, code in (
        ({one: Choice.ADOPT, other: Choice.REJECT}, ExitCode.THRESHOLD_FAILED),
        ({one: Choice.ADOPT, other: Choice.INCONCLUSIVE}, ExitCode.INCONCLUSIVE),
    ):
        candidates = {
            name: dataclasses.replace(comparison.candidates[name], choice=choice) for name, choice in choices.items()
        }
        mixed = dataclasses.replace(comparison, candidates=candidates)
        assert comparison_exit_code(mixed, require_verdict=True) is code


# comparison.json.


def test_the_committed_schema_is_what_the_command_prints() -> None:
    """Made anew by `make schema`."""
    shown = CliRunner().invoke(schema, ["comparison"], standalone_mode=False).stdout
    assert (DOCS / "comparison.schema.json").read_text() == shown
    Draft202012Validator.check_schema(json.loads(shown))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("look"),
        lambda body: body.update(kind="google"),
        lambda body: body["candidates"]["preview"].update(choice="maybe"),
        lambda body: body["candidates"]["preview"]["metrics"][0].update(margin="none"),
        lambda body: body["gates"][0].pop("passed"),
        lambda body: body.update(exit_code=1),
    ],
)
def test_the_schema_refuses_what_is_no_comparison(spoil: Any) -> None:
    body = checked(usual())
    spoil(body)
    assert not validator().is_valid(body)


def test_what_is_not_finite_is_null() -> None:
    comparison = usual()
    look = dataclasses.replace(comparison.look, bound_z=float("inf"), share=float("nan"))
    body = comparison_object(dataclasses.replace(comparison, look=look), ExitCode.OK)
    assert (body["look"]["bound_z"], body["look"]["share"]) == (None, None)


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    folder = declared(lost={"preview": 4, "ga": 2}).write(tmp_path)
    one, other = (comparison_object(compare_runs([folder]), ExitCode.OK) for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize(
    ("heading", "of"),
    [
        ("## comparison.json", result.Comparison),
        ("### `runs[]`", result.PooledRun),
        ("### `look`", result.Look),
        ("### `gates[]`", result.Gate),
        ("### `candidates.<arm>`", result.Candidate),
        ("### `candidates.<arm>.metrics[]`", result.MetricResult),
        ("### `candidates.<arm>.metrics[].effect`", Effect),
    ],
)
def test_every_key_is_described_in_its_order(heading: str, of: type) -> None:
    page = (DOCS / "comparison.md").read_text()
    text = re.split(r"^#", page[page.index(f"{heading}\n") + len(heading) :], flags=re.MULTILINE)[0]
    told = re.findall(r"^\| `(\w+)` \| .{4,} \|$", text, flags=re.MULTILINE)
    assert told == [f.name for f in dataclasses.fields(of)] + ["exit_code"] * (of is Comparison)


def test_words_of_verdicts_choices_and_intervals_are_described() -> None:
    page = (DOCS / "comparison.md").read_text()
    words = [*Verdict, *Choice, *result.Role, *(f.name for f in dataclasses.fields(Interval))]
    assert [word for word in words if f"`{word}`" not in page] == []


# The command.


def run_command(*args: str | Path) -> Result:
    return CliRunner().invoke(compare, [str(arg) for arg in args], standalone_mode=False)


def test_one_runs_result_is_kept_in_its_folder(tmp_path: Path) -> None:
    folder = declared().write(tmp_path)
    done = run_command(folder.path, "--json")
    assert done.return_value == 0
    assert json.loads(done.stdout) == json.loads(folder.comparison_json.read_text())
    validator().validate(json.loads(done.stdout))


def test_of_several_runs_it_is_kept_where_it_is_said(tmp_path: Path) -> None:
    second = declared()
    second.run_id = "20260102T000000Z-made-up-0a1c"
    folders = [run.write(tmp_path) for run in (declared(), second)]
    paths = [folder.path for folder in folders]
    assert run_command(*paths).return_value == 0
    assert not any(folder.comparison_json.exists() for folder in folders)
    out = tmp_path / "out.json"
    assert run_command(*paths, "--output", out, "--markdown").stdout.startswith("### loadtest compare made-up")
    assert json.loads(out.read_text())["blocks"] == 48
    assert [run["run_id"] for run in json.loads(out.read_text())["runs"]] == [f.run_id for f in folders]


def test_an_invalid_run_is_still_printed_and_exits_3(tmp_path: Path) -> None:
    run = declared()
    for turn in run.tables["turns"][:60]:
        turn["valid"] = False
    done = run_command(run.write(tmp_path).path)
    assert done.return_value == 3
    assert "INVALID" in done.stdout
    assert "reply latency, p50" in done.stdout


def test_nothing_is_decided_is_5_if_a_verdict_is_required(tmp_path: Path) -> None:
    path = declared().write(tmp_path).path
    assert run_command(path).return_value == 0
    assert run_command(path, "--require-verdict").return_value == 5
    assert json.loads((path / "comparison.json").read_text())["exit_code"] == 5


def test_json_and_markdown_exclude_one_another(tmp_path: Path) -> None:
    path = declared(blocks=1).write(tmp_path).path
    assert "give one of them" in CliRunner().invoke(compare, [str(path), "--json", "--markdown"]).output


def test_a_comparison_of_a_newer_loadtest_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    path.write_text('{"schema_version": 99}')
    with pytest.raises(NewerError):
        keep_comparison(path, usual(), ExitCode.OK)
    assert path.read_text() == '{"schema_version": 99}'


def test_an_archive_that_cannot_be_written_is_compared_all_the_same(tmp_path: Path) -> None:
    folder = declared(blocks=2).write(tmp_path)
    folder.comparison_json.mkdir()
    done = run_command(folder.path)
    assert done.return_value == 0
    assert "Warning:" in done.stderr
    assert "not decided" in in_a_line(done.stdout)
    (tmp_path / "file").touch()
    with pytest.raises(RecordError):
        compare.main([str(folder.path), "--output", str(tmp_path / "file" / "out.json")], standalone_mode=False)
