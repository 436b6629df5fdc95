"""What agents log of the conversation, in the forms in which they do, and that nothing else is touched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from loadtest.stack.spoken import NOT_STORED, without_words

WORDS = "my name is Eleanor"


def as_json(**fields: object) -> str:
    """A line of `start` mode."""
    return json.dumps({"message": "received user transcript", "level": "DEBUG", **fields, "pid": 4711})


@pytest.mark.parametrize(
    "line",
    [
        as_json(**{"lk.pii.user_transcript": WORDS, "language": "en"}),
        as_json(**{"lk.pii.chat_ctx": [{"role": "user", "parts": [WORDS]}]}),
        as_json(**{"lk.pii.response": {"server_content": {"model_turn": WORDS}}}),
        as_json(user_transcript=WORDS),
        as_json(user_input=WORDS),
        as_json(arguments=json.dumps({"name": WORDS})),
        as_json(nested={"items": [{"type": "message", "content": [WORDS]}]}),
        as_json(detail="ChatMessage(id='item_1', role='user', content=['" + WORDS + "'])"),
        f'2026-11-22 22:10:23 - DEBUG livekit.agents - user transcript {{"lk.pii.user_transcript": "{WORDS}"}}',
        f"\x1b[2m22:10:23.073\x1b[0m \x1b[36mDEBUG\x1b[0m   heard   {{\x1b[1m\"user_transcript\"\x1b[0m: '{WORDS}'}}",
        f"type='user_input_transcribed' transcript='{WORDS}' is_final=True item_id=None",
        f"UserInputTranscribedEvent(type='x', transcript=\"{WORDS}\", is_final=True)",
        f'INFO said {{"a": 1}} and {{"text": "{WORDS}"}}',
        f'a torn line {{"message": "x", "user_transcript": "{WORDS}',
        f"_ResponseGeneration(message_ch=<Chan>, output_text='{WORDS}', _done=False)",
        f'{{"msg":"heard","inputTranscription":{{"text":"{WORDS}"}}}}',
    ],
)
def test_what_was_said_is_not_in_the_log(line: str) -> None:
    kept = without_words(line)
    assert "Eleanor" not in kept
    assert NOT_STORED in kept
    assert kept[:5] == line[:5]


def test_the_rest_of_a_line_stays() -> None:
    line = as_json(**{"lk.pii.user_transcript": WORDS, "lk.pii.room_name": "outbound-1", "delay": 0.25})
    kept = json.loads(without_words(line))
    assert kept == {**json.loads(line), "lk.pii.user_transcript": NOT_STORED}


@pytest.mark.parametrize(
    "line",
    [
        "",
        as_json(room="outbound-1", speech_id="speech_1"),
        as_json(**{"lk.pii.participant_identity": "sip_1", "lk.pii.room_name": "outbound-1"}),
        "text to speech is off; the content of the context: none",
        '{"context": "x", "output_rate": 24000, "plaintext_port": 7}',
    ],
)
def test_other_lines_are_as_they_were(line: str) -> None:
    assert without_words(line) == line


@pytest.mark.parametrize(("options", "there"), [((), True), (("--words", "no"), False)])
def test_the_guard_leaves_words_out_if_it_is_told_to(options: tuple[str, ...], there: bool) -> None:
    # A line that is too long to be looked at as a whole, with the words at its end; then one after it.
    says = f"""
import sys
sys.stderr.write('{as_json(user_transcript=WORDS)}\\n')
sys.stderr.write('{{"filler": "' + 'x' * 400_000 + '", "user_transcript": "{WORDS}"}}\\nafter it\\n')
"""
    command = [sys.executable, "-m", "loadtest.stack.guard", *options, "--", sys.executable, "-c", says]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as guard:
        assert guard.stderr is not None
        log = guard.stderr.read()
    assert guard.returncode == 0
    assert log.count(WORDS) == (2 if there else 0)
    assert '"level": "DEBUG"' in log
    assert log.endswith("after it\n")
