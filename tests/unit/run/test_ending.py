"""What ends a run, and which reason counts when there are several."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.errors import EndedEarlyError, RecordError, StackError
from loadtest.record.run_json import RunState
from loadtest.run.ending import Ending

LIMIT = EndedEarlyError("ended early at the limit", remedy="Raise it.")
FULL = RecordError("no space left", remedy="Make room.")


async def for_ever() -> None:
    await asyncio.Event().wait()


async def died() -> StackError:
    return StackError("livekit-server ended", remedy="Look at its log.")


async def test_work_that_is_done_leaves_a_complete_run() -> None:
    ending = Ending()
    await ending.until_called(asyncio.sleep(0))
    assert (ending.called_for, ending.state()) == (False, RunState.COMPLETE)
    ending.raise_failure()


async def test_a_stop_by_the_user_ends_the_work_and_is_no_failure() -> None:
    ending = Ending()
    ending.stop()
    await asyncio.wait_for(ending.until_called(for_ever()), 10)
    assert (ending.state(), ending.at_once) == (RunState.INTERRUPTED, False)
    ending.stop()
    assert ending.at_once
    ending.raise_failure()


async def test_a_service_that_died_fails_the_run_unless_it_is_ending_anyway() -> None:
    ending = Ending()
    with pytest.raises(StackError, match="livekit-server ended"):
        await ending.until_called(for_ever(), failed=died())
    ending.stop()
    await ending.until_called(for_ever(), failed=died())


async def test_a_folder_that_is_full_counts_before_a_limit() -> None:
    ending = Ending()
    ending.end_early(LIMIT)
    ending.cannot_write(FULL)
    assert ending.state() is RunState.ABORTED
    with pytest.raises(RecordError):
        ending.raise_failure()


async def test_an_error_of_the_work_itself_is_raised() -> None:
    async def fail() -> None:
        raise StackError("every callee process died", remedy="See the logs.")

    with pytest.raises(StackError, match="every callee"):
        await Ending().until_called(fail())


async def test_only_an_end_at_once_cuts_waiting_short() -> None:
    ending = Ending()
    ending.stop()
    waiting = asyncio.create_task(ending.within(60, for_ever()))
    await asyncio.sleep(0)
    assert not waiting.done()
    ending.stop()
    await asyncio.wait_for(waiting, 10)
