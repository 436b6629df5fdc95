"""What is taken for a telephone number where they are hashed, and that no file of a run has one then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.jobs.opening import open_run
from loadtest.numbers import (
    NUMBER_KEY,
    Numbers,
    hash_numbers,
    hashing_environ,
    keep_numbers,
    numbers_in,
    own_numbers,
    take_hashing,
)
from loadtest.plan.build import build_plan
from loadtest.record.events import AgentDialled, EndCause, Ended, Outcome, Ringing
from loadtest.record.layout import CallFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo
from loadtest.record.run_scenario import read_run_scenario
from loadtest.record.writer import EventWriter
from loadtest.scenario.load import load_scenario

SMOKE = Path(__file__).parents[2] / "scenarios" / "smoke.yaml"
THEIRS = "493012345678"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(NUMBER_KEY, raising=False)
    yield
    keep_numbers()


@pytest.mark.parametrize(
    "text",
    [
        "+493012345678",
        "sip_493012345678",
        "sip_+493012345678",
        "transferred to tel:+493012345678",
        "sip:493012345678@trunk",
        "outbound-f6a1e94f-12005550123",
        '{"number":"12005550123"}',
        "number=+49 (30) 1234-5678.",
        "%2B493012345678",
        "at 2026-11-22 22:10:23 +493012345678 rang",
    ],
)
def test_numbers_are_known_by_how_they_are_written(text: str) -> None:
    numbers = Numbers("key")
    hashed = numbers.text(text)
    assert not [digits for digits in ("12345678", "1234-5678", "5550123") if digits in hashed]
    assert numbers.hashed(THEIRS) in hashed or numbers.hashed("12005550123") in hashed
    assert numbers.data(text.encode()) == hashed.encode()
    assert numbers.text(hashed) == hashed


@pytest.mark.parametrize(
    "text",
    [
        "1763849423073",
        '{"t":21473.388910,"pid":1234567}',
        "2026-11-22T22:10:23.073670+00:00",
        "Sun Nov 22 22:49:00 +0000 2026",
        "RM_493012345678",
        "f6a1e94f12005550123",
        "1.12005550123",
        "-21472.172527",
        "sip_agent",
        THEIRS,
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert Numbers("key").text(text) == text
    assert Numbers("key").data(text.encode()) == text.encode()


def test_a_number_that_was_named_is_found_anywhere() -> None:
    numbers = Numbers("key", numbers_in({"to": {"phone_number": "+49 30 12345678"}, "id": 12, "day": "Friday"}))
    assert numbers.known == {THEIRS}
    for text in (THEIRS, f"00{THEIRS}", f"dial({THEIRS})"):
        assert numbers.text(text) == text.replace(f"00{THEIRS}", THEIRS).replace(THEIRS, numbers.hashed(THEIRS))


def test_the_key_decides() -> None:
    assert Numbers("a").hashed("+4930") == Numbers("a").hashed("004930")
    assert Numbers("a").hashed("4930") != Numbers("b").hashed("4930")


def test_runs_are_joined_by_the_users_key_and_by_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def hashed() -> str:
        hash_numbers(())
        numbers = own_numbers()
        assert numbers is not None
        return numbers.hashed(THEIRS)

    assert hashed() != hashed()
    monkeypatch.setenv(NUMBER_KEY, "ours")
    assert hashed() == hashed()


def test_a_process_of_the_run_hashes_alike_and_passes_no_key_on() -> None:
    hash_numbers([THEIRS])
    numbers = own_numbers()
    assert numbers is not None
    environ = {**hashing_environ(), NUMBER_KEY: "ours", "PATH": "/bin"}
    keep_numbers()
    take_hashing(environ)
    theirs = own_numbers()
    assert environ == {"PATH": "/bin"}
    assert theirs is not None
    assert (theirs.text(THEIRS), theirs.known) == (numbers.text(THEIRS), numbers.known)


def test_events_have_no_number(tmp_path: Path) -> None:
    hash_numbers(())
    numbers = own_numbers()
    assert numbers is not None
    numbers.learn(THEIRS)  # as a call does when its agent dials one that says nothing of being one
    folder = CallFolder(tmp_path)
    with EventWriter(folder.events) as events:
        events.add(AgentDialled(t=1.0, number=THEIRS, identity=f"callee-{THEIRS}", wait_until_answered=True))
        events.add(Ringing(t=1763849.073, identity="sip_12005550123"))
        events.add(
            Ended(
                t=2.0, outcome=Outcome.COMPLETED, cause=EndCause.AGENT_HANGUP, reason="transferred to tel:+15551234567"
            )
        )
    text = folder.events.read_text()
    assert not [number for number in (THEIRS, "12005550123", "15551234567") if number in text]
    assert text.count(numbers.hashed(THEIRS)) == 2
    assert '"t":1763849.073' in text


def test_logs_have_no_number_and_the_command_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NUMBER_KEY, "ours-and-nobody-elses")
    hash_numbers([THEIRS])
    says = f"import os; print('sip_12005550123', {THEIRS}, *os.environ)"
    guard = [sys.executable, "-m", "loadtest.stack.guard", "--", sys.executable, "-c", says]
    environ = {**os.environ, **hashing_environ()}
    with subprocess.Popen(guard, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        log = process.stderr.read()
    assert process.returncode == 0
    numbers = own_numbers()
    assert numbers is not None
    assert log.startswith(f"sip_{numbers.hashed('12005550123')} {numbers.hashed(THEIRS)} ")
    assert "LOADTEST_" not in log.replace("LOADTEST_LIVEKIT_SERVER", "")


@pytest.mark.parametrize("how", ["plain", "hashed"])
def test_a_runs_own_files_have_numbers_as_the_scenario_says(tmp_path: Path, how: str) -> None:
    agent = f"agent={{command: [python, agent.py], name: mine, metadata: {{phone_number: '+{THEIRS}'}}}}"
    arms = [f"arms.{arm}.{agent}" for arm in ("preview", "ga")]
    loaded = load_scenario(SMOKE, [f"phone_numbers={how}", *arms])
    plan = build_plan(loaded)
    folder, info = open_run(loaded, plan, tmp_path)
    replace(info, warnings=(f"dialled +{THEIRS}",)).write(folder)
    texts = [path.read_text() for path in (folder.run_json, folder.scenario)]
    assert [THEIRS in text for text in texts] == [how == "plain"] * 2
    stored = [call.number for call in read_plan(folder.plan)]
    assert (stored == [call.number for call in plan]) == (how == "plain")
    assert len(set(stored)) == len(plan)
    # What was run can still be read, and the plan be told from others, but no number be guessed from a hash.
    assert read_run_scenario(folder).phone_numbers == how
    assert (RunInfo.read(folder).hashes["scenario"] == loaded.hashes["scenario"]) == (how == "plain")
