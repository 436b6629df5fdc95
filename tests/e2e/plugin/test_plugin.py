"""What the Google plugin does when something happens to its connection, generation by generation.

Each generation's own plugin and client, in its own environment, against the simulator: what docs/plugin-generations.md
says of them is what they do here.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadtest.audio.wav import read_line
from loadtest.scenario.endpoint import EndpointProfile
from loadtest.scenario.plugins import PLUGIN_GENERATIONS
from loadtest.stack.generations.environment import generation_environ, provide_generation
from loadtest.stack.simulator import start_simulator
from loadtest.stack.tls import write_server_tls
from loadtest.stack.workers import REFERENCE_SCRIPT
from tests.e2e.harness import AUDIO, profile
from tests.e2e.plugin.cases import CASES, Case

OLD, NEW = PLUGIN_GENERATIONS
DRIVER = Path(__file__).parent / "driver.py"
LIMIT_S = 240.0

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Lived:
    """What one session went through. told: by the driver. truth: by the simulator."""

    told: tuple[Event, ...]
    truth: tuple[Event, ...]

    def of(self, *kinds: str) -> list[Event]:
        return [event for event in self.told if event["kind"] in kinds]

    def kinds(self, *kinds: str) -> list[str]:
        """The kinds of the events that are of these kinds, in order."""
        return [event["kind"] for event in self.of(*kinds)]

    def after(self, kind: str, n: int = 1) -> Lived:
        """What came after the nth event of that kind."""
        at = [index for index, event in enumerate(self.told) if event["kind"] == kind][n - 1]
        return Lived(self.told[at + 1 :], self.truth)

    def before_end(self) -> Lived:
        """All but what becomes of ending the session when all is over."""
        return Lived(self.told[: [event["kind"] for event in self.told].index("end")], self.truth)

    def logs(self, text: str) -> list[str]:
        return [event["text"] for event in self.of("log") if text in event["text"]]

    def true(self, kind: str) -> list[Event]:
        return [line for line in self.truth if line["type"] == kind]


Sessions = Mapping[tuple[str, str], Lived]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    """All cases of both generations, side by side."""
    return asyncio.run(_live(tmp_path_factory.mktemp("plugin")))


async def _live(folder: Path) -> Sessions:
    tls, key = write_server_tls(folder), secrets.token_hex(16)
    trusted = folder / "ca.pem"
    trusted.write_bytes(tls.ca_pem)
    faults = [
        {**fault, "calls": [_call(plugin, case)]}
        for plugin in PLUGIN_GENERATIONS
        for case in CASES
        for fault in case.faults
    ]
    # As fast as it is played, so that what strikes in a reply finds the rest of it unsent.
    endpoint = EndpointProfile.model_validate(profile("gemini-3.8-live", *faults) | {"send_speed": 1.0})
    simulator = await start_simulator(
        {"arm": endpoint.model_dump(mode="json")},
        tls,
        folder=folder,
        truth_dir=folder / "truth",
        log_path=folder / "simulator.log",
        api_key=key,
        seed=1,
        asking=(read_line(AUDIO / "where-is-my-parcel.wav").samples,),
    )
    try:
        await simulator.start_faults(time.monotonic())
        env = {**os.environ, "SSL_CERT_FILE": str(trusted), "GOOGLE_API_KEY": key}
        told = await asyncio.gather(
            *(_drive(plugin, simulator.base_url("arm"), env, folder / plugin) for plugin in PLUGIN_GENERATIONS)
        )
    finally:
        await simulator.service.stop()
    truth = [json.loads(line) for line in (folder / "truth" / "gemini.jsonl").read_text().splitlines()]
    return {
        (plugin, case.name): Lived(
            tuple(event for event in events if event["case"] == case.name),
            tuple(line for line in truth if line["call_id"] == _call(plugin, case)),
        )
        for plugin, events in zip(PLUGIN_GENERATIONS, told, strict=True)
        for case in CASES
    }


def _call(plugin: str, case: Case) -> str:
    return f"{plugin}-{case.name}"


async def _drive(plugin: str, base_url: str, environ: Mapping[str, str], folder: Path) -> list[Event]:
    """Run the driver in that generation's interpreter; what it told."""
    env = generation_environ(environ, folder / "way")
    env["PYTHONPATH"] = os.pathsep.join([env["PYTHONPATH"], str(REFERENCE_SCRIPT.parent)])
    whole = [
        {
            "case": case.name,
            "steps": case.steps,
            "ping_s": case.ping_s,
            "endpoint": {
                "call_id": _call(plugin, case),
                "model": "gemini-3.8-live",
                "api": case.api,
                "base_url": base_url,
                "voice": "Zephyr",
                "probe_dir": None,
                "project": "p",
                "location": "us-central1",
            },
        }
        for case in CASES
    ]
    cases = folder / "cases.json"
    cases.write_text(json.dumps(whole))
    with (folder / "told.jsonl").open("wb") as out, (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            provide_generation(plugin), str(DRIVER), str(cases), env=env, stdout=out, stderr=log
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    assert code == 0, (folder / "log").read_text()[-2000:]
    return [json.loads(line) for line in (folder / "told.jsonl").read_text().splitlines()]


@pytest.fixture(params=PLUGIN_GENERATIONS)
def plugin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lived(sessions: Sessions, plugin: str) -> Callable[[str], Lived]:
    def look(case: str) -> Lived:
        one = sessions[plugin, case]
        assert one.of("missed") == []
        assert one.of("end"), "the case did not come to its end"
        return one

    return look


def survived(lived: Lived) -> bool:
    """The session was ended by us alone."""
    return [event["reason"] for event in lived.of("close")] == ["user_initiated"]


# The client is undisturbed.


@pytest.mark.parametrize("case", ["undisturbed", "undisturbed-vertex"])
def test_greets_and_replies(lived: Callable[[str], Lived], case: str) -> None:
    one = lived(case).before_end()
    assert one.kinds("connected", "heard", "played", "error", "ended") == [
        "connected",
        "heard",
        "played",
        "heard",
        "played",
    ]
    assert [event["interrupted"] for event in one.of("played")] == [False, False]
    assert [line["kind"] for line in one.true("reply_started")] == ["greeting", "reply"]
    (opened,) = one.true("connection_opened")
    assert opened["api"] == ("vertex" if "vertex" in case else "gemini")
    # Every part of the reply that was sent was heard.
    for sent, heard in zip(one.true("reply_audio_sent"), one.of("played"), strict=True):
        assert heard["seconds"] == pytest.approx(sent["audio_ms"] / 1000, abs=0.6)


def test_stops_when_interrupted_and_answers(lived: Callable[[str], Lived]) -> None:
    one = lived("interruption")
    assert [event["interrupted"] for event in one.of("played")][:2] == [True, False]
    assert [line["by"] for line in one.true("interrupted")] == ["caller"]
    assert survived(one)


@pytest.mark.parametrize("case", ["close-1011", "close-1011-vertex"])
def test_resumes_with_the_handle_and_answers_again(lived: Callable[[str], Lived], case: str) -> None:
    one = lived(case)
    assert [line["resumed"] for line in one.true("connection_opened")] == [False, True]
    assert one.after("mark").kinds("heard", "played")[:2] == ["heard", "played"]
    assert survived(one)


# A session that was set up ends.

CLOSES = {
    "close-1011": "1011 None. Internal error",
    "close-1006": "1006 None",
    "close-1000": "1000 None. The operation",
}


def told_of(one: Lived, case: str) -> str:
    """How the plugin puts the close: on a busy machine a send can run into it before receiving does."""
    ended, code = one.of("ended")[0], case.removeprefix("close-")
    met_by_sending = "no close frame received or sent" if code == "1006" else f"received {code}"
    assert ended["text"].startswith(met_by_sending if ended["by"] == "sending" else CLOSES[case])
    return str(ended["text"])


@pytest.mark.parametrize("case", CLOSES)
def test_a_close_is_reconnected_by_1_6_0_at_once_and_without_an_event(sessions: Sessions, case: str) -> None:
    one = sessions[OLD, case]
    assert told_of(one, case)
    assert one.of("error") == []
    assert one.logs("retrying") == []
    assert one.after("ended").of("connected")
    assert survived(one)


@pytest.mark.parametrize("case", CLOSES)
def test_a_close_is_an_error_event_in_1_8_9_which_reconnects_after_a_tenth_of_a_second(
    sessions: Sessions, case: str
) -> None:
    one = sessions[NEW, case]
    first = one.of("error")[0]
    assert (first["recoverable"], first["text"]) == (True, told_of(one, case))
    assert one.logs("retrying in 0.1s")
    assert one.after("ended").of("connected")
    assert survived(one)


def test_a_close_without_a_message_since_setup_makes_1_6_0_reconnect_without_end(sessions: Sessions) -> None:
    one = sessions[OLD, "loop"]
    assert len(one.of("connected")) > 5  # 1.8.9 gives up after the fourth
    assert one.of("error") == []
    assert one.logs("retrying") == []
    assert survived(one)


def test_a_close_without_a_message_since_setup_makes_1_8_9_give_up_after_three_retries(sessions: Sessions) -> None:
    one = sessions[NEW, "loop"]
    waits = [text.rpartition(" in ")[2] for text in one.logs("retrying in")]
    assert waits == ["0.1s", "2.0s", "2.0s"]
    assert [event["recoverable"] for event in one.of("error")] == [True, True, True, False]
    assert [event["reason"] for event in one.of("close")] == ["error"]
    assert len(one.of("connected")) == 4


def test_any_message_makes_the_count_start_again(lived: Callable[[str], Lived]) -> None:
    one = lived("loop-message")
    assert len(one.of("connected")) >= 8  # three retries are the most without
    assert all(event["recoverable"] for event in one.of("error"))
    assert survived(one)


def test_1007_is_reconnected_by_1_6_0_and_the_end_in_1_8_9(sessions: Sessions) -> None:
    old, new = sessions[OLD, "close-1007"], sessions[NEW, "close-1007"]
    assert old.logs("error in receive task: 1007")
    assert len(old.of("connected")) == 2
    assert survived(old)
    assert [event["recoverable"] for event in new.of("error")] == [False]
    assert len(new.of("connected")) == 1
    assert [event["reason"] for event in new.of("close")] == ["error"]


# A connect fails.


@pytest.mark.parametrize(
    ("case", "text", "connects"),
    [
        ("refused-503", "server rejected WebSocket connection: HTTP 503", 0),
        ("refused-in-setup", "1011 None. Internal error encountered.", 0),
        ("refused-reconnect", "server rejected WebSocket connection: HTTP 429", 1),
        ("refused-resumption", "1008 None. BidiGenerateContent session not found", 1),
        ("slow-upgrade", "timed out during opening handshake", 0),
    ],
)
def test_a_refused_connect_is_the_end(lived: Callable[[str], Lived], case: str, text: str, connects: int) -> None:
    one = lived(case)
    last = one.of("error")[-1]
    assert (last["recoverable"], last["text"]) == (False, text)
    assert [event["reason"] for event in one.of("close")] == ["error"]
    assert len(one.of("connected")) == connects


def test_a_setup_that_is_never_complete_is_waited_for(lived: Callable[[str], Lived]) -> None:
    one = lived("no-setup")
    assert one.before_end().kinds("connected", "error", "ended", "close") == []  # for longer than opening may take
    assert len(one.true("connection_opened")) == 1


def test_a_half_open_socket_is_1006_once_the_keepalive_has_given_up(
    sessions: Sessions, plugin: str, lived: Callable[[str], Lived]
) -> None:
    one = lived("half-open")
    (fault,) = one.true("fault")
    assert fault["fault"] == "F21"
    assert one.logs("error in receive task: 1006 None. abnormal closure")
    assert [event["recoverable"] for event in one.of("error")] == ([] if plugin == OLD else [True])
    assert len(one.of("connected")) == 2
    # Here all is quicker. By itself: up to 20 s to the ping, 20 s for its pong, 10 s for the answer to the close.
    assert {(event["ping_interval"], event["ping_timeout"]) for event in one.of("keepalive")} == {(20, 20)}


def test_late_pongs_make_the_client_close_with_1011_and_the_plugin_say_1006(lived: Callable[[str], Lived]) -> None:
    one = lived("late-pongs")
    closed = one.true("closed")[0]
    assert (closed["side"], closed["code"], closed["reason"]) == ("client", 1011, "keepalive ping timeout")
    assert one.logs("error in receive task: 1006 None. abnormal closure")


# What becomes of the call.


@pytest.mark.parametrize("case", ["close-1011", "close-1011-vertex"])
def test_a_reply_in_flight_is_lost_and_the_agent_silent_until_it_is_spoken_to(
    lived: Callable[[str], Lived], case: str
) -> None:
    one = lived(case)
    until = one.after("connected", 2).told
    silent = until[: [event["kind"] for event in until].index("mark")]
    assert [event for event in silent if event["kind"] == "heard"] == []
    assert [line["turn"] for line in one.true("reply_started")] == [0, 2]


def test_go_away_is_reconnected_at_once_kills_the_reply_and_is_no_event(lived: Callable[[str], Lived]) -> None:
    one = lived("go-away")
    (fault,) = one.true("fault")
    assert fault["phase"] in {"awaiting_reply", "replying"}  # the former where all is slow
    assert one.logs("Gemini server indicates disconnection soon. Time left: 50s")
    assert one.of("error", "ended") == []
    closed = one.true("closed")[0]
    assert (closed["side"], closed["phase"]) == ("client", fault["phase"])
    assert one.after("mark").of("heard") == []
    assert survived(one)


def test_a_cut_reply_is_kept_as_if_it_were_complete(lived: Callable[[str], Lived]) -> None:
    one = lived("cut-reply")
    assert not one.true("turn_complete")[1:]  # the greeting's alone
    kept = [event for event in one.of("item") if event["role"] == "assistant"][1]
    assert kept["text"]
    assert not kept["interrupted"]
    assert one.after("mark").of("heard") == []  # the rest never comes


def test_1_6_0_resumes_with_the_handle_and_the_whole_conversation(sessions: Sessions) -> None:
    for case in ("close-1011", "close-1011-vertex", "close-1007"):
        (replayed,) = [event for event in sessions[OLD, case].after("ended").of("sent") if not event["complete"]]
        assert replayed["roles"] == ["model", "user"]


def test_1_8_9_resumes_with_the_handle_and_what_came_after_it(sessions: Sessions) -> None:
    for case in ("close-1011", "close-1011-vertex"):
        (replayed,) = [event for event in sessions[NEW, case].after("ended").of("sent") if not event["complete"]]
        assert replayed["roles"] == ["user"]


def test_a_handle_that_has_gone_bad_is_used_again_and_again(lived: Callable[[str], Lived]) -> None:
    one = lived("poisoned")
    assert [line["resumed"] for line in one.true("connection_opened")][:3] == [False, True, True]
    assert [line["fault"] for line in one.true("fault")][-2:] == ["F8", "F8"]
    assert survived(one)


def test_what_is_said_while_it_is_disconnected_is_heard_afterwards(lived: Callable[[str], Lived]) -> None:
    one = lived("spoken-meanwhile")
    assert one.after("ended").kinds("connected", "heard")[:2] == ["connected", "heard"]
    spoken = one.true("caller_speech_end")[-1]
    (_, back) = one.true("setup_complete")
    assert spoken["turn"] == 2
    # Said in about a second of real time, heard in a burst right after the setup.
    assert spoken["detected_s"] - back["t"] < 1.0


def test_a_reply_that_was_asked_for_is_given_up_after_five_seconds(lived: Callable[[str], Lived]) -> None:
    one = lived("pending")
    assert one.logs("failed to generate a reply: generate_reply timed out")
    (asked,) = one.of("asked")
    (failed,) = one.of("failed")
    assert failed["t"] - asked["t"] >= 4.9
    assert one.of("heard") == []


def test_every_connect_is_a_metric_without_a_request(lived: Callable[[str], Lived]) -> None:
    one = lived("close-1011")
    connects = [event for event in one.of("metric") if event["request_id"] == ""]
    assert len(connects) == 2
    for metric in connects:
        assert (metric["ttft"], metric["duration"], metric["tokens"]) == (-1, 0.0, [0, 0])
        assert metric["acquired"] > 0
    assert all(event["acquired"] == 0.0 for event in one.of("metric") if event["request_id"])


def test_a_reply_is_asked_for_with_a_dot_by_1_6_0_and_with_nothing_by_1_8_9(sessions: Sessions) -> None:
    for plugin, roles in ((OLD, ["user"]), (NEW, [])):
        (asked,) = [event for event in sessions[plugin, "undisturbed"].of("sent") if event["complete"]]
        assert asked["roles"] == roles


# The model calls a tool.


@pytest.mark.parametrize("case", ["tool", "tool-vertex"])
def test_the_tool_is_called_and_its_result_is_replied_to(lived: Callable[[str], Lived], case: str) -> None:
    one = lived(case)
    assert one.before_end().kinds("heard", "played", "tool", "returned") == [
        *("heard", "played"),
        *("tool", "returned"),
        *("heard", "played"),
    ]
    assert [event["number"] for event in one.of("tool")] == ["4711"]
    order = [line["type"] for line in one.truth if line["type"] in ("tool_call", "tool_response", "reply_started")]
    assert order == ["reply_started", "tool_call", "tool_response", "reply_started"]
    assert survived(one)


def test_without_a_tool_the_same_line_is_just_answered(lived: Callable[[str], Lived]) -> None:
    one = lived("no-tool")
    assert [line["turn"] for line in one.true("reply_started")] == [0, 1]
    assert one.true("tool_call") == []


def test_speech_cancels_the_call_with_1_6_0_whereas_1_8_9_declared_that_it_may_go_on(sessions: Sessions) -> None:
    old, new = sessions[OLD, "tool-interrupted"], sessions[NEW, "tool-interrupted"]
    assert [line["turn"] for line in old.true("tool_cancelled")] == [1]
    assert old.logs("server cancelled tool calls")
    assert [line["turn"] for line in old.true("reply_started")] == [0, 2]
    assert new.true("tool_cancelled") == []
    assert [line["turn"] for line in new.true("reply_started")][:2] == [0, 2]
    assert survived(old)
    assert survived(new)


@pytest.mark.parametrize(
    ("case", "reason"),
    [("tool-F3", None), ("tool-F18", "Operation is not implemented, or supported, or enabled.")],
)
def test_a_close_at_a_tool_call_takes_the_reply(lived: Callable[[str], Lived], case: str, reason: str | None) -> None:
    one = lived(case)
    closed = one.true("closed")[0]
    assert (closed["side"], closed["phase"]) == ("server", "tool")
    if reason is not None:
        assert (closed["code"], closed["reason"]) == (1008, reason)
    assert one.of("tool")
    assert [line["turn"] for line in one.true("reply_started")] == [0, 2]
    until = one.after("connected", 2).told
    assert [event for event in until[: [e["kind"] for e in until].index("mark")] if event["kind"] == "heard"] == []
    assert survived(one)
