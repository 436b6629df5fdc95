"""Loading a scenario: what is right comes out whole; what is wrong is said with its place and a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from loadtest.errors import ExitCode, ScenarioError
from loadtest.scenario.arms import Api
from loadtest.scenario.load import load_scenario
from loadtest.scenario.models import Scenario
from loadtest.scenario.problems import ScenarioProblems
from tests.unit.scenario.conftest import SCENARIO, Spoil, write_tone

SHIPPED = Path(__file__).parents[3] / "scenarios"


def problems_of(path: Path, *overrides: str) -> list[str]:
    """What is wrong, one line each."""
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(path, overrides)
    assert raised.value.exit_code == ExitCode.USAGE
    assert all(problem.remedy for problem in raised.value.problems)
    return [str(problem) for problem in raised.value.problems]


def test_a_scenario_comes_with_all_that_it_names(spoil: Spoil) -> None:
    loaded = load_scenario(spoil())
    assert [line.name for line in loaded.script.lines] == ["first", "second"]
    assert loaded.script.lines[0].duration_s == pytest.approx(0.5)
    assert [line.name for line in loaded.script.reprompts] == ["hello"]
    assert loaded.script.goodbye is None
    assert loaded.profiles["ga"].model == "model-a"
    assert (loaded.thresholds[0].metric, loaded.thresholds[0].value) == ("reply_latency", 3000)
    assert set(loaded.hashes) == {"scenario", "margins", "script", "audio", "profiles"}
    assert loaded.place("blocks").line == 10


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_scenarios_load(path: Path) -> None:
    assert load_scenario(path).scenario.version == 1


# Old text, new text, what is said. One line for each way in which a scenario can be unusable.
WRONG = {
    "a version that only equals 1": (
        "version: 1",
        "version: true",
        "small.yaml:1:10: version: expected 1; found `true`",
    ),
    "a noise that nobody makes": (
        "blocks: 3",
        "blocks: 3\ncallee: {line: {noise: {kind: rain, snr_db: 20}}}",
        'small.yaml:11:31: callee.line.noise.kind: expected one of white, pink, babble; found "rain"',
    ),
    "a telephone that nobody has": (
        "blocks: 3",
        "blocks: 3\ncallee: {line: {telephone: opus}}",
        'small.yaml:11:28: callee.line.telephone: expected one of ulaw, alaw; found "opus"',
    ),
    "more loss than anybody could follow": (
        "blocks: 3",
        "blocks: 3\ncallee: {line: {loss: 0.7}}",
        "small.yaml:11:23: callee.line.loss: expected a number <= 0.5; found `0.7`",
    ),
    "a bad line that is none": (
        "blocks: 3",
        "blocks: 3\ncallee: {line: {loss: 0}}",
        "small.yaml:11:16: callee.line: expected at least one of noise, telephone, loss; found a mapping of loss",
    ),
    "unknown key": (
        "blocks: 3",
        "blocks: 3\nseeed: 4",
        'small.yaml:11:1: seeed: expected a known key; found unknown key "seeed"',
    ),
    "unknown deep key": (
        "blocks: 3",
        "blocks: 3\ncallee: {rings: 2}",
        'small.yaml:11:10: callee.rings: expected a known key; found unknown key "rings"',
    ),
    "duplicate key": (
        "blocks: 3",
        "blocks: 3\nblocks: 4",
        "small.yaml:11:1: blocks: expected each key once; found it a second time (first in line 10)",
    ),
    "number as text": ("blocks: 3", 'blocks: "3"', 'small.yaml:10:9: blocks: expected a whole number; found "3"'),
    "bool as number": ("blocks: 3", "blocks: true", "small.yaml:10:9: blocks: expected a whole number; found `true`"),
    "fraction": ("blocks: 3", "blocks: 3.5", "small.yaml:10:9: blocks: expected a whole number; found `3.5`"),
    "too small": ("blocks: 3", "blocks: 0", "small.yaml:10:9: blocks: expected a number >= 1; found `0`"),
    "infinite": ("blocks: 3", "blocks: .inf", 'small.yaml:10:9: blocks: expected a finite number; found ".inf"'),
    "text expected": ("name: small", "name: 12", "small.yaml:2:7: name: expected text; found `12`"),
    "missing key": ("blocks: 3\n", "", "small.yaml:1:1: blocks: expected this key; found nothing"),
    "missing deep key": (
        "    model: model-a\n    endpoint: {profile: endpoint.yaml}\n  ga",
        "    endpoint: {profile: endpoint.yaml}\n  ga",
        "small.yaml:4:3: arms.preview.model: expected this key; found nothing",
    ),
    "list expected": (
        "\n  - rate_per_minute: 12",
        " {rate_per_minute: 12}",
        "small.yaml:11:11: arrivals: expected a list ([a, b], or lines that begin with -); "
        "found a mapping of rate_per_minute",
    ),
    "distribution": (
        "blocks: 3",
        "blocks: 3\ncallee: {ring_s: soon}",
        "small.yaml:11:18: callee.ring_s: expected a number, {uniform: [low, high]} or "
        '{lognormal: {median: m, p95: p}}; found "soon"',
    ),
    "cap": ("blocks: 3", "blocks: 3\ncap: lots", 'small.yaml:11:6: cap: expected auto or a whole number; found "lots"'),
    "api": (
        "    model: model-a\n",
        "    model: model-a\n    api: verte\n",
        'small.yaml:6:10: arms.preview.api: expected one of gemini, vertex; found "verte"',
    ),
    "arm name": (
        "  ga:",
        "  G A:",
        'small.yaml:7:3: arms.G A: expected a name of at most 40 small letters, digits, - and _; found "G A"',
    ),
    "agent word": (
        "    model: model-a\n",
        "    model: model-a\n    agent: referense\n",
        "small.yaml:6:5: arms.preview.agent: expected one of reference, plugin, command, external, name, metadata; "
        'found unknown key "referense"',
    ),
    "plugin of an agent that has its own": (
        "    model: model-a\n",
        "    model: model-a\n    agent: {command: [mine], name: mine, plugin: 1.6.0}\n",
        "small.yaml:6:12: arms.preview.agent: plugin goes with the reference agent: an agent of yours brings its own; "
        "found a mapping of command, name, plugin",
    ),
    "unknown plugin": (
        "    model: model-a\n",
        "    model: model-a\n    agent: {reference, plugin: 1.7.0}\n",
        'small.yaml:6:32: arms.preview.agent.plugin: expected 1.6.0 or 1.8.9; found "1.7.0"',
    ),
    "unknown script": (
        "scripts/script.yaml",
        "scripts/scrip.yaml",
        'small.yaml:13:9: script: expected a script file; found no file "scripts/scrip.yaml" (scripts/scrip.yaml), '
        f"nor among the shipped scenarios ({SHIPPED}/scripts/scrip.yaml)",
    ),
    "unknown profile": (
        "endpoint.yaml",
        "endpont.yaml",
        "small.yaml:6:25: arms.preview.endpoint.profile: expected an endpoint profile; "
        f'found no file "endpont.yaml" (endpont.yaml), nor among the shipped scenarios ({SHIPPED}/endpont.yaml)',
    ),
    "another model": (
        "model: model-a",
        "model: model-b",
        'small.yaml:5:12: arms.preview.model: expected "model-a", the model of endpoint.yaml; found "model-b"',
    ),
    "control": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: gaa}",
        'small.yaml:11:20: compare.control: expected one of the arms preview, ga; found "gaa"',
    ),
    "success": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: ga, success: [rate_1012]}",
        "small.yaml:11:34: compare.success.0: expected a metric, one of rate_1011, lost_turns, reply_latency_p50, "
        "reply_latency_p95, reply_latency_p99, greeting_latency_p50, answered_share, talked_over_share, gap_seconds, "
        'time_to_1011 (did you mean rate_1011?); found "rate_1012"',
    ),
    "margin of nothing": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: ga, margins: {reply_latency.p95: 0.1}}",
        "small.yaml:11:53: compare.margins.reply_latency.p95: expected a metric, one of rate_1011, lost_turns, "
        "reply_latency_p50, reply_latency_p95, reply_latency_p99, greeting_latency_p50, answered_share, "
        'talked_over_share, gap_seconds, time_to_1011 (did you mean reply_latency_p95?); found "reply_latency.p95"',
    ),
    "no margin": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: ga, margins: {gap_seconds: 0}}",
        "small.yaml:11:47: compare.margins.gap_seconds: expected a number > 0; found `0`",
    ),
    "percent": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: ga, margins: {answered_share: 1}}",
        "small.yaml:11:50: compare.margins.answered_share: expected a margin below 1: 0.01 is one percentage point; "
        "found `1`",
    ),
    "success twice": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: ga, success: [lost_turns, lost_turns]}",
        "small.yaml:11:33: compare.success: expected each metric once; found a list of 2",
    ),
    "looks": (
        "blocks: 3",
        "blocks: 3\ncompare: {control: ga, looks: 5}",
        "small.yaml:11:31: compare.looks: expected a number <= 4; found `5`",
    ),
    "A/A": (
        "blocks: 3",
        "    voice: Puck\nblocks: 3\ncompare: {control: preview, factor: none}",
        "small.yaml:12:37: compare.factor: none says that all arms are the same endpoint; ga differs from preview in "
        'voice; found "none"',
    ),
    "threshold": (
        "reply_latency.p95 < 3000",
        "reply_latency.p96 < 3000",
        "small.yaml:14:14: thresholds.0: expected a stat of reply_latency: p50, p95, p99 (did you mean p99?); "
        'found "reply_latency.p96 < 3000"',
    ),
    "mixed": (
        "endpoint: {profile: endpoint.yaml}\nblocks",
        "endpoint: google\nblocks",
        "small.yaml:6:15: arms.preview.endpoint: mixed refused: Google's own endpoint beside one that is not, "
        "or is not known to be; give every arm `google`, or none; found a mapping of profile",
    ),
    "tag": (
        "name: small",
        "name: !!python/object:os.system small",
        "small.yaml:2:7: name: expected plain data; found the tag !!python/object:os.system",
    ),
    "malformed": (
        "blocks: 3",
        "blocks: [3",
        "small.yaml:11:9: expected YAML; malformed: while parsing a flow sequence, expected ',' or ']', but got ':'",
    ),
    "tab": (
        "  preview:",
        "\tpreview:",
        "small.yaml:4:1: expected YAML; malformed: while scanning for the next token, "
        r"found character '\t' that cannot start any token",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place(spoil: Spoil, old: str, new: str, said: str) -> None:
    assert problems_of(spoil(old, new)) == [said]


@pytest.mark.parametrize(
    ("old", "new"), [("blocks", "block"), ("arrivals", "arrival"), ("thresholds", "treshold"), ("script:", "scrip:")]
)
def test_an_unknown_key_comes_with_the_nearest_one(spoil: Spoil, old: str, new: str) -> None:
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(spoil(old, new))
    assert f"Did you mean `{old.strip(':')}`?" in {problem.remedy for problem in raised.value.problems}


def test_an_arm_adds_faults_to_those_of_its_profile(spoil: Spoil) -> None:
    spoil("value_ms: 500}", "value_ms: 500}\nfaults: [{fault: F4, per_minute: 1}]", of="endpoint.yaml")
    arm = "  preview:\n    model: model-a\n"
    loaded = load_scenario(spoil(arm, arm + "    faults: [{fault: F1, at_turn: 2, calls: [3, 0004-preview]}]\n"))
    assert [fault.fault for fault in loaded.profiles["preview"].faults] == ["F4", "F1"]
    assert loaded.profiles["preview"].faults[1].calls == (3, "0004-preview")
    assert [fault.fault for fault in loaded.profiles["ga"].faults] == ["F4"]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (
            "endpoint: google\n    faults: [{fault: F1, at_turn: 2}]",
            "arms.preview.faults: only a simulated endpoint has them, endpoint: {profile: FILE}; found a list of 1",
        ),
        (
            "endpoint: {profile: endpoint.yaml}\n    faults: [{fault: F1, at_connect: 2}]",
            "arms.preview.faults.0: F1 needs exactly one of per_turn, at_turn",
        ),
        (
            "endpoint: {profile: endpoint.yaml}\n    faults: [{fault: F26, at_turn: 2, variant: empty}]",
            "arms.preview.faults.0: unknown variant 'empty': F26 takes plain, rejected",
        ),
    ],
)
def test_faults_that_cannot_be_are_refused(spoil: Spoil, new: str, said: str) -> None:
    with pytest.raises(ScenarioProblems) as refused:
        load_scenario(spoil("endpoint: {profile: endpoint.yaml}", new))
    assert said in str(refused.value)


def test_no_arms(spoil: Spoil) -> None:
    before, _, rest = SCENARIO.partition("arms:\n")
    path = spoil()
    path.write_text(before + "arms: {}\nblocks:" + rest.partition("blocks:")[2])
    assert problems_of(path) == [
        "small.yaml:3:7: arms: expected at least 1; found an empty mapping",
    ]


@pytest.mark.parametrize(
    ("spoiler", "said"),
    [
        (lambda path: path.unlink(), 'expected an audio file; found no file "../audio/second.wav" (audio/second.wav)'),
        (
            lambda path: path.write_bytes(b"no audio"),
            "expected speech in a WAV or FLAC file; found audio/second.wav, which ",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:44]), "found audio/second.wav, which holds no audio"),
    ],
)
def test_audio_is_named_where_the_script_names_it(spoil: Spoil, spoiler: Callable[[Path], object], said: str) -> None:
    path = spoil()
    spoiler(Path("audio/second.wav"))
    (problem,) = problems_of(path)
    assert problem.startswith("scripts/script.yaml:6:12: lines.1.audio: ")
    assert said in problem


def test_other_rates_and_stereo_are_fine(spoil: Spoil) -> None:
    path = spoil()
    write_tone(Path("audio/second.wav"), rate=44_100, channels=2)
    assert load_scenario(path).script.lines[1].duration_s == pytest.approx(0.5, abs=0.01)


def test_errors_in_named_files_name_those_files(spoil: Spoil) -> None:
    spoil("name: first", "nam: first", of="scripts/script.yaml")
    path = spoil("value_ms: 500", "value_ms: soon", of="endpoint.yaml")
    assert problems_of(path) == [
        "scripts/script.yaml:3:5: lines.0.name: expected this key; found nothing",
        'scripts/script.yaml:3:5: lines.0.nam: expected a known key; found unknown key "nam"',
        'endpoint.yaml:3:49: reply_delay.value_ms: expected a number; found "soon"',
    ]


def test_a_list_is_not_called_short_for_the_faults_of_its_entries(spoil: Spoil) -> None:
    path = spoil("rate_per_minute", "rate_per_minutes")
    (problem,) = problems_of(path)
    assert problem.startswith("small.yaml:12:5: arrivals.0.rate_per_minutes: expected one of rate_per_minute")
    spoil("rate_per_minutes: 12", "", of="small.yaml")
    assert problems_of(spoil("arrivals:\n  - \n", "arrivals: []\n")) == [
        "small.yaml:11:11: arrivals: expected at least 1; found an empty list"
    ]


def test_everything_wrong_is_reported_at_once(spoil: Spoil) -> None:
    spoil("blocks: 3", "blocks: many\nseeed: 1")
    spoil("p95 < 3000", "p95 = 3000")
    spoil("version: 1", "version: 2", of="scripts/script.yaml")
    path = spoil("model: model-a", "modell: model-a", of="endpoint.yaml")
    Path("audio/hello.wav").unlink()
    with pytest.raises(ScenarioError) as raised:
        load_scenario(path)
    message = str(raised.value)
    assert message.startswith("7 problems in small.yaml\n")
    for part in ("small.yaml:10:9: blocks", "seeed", "thresholds.0", "script.yaml:1:10: version", "reprompts.0.audio"):
        assert part in message
    assert message.endswith("loadtest validate small.yaml")


def test_missing_file_and_folder(spoil: Spoil) -> None:
    spoil()
    with pytest.raises(ScenarioError) as raised:
        load_scenario(Path("smal.yaml"))
    assert raised.value.message == "smal.yaml: expected a YAML file; found: no such file or directory"
    assert raised.value.remedy == "Did you mean small.yaml?"
    assert problems_of(Path("scripts")) == ["scripts: expected a YAML file; found: a folder"]


# Each line has eight aliases of the one before: 8 ** 8 entries in a few hundred bytes.
LAUGHS = b"a: &a [1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name + 1, name + 1, b", ".join([b"*%c" % name] * 8)) for name in range(ord("a"), ord("i"))
)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "s.yaml: expected a YAML mapping; the file is empty"),
        (b"- a\n- b\n", "s.yaml:1:1: expected a mapping (key: value lines); found a list of 2"),
        (b"version: 1\nname: \xff\n", "s.yaml:2:1: expected UTF-8 text; found other bytes"),
        (b"version: 1\nname: \x00\n", "s.yaml:2:1: expected printable text; found a control character"),
        (b"[" * 600, "s.yaml: expected a few levels and lines of YAML; found far too much"),
        (b"#" * 300_000, "s.yaml: expected at most 256 KiB of YAML; found 293 KiB"),
        (LAUGHS, "s.yaml: expected a few levels and lines of YAML; found far too much"),
        (b"a: &a [*a]\n", "s.yaml: expected a few levels and lines of YAML; found far too much"),
    ],
)  # fmt: skip
def test_files_that_are_no_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_bytes(raw)
    assert problems_of(Path("s.yaml")) == [said]


def test_words_are_text_in_yaml_1_2(spoil: Spoil) -> None:
    metadata = "{country: no, on: yes, time: 1:30, day: 2026-11-22, port: 0o17, version: 1e3, nothing: null}"
    path = spoil("  ga:\n", f"  no:\n    agent: {{reference, metadata: {metadata}}}\n")
    arm = load_scenario(path).scenario.arms["no"]
    assert arm.agent.metadata == {
        "country": "no",
        "on": "yes",
        "time": "1:30",
        "day": "2026-11-22",
        "port": 15,
        "version": 1000.0,
        "nothing": None,
    }


def test_a_directive_does_not_bring_yaml_1_1_back(spoil: Spoil) -> None:
    path = spoil("version: 1\nname: small", "%YAML 1.1\n---\nversion: 1\nname: no")
    assert load_scenario(path).scenario.name == "no"


def test_the_resolved_copy_is_the_same_scenario_with_nothing_left_unsaid(spoil: Spoil) -> None:
    path = spoil("  ga:\n", "  ga:\n    api: vertex\n    agent: {reference, metadata: {country: no, nothing: null}}\n")
    loaded = load_scenario(path, ["callee.ring_s={lognormal: {median: 2, p95: 9}}"])
    assert loaded.resolved_yaml.startswith("# Resolved copy of small.yaml: ")
    assert "# --set callee.ring_s={lognormal: {median: 2, p95: 9}}\n" in loaded.resolved_yaml
    data = YAML(typ="safe", pure=True).load(loaded.resolved_yaml)
    assert Scenario.model_validate(data) == loaded.scenario
    assert data["arms"]["ga"]["api"] == Api.VERTEX.value
    assert data["arms"]["preview"]["voice"] == "Zephyr"
    assert data["callee"]["ring_s"] == {"lognormal": {"median": 2, "p95": 9}}
    assert str(Path.cwd()) not in loaded.resolved_yaml
    # The loader itself takes it too.
    Path("again.yaml").write_text(loaded.resolved_yaml)
    assert load_scenario(Path("again.yaml")).hashes == loaded.hashes


@pytest.mark.parametrize(
    "changed",
    [
        "factor: api",
        "success: [lost_turns]",
        "margins: {gap_seconds: 0.3}",
        "alpha: 0.01",
        "looks: 2",
        "control: preview",
    ],
)
def test_all_that_is_declared_of_a_comparison_is_hashed(spoil: Spoil, changed: str) -> None:
    path = spoil()
    declared = {"control": "ga", "factor": "model", "looks": 1}
    before = load_scenario(path, [f"compare={json.dumps(declared)}"]).hashes["margins"]
    key, value = changed.split(": ", 1)
    after = load_scenario(path, [f"compare={json.dumps(declared)}", f"compare.{key}={value}"]).hashes["margins"]
    assert before != after


def test_blocks_are_part_of_what_is_declared(spoil: Spoil) -> None:
    path = spoil()
    few, many = (load_scenario(path, ["compare={control: ga}", f"blocks={n}"]).hashes["margins"] for n in (3, 4))
    assert few != many


def test_guardrails_are_all_that_have_a_margin_and_are_no_success_metric(spoil: Spoil) -> None:
    path = spoil()
    usual = load_scenario(path, ["compare={control: ga}"]).scenario.compare
    assert usual is not None
    assert usual.success == ("rate_1011", "lost_turns")
    assert usual.margins == {
        "reply_latency_p50": 0.05,
        "reply_latency_p95": 0.10,
        "greeting_latency_p50": 0.10,
        "answered_share": 0.01,
        "talked_over_share": 0.01,
        "gap_seconds": 0.20,
    }
    other = load_scenario(path, ["compare={control: ga, success: [reply_latency_p95]}"]).scenario.compare
    assert other is not None
    assert other.margins == {**{k: v for k, v in usual.margins.items() if k != "reply_latency_p95"}, "rate_1011": 0.25}
    own = load_scenario(path, ["compare={control: ga, margins: {lost_turns: 1}}"]).scenario.compare
    assert own is not None
    assert own.margins == {"lost_turns": 1.0}


def test_the_same_endpoint_can_be_named_twice(spoil: Spoil) -> None:
    compare = load_scenario(spoil(), ["compare={control: ga, factor: none}"]).scenario.compare
    assert compare is not None
    assert compare.factor == "none"


def test_hashes_tell_what_changed(spoil: Spoil) -> None:
    path = spoil()
    before = load_scenario(path).hashes

    def changed(*overrides: str) -> set[str]:
        after = load_scenario(path, overrides).hashes
        return {name for name in before if before[name] != after[name]}

    assert changed() == set()
    assert changed("seed=2") == {"scenario"}
    assert changed("blocks=4") == {"scenario"}
    assert changed("compare={control: ga}") == {"scenario", "margins"}
    write_tone(Path("audio/second.wav"), hz=900)
    assert changed() == {"audio"}
    write_tone(Path("audio/second.wav"), hz=400)
    spoil("value_ms: 500", "value_ms: 501", of="endpoint.yaml")
    assert changed() == {"profiles"}
