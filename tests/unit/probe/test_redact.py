from __future__ import annotations

import pytest

from loadtest_probe.redact import clean

SECRET = "AIzaSyD4f8Gh2kLmNoPqRsTuVwXyZ0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"API key {SECRET} not valid",
        f"wss://host/ws?key={SECRET}",
        "Authorization: Bearer ya29.a0AfH6SMBx-abc_def",
        "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "x-goog-api-key: 0123456789abcdef0123456789abcdef",
        "secret 'Zx81kQ9vB7nM3pLrT5yW2aHd'",
        "api_key=hunter2hunter2",
    ],
)
def test_what_looks_like_a_key_is_taken_out(text: str) -> None:
    cleaned = clean(text, 500)
    assert "[removed]" in cleaned
    for word in (SECRET, SECRET[:12], "a0AfH6SMBx", "eyJzdWIi", "0123456789abcdef", "Zx81kQ9v", "hunter2"):
        assert word not in cleaned


def test_a_key_is_taken_out_before_the_cut() -> None:
    text = "x" * 100 + " " + SECRET
    assert SECRET[:6] not in clean(text, 115)


def test_close_reasons_stay_readable() -> None:
    reason = "models/gemini-2.5-flash-native-audio-preview-12-2025 is not found for API version v1alpha"
    assert clean(reason, 123) == reason


def test_the_text_is_one_line_and_cut_to_whole_characters() -> None:
    assert clean("a\nb\tc", 10) == "a b c"
    assert clean("ääää", 5) == "ää"
