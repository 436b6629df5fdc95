"""What is held of a log's calls does not grow with the log."""

from __future__ import annotations

from loadtest.analyse.incident.call import LoggedCall
from loadtest.analyse.incident.whose import MOST_ENDS, MOST_OPEN, Calls
from loadtest.record.agent_log.facts import Fact, Ids, Job
from loadtest.record.agent_log.stamps import Stamp
from loadtest_probe import wire


def fact(number: int, said: Job | wire.Closed, job: str) -> Fact:
    return Fact(file="agent.log", line=number, at=Stamp("utc", float(number), 1e-6), said=said, ids=Ids(job=job))


def test_calls_whose_end_is_never_told_are_over_when_others_have_begun() -> None:
    over: list[LoggedCall] = []
    calls = Calls(some=lambda _: None, over=over.append, nobody=lambda _: None)
    for number in range(MOST_OPEN + 100):
        calls.take(fact(number, Job(), f"AJ_{number}"))
        calls.take(fact(number, Job(), "AJ_0"))  # told of again and again: it is not over

    assert [call.job for call in over] == [f"AJ_{number}" for number in range(1, 101)]
    calls.finish()
    assert len(over) == MOST_OPEN + 100


def test_a_call_that_loses_its_connection_without_end_holds_few_of_its_ends() -> None:
    taken = []

    def take(call: LoggedCall) -> None:
        taken.append(len(call.ended))
        call.ended.clear()

    calls = Calls(some=take, over=lambda _: None, nobody=lambda _: None)
    for number in range(3 * MOST_ENDS + 7):
        calls.take(fact(number, wire.Closed(0, 1011, "", "server", ""), "AJ_1"))
    calls.finish()

    assert taken == [MOST_ENDS] * 3 + [7]
