"""What a run's warm-up calls tell of the agents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.call.spec import CallSpec
from loadtest.errors import StackError
from loadtest.record.events import AgentJoined, Outcome, ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.writer import EventWriter
from loadtest.run.warmup import warm_up, warmup_calls
from tests.unit.calls import planned_call


class Fleet:
    def place(self, *_: object) -> None: ...

    async def released(self) -> None: ...


def spec(agent_name: str | None = "mine") -> CallSpec:
    (call,) = warmup_calls((planned_call(),), {"ga": None})
    return CallSpec(call=call, room="r", agent_name=agent_name, metadata="{}", warmup=True)


async def warmed(tmp_path: Path, outcome: Outcome, *messages: dict[str, Any]) -> list[str]:
    folder, call = RunFolder(tmp_path), spec()
    with EventWriter(folder.warmup(call.call.call_id).events) as events:
        for message in messages:
            events.add(ProbeMessage(t=0.1, via="data", received_s=0.2, message=message))
    return await warm_up([call], Fleet(), folder, {call.call.call_id: outcome})  # type: ignore[arg-type]


async def test_a_worker_in_dev_mode_is_a_warning(tmp_path: Path) -> None:
    (warning,) = await warmed(tmp_path, Outcome.COMPLETED, {"type": "hello", "mode": "dev"})
    assert "ga runs in dev mode" in warning


@pytest.mark.parametrize("hello", [{"type": "hello", "mode": "start"}, {"type": "hello"}, {"type": "connected"}])
async def test_one_in_start_mode_or_that_does_not_tell_is_none(tmp_path: Path, hello: dict[str, Any]) -> None:
    assert await warmed(tmp_path, Outcome.COMPLETED, hello) == []


async def test_an_agent_that_does_not_come_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="arm ga: agent_no_show") as raised:
        await warmed(tmp_path, Outcome.AGENT_NO_SHOW)
    assert "registered as 'mine'" in raised.value.remedy
    assert "loadtest doctor" in raised.value.remedy


async def test_an_agent_that_comes_and_does_not_dial_is_told_apart(tmp_path: Path) -> None:
    folder, call = RunFolder(tmp_path), replace(spec(), dialled_by_agent=True)
    with EventWriter(folder.warmup(call.call.call_id).events) as events:
        events.add(AgentJoined(t=0.1, identity="agent-1"))
    with pytest.raises(StackError, match="arm ga: agent_no_show") as raised:
        await warm_up([call], Fleet(), folder, {call.call.call_id: Outcome.AGENT_NO_SHOW})  # type: ignore[arg-type]
    assert "did not dial" in raised.value.remedy
    assert "create_sip_participant" in raised.value.remedy
    assert "registered" not in raised.value.remedy
