from __future__ import annotations

import json
from pathlib import Path

from loadtest.stack.gemini.truth import TruthFolder


def test_a_connection_keeps_its_file_and_times_are_run_seconds_after_the_start(tmp_path: Path) -> None:
    folder = TruthFolder(tmp_path)
    warm = folder.current
    folder.start(origin=1000.0)
    warm.write(1001.0, "reply_started", {"turn": 0, "at_s": 1000.9})
    folder.current.write(
        1002.0, "caller_speech_end", {"turn": 1, "at_s": 1001.5, "detected_s": 1002.0, "time_left_s": 50}
    )
    # Lines are there at once, whatever becomes of the process.
    assert json.loads((tmp_path / "warmup.jsonl").read_text()) == {
        "t": 1001.0,
        "type": "reply_started",
        "turn": 0,
        "at_s": 1000.9,
    }
    assert json.loads((tmp_path / "gemini.jsonl").read_text()) == {
        "t": 2.0,
        "type": "caller_speech_end",
        "turn": 1,
        "at_s": 1.5,
        "detected_s": 2.0,
        "time_left_s": 50,
    }
    folder.close()
