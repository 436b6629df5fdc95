"""What scripts can hold besides audio: spoken text, variables, keys, waits, conditions."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from loadtest.audio.speech_bounds import speech_bounds
from loadtest.audio.voice import ENGINE
from loadtest.audio.wav import RATE
from loadtest.scenario.base import Distribution
from loadtest.scenario.load import load_scenario
from tests.unit.audio.installed import Installed
from tests.unit.scenario.conftest import SCRIPT, Spoil
from tests.unit.scenario.test_load import SHIPPED, problems_of

SPOKEN = """\
version: 1
variables:
  day: [Tuesday, Friday]
  time: ["10", "11", "12"]
lines:
  - name: ask
    say: On {day}, or the day after {day}.
  - name: when
    say: On {day} at {time}.
    wait_s: {uniform: [1, 2]}
  - name: menu
    dtmf: 1w2#
  - name: hello
    audio: audio/hello.wav
    if_silent_s: 2.5
  - name: hold
    say: One moment.
    reply: false
"""


def script(spoil: Spoil, text: str) -> Path:
    """A scenario with that script, beside it."""
    path = spoil("scripts/script.yaml", "script.yaml")
    Path("script.yaml").write_text(text)
    return path


def test_text_is_spoken_once_for_each_combination_of_values(spoil: Spoil, installed: Installed) -> None:
    loaded = load_scenario(script(spoil, SPOKEN)).script
    assert sorted(installed.texts()) == sorted(
        [
            *(f"On {day}, or the day after {day}." for day in ("Tuesday", "Friday")),
            *(f"On {day} at {time}." for day in ("Tuesday", "Friday") for time in ("10", "11", "12")),
            "One moment.",
        ]
    )
    ask, when, menu, hello, hold = loaded.lines
    friday = {"day": "Friday", "time": "11"}
    assert (ask.variables, when.variables, hold.variables) == (("day",), ("day", "time"), ())
    assert when.take(friday) is not when.take({"day": "Friday", "time": "12"})
    assert ask.take(friday) is ask.take({"day": "Friday", "time": "10"})
    assert menu.take(friday) is None
    assert menu.duration_s == pytest.approx(0.3 + 0.5 + 0.3)
    assert [line.reply for line in loaded.spec.lines] == [True, True, True, True, False]
    assert loaded.spec.lines[1].wait_s == Distribution(uniform=(1.0, 2.0))
    assert loaded.spec.lines[3].if_silent_s == 2.5
    assert hello.take({}) is not None


def test_loading_again_speaks_nothing_and_gives_the_same_hashes(spoil: Spoil, installed: Installed) -> None:
    """As every callee process does."""
    path = script(spoil, SPOKEN)
    first = load_scenario(path)
    spoken = installed.texts()
    assert load_scenario(path).hashes == first.hashes
    assert installed.texts() == spoken


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("One moment.", "Two moments.", {"scenario", "script", "audio"}),
        ("[Tuesday, Friday]", "[Tuesday, Sunday]", {"scenario", "script", "audio"}),
        ("version: 1", "version: 1\nvoice: en-gb", {"scenario", "script", "audio"}),
        ("1w2#", "1w3#", {"scenario", "script"}),
        ("if_silent_s: 2.5", "if_silent_s: 3", {"scenario", "script"}),
        ("if_silent_s: 2.5", "barge_in: {after_s: 3}", {"scenario", "script"}),
        ("if_silent_s: 2.5", "asks_tool: true", {"scenario", "script"}),
        ("if_silent_s: 2.5", "if_silent_s: 2.5\n    pause: {at_s: 0.3, for_s: 1}", {"scenario", "script", "audio"}),
    ],
)
def test_hashes_tell_scripts_apart(spoil: Spoil, installed: Installed, old: str, new: str, changed: set[str]) -> None:
    path = script(spoil, SPOKEN)
    before = load_scenario(path).hashes
    assert old in SPOKEN
    Path("script.yaml").write_text(SPOKEN.replace(old, new))
    after = load_scenario(path).hashes
    assert {name for name in before if before[name] != after[name]} == changed


FORMS = "expected exactly one of audio: FILE, say: TEXT, dtmf: KEYS"
# Old text, new text, what is said.
WRONG = {
    "two forms": (
        "dtmf: 1w2#",
        "dtmf: 1w2#\n    say: Two",
        f"script.yaml:11:5: lines.2: {FORMS}; found a mapping of name, dtmf, say",
    ),
    "no form": ("dtmf: 1w2#", "text: one", f"script.yaml:11:5: lines.2: {FORMS}; found a mapping of name, text"),
    "unknown variable": (
        "One moment.",
        "One moment on {dya}.",
        'script.yaml:17:10: lines.4.say: expected one of the variables day, time; found "{dya}"',
    ),
    "letters": (
        "1w2#",
        "1w2x",
        "script.yaml:12:11: lines.2.dtmf: expected keys of a telephone (0-9 * # A-D; w between them is a pause); "
        'found "1w2x"',
    ),
    "a number": ("1w2#", "12", "script.yaml:12:11: lines.2.dtmf: expected text; found `12`"),
    "a comment": (
        "1w2#",
        "#1",
        "script.yaml:12:5: lines.2.dtmf: expected keys; found nothing: put them in quotes, for # begins a comment",
    ),
    "more keys than anybody presses": (
        "1w2#",
        '"' + 65 * "1" + '"',
        "script.yaml:12:11: lines.2.dtmf: expected text of at most 64 characters; "
        f'found "{57 * "1"}..."',
    ),
    "a brace that is not closed": (
        "One moment.",
        "One {moment.",
        "script.yaml:17:10: lines.4.say: expected braces only around a variable's name; found another {",
    ),
    "braces in braces": (
        "One moment.",
        '"One {{day}}."',
        "script.yaml:17:10: lines.4.say: expected braces only around a variable's name; found another {",
    ),
    "half a character": (
        "One moment.",
        '"One \\ud800"',
        "script.yaml:17:10: lines.4.say: expected text; found half a character (\\ud800 to \\udfff)",
    ),
    "nothing but a pause": (
        "1w2#",
        "ww",
        "script.yaml:12:11: lines.2.dtmf: expected keys of a telephone (0-9 * # A-D; w between them is a pause); "
        'found "ww"',
    ),
    "unknown key": (
        "if_silent_s",
        "if_silent",
        'script.yaml:15:5: lines.3.if_silent: expected a known key; found unknown key "if_silent"',
    ),
    "a condition on a re-prompt": (
        "lines:",
        "reprompts: [{name: again, audio: audio/second.wav, wait_s: 2}]\nlines:",
        "script.yaml:5:52: reprompts.0.wait_s: expected one of name, audio, say, dtmf, text; "
        'found unknown key "wait_s"',
    ),
    "silence before the first line": (
        "    say: On {day}, or",
        "    if_silent_s: 2\n    say: On {day}, or",
        "script.yaml:7:18: lines.0.if_silent_s: expected a line before it to which a reply is awaited; found `2`",
    ),
    "silence after a line without a reply": (
        "    reply: false\n",
        "    reply: false\n  - name: again\n    say: Again\n    if_silent_s: 2\n",
        "script.yaml:21:18: lines.5.if_silent_s: expected a line before it to which a reply is awaited; found `2`",
    ),
    "silence and wait": (
        "if_silent_s: 2.5",
        "if_silent_s: 2.5\n    wait_s: 1",
        "script.yaml:13:5: lines.3: if_silent_s makes the line a re-prompt: leave wait_s and reply out; "
        "found a mapping of name, audio, if_silent_s, wait_s",
    ),
    "a barge-in before anything was asked": (
        "    say: On {day}, or",
        "    barge_in: {after_s: 2}\n    say: On {day}, or",
        "script.yaml:7:15: lines.0.barge_in: expected a line before it to which a reply is awaited; "
        "found a mapping of after_s",
    ),
    "a barge-in that waits": (
        "wait_s: {uniform: [1, 2]}",
        "wait_s: {uniform: [1, 2]}\n    barge_in: {after_s: 2}",
        "script.yaml:8:5: lines.1: barge_in says when the line is said: leave wait_s, if_silent_s and reply out; "
        "found a mapping of name, say, wait_s, barge_in",
    ),
    "a barge-in sooner than anybody can hear": (
        "wait_s: {uniform: [1, 2]}",
        "barge_in: {after_s: 0.2}",
        "script.yaml:10:25: lines.1.barge_in.after_s: expected a number >= 0.4; found `0.2`",
    ),
    "a barge-in of keys": (
        "dtmf: 1w2#",
        "dtmf: 1w2#\n    barge_in: {after_s: 2}",
        "script.yaml:13:15: lines.2.barge_in: expected a line that is heard, audio: FILE or say: TEXT; "
        "found one of keys",
    ),
    "keys that ask for the tool": (
        "dtmf: 1w2#",
        "dtmf: 1w2#\n    asks_tool: true",
        "script.yaml:13:16: lines.2.asks_tool: expected a line that is heard, audio: FILE or say: TEXT; "
        "found one of keys",
    ),
    "one sound that asks for the tool and doesn't": (
        "if_silent_s: 2.5",
        "asks_tool: true\n  - name: again\n    audio: audio/hello.wav",
        "script.yaml:15:16: lines.3.asks_tool: expected a line that sounds like no other; again does; found `true`",
    ),
    "a pause behind the speech": (
        "if_silent_s: 2.5",
        "if_silent_s: 2.5\n    pause: {at_s: 0.6, for_s: 1}",
        "script.yaml:16:19: lines.3.pause.at_s: expected a place within the speech of the line, from 0.00 to 0.50 s; "
        "found `0.6`",
    ),
    "a pause in spoken text behind its end": (
        "    reply: false\n",
        "    reply: false\n    pause: {at_s: 30, for_s: 1}\n",
        "script.yaml:19:19: lines.4.pause.at_s: expected a place within the speech of the line, from 0.10 to 0.60 s; "
        "found `30`",
    ),
    "no values": (
        "[Tuesday, Friday]",
        "[]",
        "script.yaml:3:8: variables.day: expected at least one value; found an empty list",
    ),
    "a value that is a number": (
        "[Tuesday, Friday]",
        "[Tuesday, 5]",
        "script.yaml:3:18: variables.day.1: expected text; found `5`",
    ),
    "a variable's name": (
        "day: [Tue",
        "Day: [Tue",
        'script.yaml:3:3: variables.Day: expected a name of at most 40 small letters, digits and _; found "Day"',
    ),
    "a voice that is none": (
        "version: 1",
        "version: 1\nvoice: -f/etc/hostname",
        'script.yaml:2:8: voice: expected the name of a voice, such as en-us+f3; found "-f/etc/hostname"',
    ),
    "a voice that is not there": (
        "version: 1",
        "version: 1\nvoice: nobody",
        "script.yaml:2:8: voice: expected espeak-ng to speak the text; it said: "
        "Error: The specified espeak-ng voice does not exist.",
    ),
    "phonemes": (
        "One moment.",
        "One [[m]].",
        "script.yaml:17:10: lines.4.say: expected words to speak; found [[ or a control character, "
        "which the voice would obey",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place(
    spoil: Spoil, installed: Installed, old: str, new: str, said: str
) -> None:
    path = script(spoil, SPOKEN)
    assert old in SPOKEN
    Path("script.yaml").write_text(SPOKEN.replace(old, new, 1))
    assert problems_of(path) == [said]


def test_more_texts_than_anybody_would_listen_to_are_refused(
    spoil: Spoil, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.scenario.script_files.MOST_TEXTS", 10)
    many = SPOKEN.replace("[Tuesday, Friday]", str([f"day {i}" for i in range(4)]))
    (problem,) = problems_of(script(spoil, many))
    limit = "lines.1.say: expected at most 10 texts in a script, one for each combination of values in a line"
    assert f"{limit}; found 16 up to here" in problem
    assert len(installed.texts()) == 4  # nothing is spoken in vain


def test_without_a_voice_the_first_line_to_speak_is_named(
    spoil: Spoil, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert problems_of(script(spoil, SPOKEN)) == [
        "script.yaml:7:10: lines.0.say: expected a voice that is installed, to speak the text; "
        "found no espeak-ng on PATH"
    ]


def test_the_nearest_key_and_variable_are_offered(spoil: Spoil, installed: Installed) -> None:
    from loadtest.scenario.problems import ScenarioProblems

    wrong = SPOKEN.replace("{time}.", "{tiem}.")
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(script(spoil, wrong))
    assert [problem.remedy for problem in raised.value.problems] == ["Did you mean `{time}`?"]
    Path("script.yaml").write_text(SPOKEN.replace("{time}.", "{ time }.").replace("One moment.", "One {x.y}."))
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(Path("small.yaml"))
    offered = [problem.remedy for problem in raised.value.problems]
    assert offered == ["Did you mean `{time}`?", "Add `variables: {name: [VALUE, ...]}`."]
    Path("script.yaml").write_text(SPOKEN.replace("wait_s", "waits_s").replace("dtmf", "dtfm"))
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(Path("small.yaml"))
    offered = [problem.remedy for problem in raised.value.problems]
    assert {"Did you mean `wait_s`?", "Did you mean `dtmf`?"} <= set(offered)


def test_what_is_not_beside_the_file_is_looked_for_among_the_shipped(spoil: Spoil) -> None:
    path = spoil("scripts/script.yaml", "scripts/appointment.yaml")
    loaded = load_scenario(path)
    assert [line.name for line in loaded.script.lines][:2] == ["book-appointment", "morning-or-afternoon"]
    mine = script(lambda *_: path, SCRIPT.replace("../audio/first.wav", "audio/yes.wav").replace("../", ""))
    Path("small.yaml").write_text(Path("small.yaml").read_text().replace("scripts/appointment.yaml", "script.yaml"))
    assert loaded.shipped == ("scripts/appointment.yaml",)
    (first, second) = load_scenario(mine).script.lines
    assert load_scenario(mine).shipped == ("audio/yes.wav",)
    assert (first.duration_s, second.duration_s) == (pytest.approx(0.66, abs=0.01), pytest.approx(0.5))


def test_a_file_of_ones_own_goes_before_a_shipped_one(spoil: Spoil) -> None:
    path = spoil("scripts/script.yaml", "scripts/short.yaml")
    Path("scripts/script.yaml").rename("scripts/short.yaml")
    assert [line.name for line in load_scenario(path).script.lines] == ["first", "second"]


@pytest.mark.parametrize("named", ["../scenarios/scripts/short.yaml", f"{SHIPPED}/scripts/none.yaml"])
def test_only_relative_paths_that_stay_inside_lead_to_the_shipped(spoil: Spoil, named: str) -> None:
    (problem,) = problems_of(spoil("scripts/script.yaml", named))
    assert f'found no file "{named}"' in problem
    assert "shipped" not in problem


def test_a_missing_file_names_both_places_and_the_nearest_in_either(spoil: Spoil) -> None:
    from loadtest.scenario.problems import ScenarioProblems

    path = spoil("scripts/script.yaml", "scripts/appointmnt.yaml")
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(path)
    assert f"({SHIPPED}/scripts/appointmnt.yaml)" in raised.value.message
    assert "(scripts/appointmnt.yaml)" in raised.value.message
    assert raised.value.remedy == 'Did you mean "scripts/appointment.yaml"?'


def test_a_folder_is_not_offered_for_a_file(spoil: Spoil) -> None:
    from loadtest.scenario.problems import ScenarioProblems

    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(spoil("scripts/script.yaml", "scripts"))
    assert 'found the folder "scripts"' in raised.value.message
    assert "Did you mean" not in raised.value.remedy


@pytest.mark.skipif(shutil.which(ENGINE, path=os.defpath) is None, reason="espeak-ng is not installed")
def test_the_example_of_the_page_is_spoken(spoil: Spoil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    page = (SHIPPED.parent / "docs" / "scenario.md").read_text()
    (example,) = [text for text in page.split("```") if text.startswith("yaml\n") and "\nlines:" in text]
    example = example.removeprefix("yaml\n")
    loaded = load_scenario(script(spoil, example)).script
    assert len(loaded.lines[1].takes) == 2


def test_a_pause_makes_the_line_longer_and_leaves_its_speech_one(spoil: Spoil, installed: Installed) -> None:
    paused = SPOKEN.replace("if_silent_s: 2.5", "if_silent_s: 2.5\n    pause: {at_s: 0.3, for_s: 1.5}")
    plain = load_scenario(script(spoil, SPOKEN)).script.lines[3].take({})
    Path("script.yaml").write_text(paused)
    line = load_scenario(Path("small.yaml")).script.lines[3].take({})
    assert plain is not None
    assert line is not None
    assert line.duration_s == pytest.approx(plain.duration_s + 1.5)
    assert not line.samples[round(0.3 * RATE) : round(1.8 * RATE)].any()
    before, after = speech_bounds(plain), speech_bounds(line)
    assert (after.start_s, after.end_s) == pytest.approx((before.start_s, before.end_s + 1.5), abs=0.01)
