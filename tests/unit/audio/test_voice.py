"""Text to speech by what is installed: spoken once, safely, at the level of the shipped audio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.speech_bounds import speech_bounds
from loadtest.audio.voice import ENGINE, LONGEST_TEXT, find_voice
from loadtest.audio.wav import RATE
from loadtest.errors import ScenarioError
from tests.unit.audio.installed import Installed

Install = Callable[..., Installed]


def test_a_text_is_spoken_once_and_then_kept(installed: Installed) -> None:
    voice = find_voice(None)
    first = voice.speak("Good morning.")
    assert installed.texts() == ["Good morning."]
    again = find_voice(None).speak("  Good \n morning. ")
    assert installed.texts() == ["Good morning."]
    assert (again.sha256, again.duration_s) == (first.sha256, first.duration_s)
    assert voice.speak("Good evening.").sha256 != first.sha256


def test_another_voice_or_version_speaks_anew(installed: Installed, install: Install) -> None:
    find_voice(None).speak("Hello.")
    find_voice("en-gb").speak("Hello.")
    install(version="9.9.9")
    find_voice(None).speak("Hello.")
    assert installed.texts() == ["Hello."] * 3


def test_it_is_as_loud_as_the_shipped_audio(installed: Installed) -> None:
    line = find_voice(None).speak("Hello. Is anybody there? I cannot hear you.")
    level = active_level_dbfs(line.samples, RATE)
    assert level is not None
    assert level == pytest.approx(-20, abs=0.6)
    assert speech_bounds(line).start_s == pytest.approx(0.1, abs=0.02)


def test_what_is_kept_is_whole_or_made_again(installed: Installed, tmp_path: Path) -> None:
    voice = find_voice(None)
    whole = voice.speak("Hello.")
    (kept,) = (tmp_path / "cache" / "loadtest" / "voices").iterdir()
    kept.write_bytes(kept.read_bytes()[:20])
    assert voice.speak("Hello.").sha256 == whole.sha256
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


@pytest.mark.parametrize(
    "text", ["--version", "-f /etc/hostname", "$(touch x); `touch x`", "<speak>one</speak>", "'quoted' \"twice\""]
)
def test_text_is_never_a_command(installed: Installed, text: str, tmp_path: Path) -> None:
    find_voice(None).speak(text)
    assert installed.texts() == [text]
    assert all("-m" not in arguments and text not in arguments for arguments in installed.arguments())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * (LONGEST_TEXT + 1), f"expected text of at most {LONGEST_TEXT} characters"),
        ("  ", "found nothing to speak"),
        ("say [[h@'loU]]", "found [[ or a control character"),
        ("beep \x01", "found [[ or a control character"),
    ],
)
def test_what_a_voice_would_obey_is_refused(installed: Installed, text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        find_voice(None).speak(text)
    assert said in refused.value.message
    assert installed.texts() == []


def test_without_a_voice_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ScenarioError) as missing:
        find_voice(None)
    assert "found no espeak-ng on PATH" in missing.value.message
    assert "apt install espeak-ng" in missing.value.remedy
    assert "audio: FILE" in missing.value.remedy


def test_a_voice_that_does_not_exist_is_named(installed: Installed) -> None:
    with pytest.raises(ScenarioError, match="does not exist"):
        find_voice("nobody").check()


def test_a_variant_that_does_not_exist_is_named(installed: Installed) -> None:
    """espeak-ng itself would speak in another voice."""
    with pytest.raises(ScenarioError, match=r'a variant that espeak-ng has; found "f33", in "en-gb\+f33"'):
        find_voice("en-gb+f33").check()
    for name in ("en-gb+f3", "en-gb+3"):
        find_voice(name).check()


def test_letters_may_be_joined(installed: Installed) -> None:
    texts = ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "Well \U0001f468\u200d\U0001f469 done"]
    for text in texts:
        find_voice("fa").speak(text)
    assert installed.texts() == texts


def test_a_cache_that_cannot_be_written_is_named(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ScenarioError) as refused:
        find_voice(None).speak("Hello.")
    assert "XDG_CACHE_HOME" in refused.value.remedy


@pytest.mark.skipif(shutil.which(ENGINE, path=os.defpath) is None, reason="espeak-ng is not installed")
def test_the_real_voice_speaks_the_same_bytes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("one", "two"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        voice = find_voice("en-us+f3")
        voice.check()
        found.append(voice.speak("Hello. Who is calling, please?"))
    assert found[0].sha256 == found[1].sha256
    assert 1.5 < found[0].duration_s < 3
    with pytest.raises(ScenarioError, match="does not exist"):
        find_voice("nobody").check()
