"""The run that most tests look at: two arms, six calls, one fault after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loadtest.record.events import Answered
from tests.e2e.harness import LiveRun, Results, happened, profile, scenario

LINES = ("yes-please", "how-much")


@dataclass(frozen=True)
class MainRun:
    results: Results
    secrets: tuple[str, ...]
    """Keys that the processes of the run were given."""


def main_run(folder: Path) -> MainRun:
    """Block 0 has faults in turns, block 1 none but an idle close, block 2 endpoints that refuse."""

    def of_block(block: int, arm: str) -> list[str]:
        # Which arm is first in a block is drawn.
        return [f"{slot:04d}-{arm}" for slot in (2 * block, 2 * block + 1)]

    first, last = of_block(0, "preview"), of_block(2, "preview")
    preview = profile(
        "gemini-3.1-flash-live-preview",
        {"fault": "F1", "at_turn": 1, "calls": first},  # line 1; the re-prompt is turn 2
        {"fault": "F2", "at_turn": 3, "calls": first},  # line 2
        {"fault": "F13", "at_connect": 1, "http_status": 429, "calls": last},
    )
    first, second, last = (of_block(block, "ga") for block in range(3))
    ga = profile(
        "gemini-3.8-live",
        {"fault": "F26", "at_turn": 1, "calls": first},
        {"fault": "F20", "at_turn": 3, "calls": first},
        {"fault": "F4", "at_connected_s": 4.6, "calls": second},
        {"fault": "F5", "at_connect": 1, "calls": last},
    )
    file = scenario(
        folder,
        {
            "preview": {"model": "gemini-3.1-flash-live-preview", "endpoint": preview},
            "ga": {"model": "gemini-3.8-live", "endpoint": ga},
        },
        lines=LINES,
        blocks=3,
        arrivals=[{"rate_per_minute": 8.5}],
    )
    with LiveRun(file, "--json") as tester:
        tester.wait_for_call(happened(Answered), "an answered call")
        environments = [process.environ() for process in tester.processes()]
        names = ("LIVEKIT_API_SECRET", "GOOGLE_API_KEY")
        secrets = {env[name] for env in environments for name in names if name in env}
        return MainRun(tester.finish(), tuple(secrets))
