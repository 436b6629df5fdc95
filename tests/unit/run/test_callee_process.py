"""What a callee process tells the tester."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest

from loadtest.call.room import LiveKitServer
from loadtest.call.spec import CallSpec
from loadtest.plan.calls import PlannedCall
from loadtest.run.callee_process import CalleeProcess, _Begin
from loadtest.scenario.callee import Pickup

SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke.yaml"


async def test_a_call_that_cannot_be_recorded_is_over_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tester waits for every call that it has placed: one that it never hears of again would hold up the run."""
    planned = PlannedCall(
        call_id="0000-ga",
        slot=0,
        block=0,
        pair=0,
        arm="ga",
        due_s=0.0,
        script="s",
        line_hashes=(),
        number="12005550100",
        ring_s=1.0,
        pickup=Pickup.ANSWER,
        patience_s=5.0,
        seed=1,
    )
    spec = CallSpec(call=planned, room="outbound-00000000-12005550100", agent_name=None, metadata="{}")
    server = LiveKitServer("ws://127.0.0.1:1", "key", "secret")
    process = CalleeProcess(_Begin("callee-0", SMOKE, (), tmp_path), server, cast("Any", None))
    (tmp_path / "calls").touch()  # a file where the folder should be

    folder = str(tmp_path / "calls" / "0000-ga")
    process.obey({"command": "call", "spec": spec.to_json(), "folder": folder, "origin": 0.0})
    await asyncio.gather(*process._tasks)

    said = capsys.readouterr()
    assert [json.loads(line) for line in said.out.splitlines()] == [
        {"report": "released", "call_id": "0000-ga", "outcome": "tester_error"},
        {"report": "finished", "call_id": "0000-ga"},
    ]
    assert f"0000-ga: {folder}/events.jsonl: cannot be written" in said.err
