"""What the real client sees of faults of the connection: codes, reasons, who closed, and what is only waited for."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import websockets
from google.genai import errors, types
from websockets.asyncio.client import connect as open_websocket

from loadtest.scenario.faults import Fault
from loadtest.stack.gemini.bounds import Loops, Ration
from tests.unit.stack.gemini.conftest import UTTERANCE
from tests.unit.stack.gemini.served import CONFIG, MODEL, Served, failure, http_refusal, refused, say, turn

Serve = Callable[..., Any]
RUN = "gemini.jsonl"
# A keepalive as google-genai's, a hundred times as fast.
HASTY = {"ping_interval": 0.2, "ping_timeout": 0.2, "close_timeout": 0.2}


def fails(*faults: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"faults": list(faults), **changes}


async def handle_of(session: Any) -> str:
    update = (await anext(session.receive())).session_resumption_update
    assert update.resumable
    return str(update.new_handle)


def resuming(handle: str) -> types.LiveConnectConfig:
    return CONFIG.model_copy(update={"session_resumption": types.SessionResumptionConfig(handle=handle)})


async def first_handle(served: Served, arm: str, **options: Any) -> str:
    async with served.client(arm, **options).connect(model=MODEL, config=CONFIG) as session:
        return await handle_of(session)


def cause(error: errors.APIError) -> websockets.ConnectionClosed:
    """What the client's library made of the end of the connection."""
    context = error.__context__
    assert isinstance(context, websockets.ConnectionClosed)
    return context


async def told(served: Served, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """The truth's lines of one type, once there are so many."""
    async with asyncio.timeout(20):
        while len(lines := served.lines(kind, RUN)) < count:
            await asyncio.sleep(0.02)
    return lines


@pytest.mark.parametrize("api", ["gemini", "vertex"])
@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ({"fault": "F4", "variant": "unavailable"}, 1011, "The service is currently unavailable."),
        ({"fault": "F12", "variant": "deadline"}, 1011, "Deadline expired before operation could complete."),
        ({"fault": "F12", "variant": "cancelled"}, 1000, "The operation was cancelled."),
        ({"fault": "F12", "variant": "aborted"}, 1008, "The operation was aborted"),
        ({"fault": "F19"}, 1007, "Request contains an invalid argument."),
    ],
)
async def test_a_close_in_the_session(serve: Serve, api: str, fault: dict[str, Any], code: int, reason: str) -> None:
    simulator, served = await serve(quick=fails(fault | {"at_age_s": 0.05}))
    await served.start()
    live = served.client() if api == "gemini" else served.vertex()
    async with live.connect(model=MODEL, config=CONFIG) as session:
        await handle_of(session)
        error = await failure(session)
    assert (error.code, error.details, str(error)) == (code, reason, f"{code} None. {reason}"), "as the plugin logs it"
    assert cause(error).rcvd_then_sent, "the server closed first"
    (line,) = served.lines("closed", RUN)
    assert (line["code"], line["reason"], line["side"], line["phase"]) == (code, reason, "server", "idle")
    await simulator.close()


@pytest.mark.parametrize("api", ["gemini", "vertex"])
@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ({"fault": "F5"}, 1011, "Internal error encountered."),
        ({"fault": "F6", "variant": "setup", "at_run_s": 0}, 1011, "The service is currently unavailable."),
        (
            {"fault": "F17"},
            1008,
            "{model} is not found for API version {version}, or is not supported for bidiGenerateContent",
        ),
    ],
)
async def test_a_close_in_place_of_setup_complete(
    serve: Serve, api: str, fault: dict[str, Any], code: int, reason: str
) -> None:
    trigger = {} if "at_run_s" in fault else {"at_connect": 1}
    simulator, served = await serve(quick=fails(fault | trigger))
    await served.start()
    error = await refused(served.client(version="v1alpha") if api == "gemini" else served.vertex())
    asked = {
        "gemini": {"model": "models/m", "version": "v1alpha"},
        "vertex": {"model": "projects/p/locations/l/publishers/google/models/m", "version": "v1beta1"},
    }[api]
    whole = reason.format(**asked)
    assert (error.code, error.details) == (code, whole[:123])
    (line,) = served.lines("refused", RUN)
    assert (line["http_status"], line["code"], line["reason"]) == (None, code, whole[:123])
    assert [line["phase"] for line in served.lines("closed", RUN)] == ["setup"]
    assert [line["phase"] for line in served.lines("fault", RUN)] == ["setup"]
    await simulator.close()


@pytest.mark.parametrize("status", [429, 503, 403])
async def test_an_http_error_at_the_upgrade(serve: Serve, status: int) -> None:
    simulator, served = await serve(quick=fails({"fault": "F13", "at_connect": 1, "http_status": status}))
    await served.start()
    assert f"HTTP {status}" in await http_refusal(served.client())
    assert f"HTTP {status}" in await http_refusal(served.vertex())
    assert [line["http_status"] for line in served.lines("refused", RUN)] == [status, status]
    await simulator.close()


@pytest.mark.parametrize(
    ("variant", "code", "reason"),
    [
        ("not_found", 1008, "BidiGenerateContent session not found"),
        ("invalid", 1007, "Request contains an invalid argument."),
        ("still_open", 1011, "Internal error encountered."),
    ],
)
async def test_a_resumption_is_refused_and_a_new_session_is_not(
    serve: Serve, variant: str, code: int, reason: str
) -> None:
    simulator, served = await serve(quick=fails({"fault": "F9", "per_connect": 1.0, "variant": variant}))
    await served.start()
    handle = await first_handle(served, "quick")
    error = await refused(served.client(), config=resuming(handle))
    assert (error.code, error.details) == (code, reason)
    await first_handle(served, "quick")
    assert len(served.lines("fault", RUN)) == 1
    await simulator.close()


@pytest.mark.parametrize("call", ["c1", None])
async def test_a_poisoned_handle_fails_each_turn_until_there_is_none(serve: Serve, call: str | None) -> None:
    simulator, served = await serve(
        quick=fails({"fault": "F8", "at_connect": 2}, reply_delay={"distribution": "constant", "value_ms": 800})
    )
    await served.start()
    handle = await first_handle(served, "quick", call=call)
    for _ in range(2):
        async with served.client(call=call).connect(model=MODEL, config=resuming(handle)) as session:
            handle = await handle_of(session)
            await say(session, *UTTERANCE)
            error = await failure(session)
        assert (error.code, error.details) == (1011, "Internal error encountered.")
    async with served.client(call=call).connect(model=MODEL, config=CONFIG) as session:
        await say(session, *UTTERANCE)
        assert "turn_complete+usage_metadata" in await turn(session)
    assert [line["fault"] for line in served.lines("fault", RUN)] == ["F8", "F8"]
    assert [line["resumed"] for line in served.lines("connection_opened", RUN)] == [False, True, True, False]
    await simulator.close()


async def test_a_burst_closes_the_sessions_of_all_calls_and_refuses_new_ones_for_a_while(serve: Serve) -> None:
    simulator, served = await serve(
        quick=fails({"fault": "F6", "at_run_s": 30, "refused_s": 1000, "variant": "http", "http_status": 503})
    )
    simulator.begin(time.monotonic() - 29.0)
    open_socket = [served.client(call=f"c{n}").connect(model=MODEL, config=CONFIG) for n in range(3)]
    sessions = [await each.__aenter__() for each in open_socket]
    for session in sessions:
        await handle_of(session)
    found = await asyncio.gather(*map(failure, sessions))
    assert {(error.code, error.details) for error in found} == {(1011, "The service is currently unavailable.")}
    for each in open_socket:
        await each.__aexit__(None, None, None)
    lines = served.lines("closed", RUN)
    assert {line["call_id"] for line in lines} == {"c0", "c1", "c2"}
    assert max(line["t"] for line in lines) - min(line["t"] for line in lines) < 5
    for call in ("c0", "new"):
        assert "HTTP 503" in await http_refusal(served.client(call=call))
    await simulator.close()


async def test_times_of_the_run_in_faults_are_those_of_the_plan_where_the_run_was_taken_up_later(serve: Serve) -> None:
    simulator, served = await serve(
        quick=fails({"fault": "F6", "at_run_s": 30, "refused_s": 1000, "variant": "http", "http_status": 503})
    )
    simulator.begin(time.monotonic() - 7240.0, shift_s=7200.0)
    assert "HTTP 503" in await http_refusal(served.client(call="a"))
    (line,) = served.lines("refused", RUN)
    assert 7240 <= line["t"] < 7300
    await simulator.close()


@pytest.mark.parametrize(
    ("variant", "code", "reason"),
    [
        ("deadline", 1011, "Deadline expired before operation could complete."),
        ("cancelled", 1000, "The operation was cancelled."),
    ],
)
async def test_a_goaway_and_then_the_end(serve: Serve, variant: str, code: int, reason: str) -> None:
    simulator, served = await serve(
        quick=fails({"fault": "F11", "at_age_s": 0.1, "variant": variant, "time_left_s": 0.5})
    )
    await served.start()
    async with served.client().connect(model=MODEL, config=CONFIG) as session:
        await handle_of(session)
        said = await anext(session.receive())
        assert said.go_away.time_left == "0.5s"
        error = await failure(session)
    assert (error.code, error.details) == (code, reason)
    (announced,), (closed,) = served.lines("go_away", RUN), served.lines("closed", RUN)
    assert closed["t"] - announced["t"] > 0.3, "about half a second"
    await simulator.close()


async def test_a_goaway_and_then_silence_on_a_living_connection(serve: Serve) -> None:
    simulator, served = await serve(
        quick=fails({"fault": "F11", "at_age_s": 0.1, "variant": "silence", "time_left_s": 0.1})
    )
    await served.start()
    async with served.client(**HASTY).connect(model=MODEL, config=CONFIG) as session:
        await handle_of(session)
        assert (await anext(session.receive())).go_away is not None
        await told(served, "silence")
        await say(session, *UTTERANCE)
        await told(served, "caller_speech_end")
        await session.send_client_content(turns=[], turn_complete=True)
        with pytest.raises(TimeoutError):
            # Several keepalives long.
            await asyncio.wait_for(anext(session.receive()), 1.0)
    (line,) = await told(served, "closed")
    assert (line["code"], line["side"]) == (1000, "client")
    await simulator.close()


async def test_setup_complete_comes_late(serve: Serve) -> None:
    late = {"fault": "F15", "at_connect": 1, "variant": "late", "setup_ms_min": 600, "setup_ms_max": 600}
    simulator, served = await serve(quick=fails(late))
    await served.start()
    async with served.client(**HASTY).connect(model=MODEL, config=CONFIG) as session:
        assert session.setup_complete is not None
    (fault,), (complete,) = served.lines("fault", RUN), served.lines("setup_complete", RUN)
    assert complete["t"] - fault["t"] >= 0.6, "longer than the client's keepalive would have borne without pongs"
    assert (fault["fault"], fault["phase"]) == ("F15", "setup")
    await simulator.close()


async def test_what_is_said_before_a_late_setup_complete_is_not_lost(serve: Serve) -> None:
    late = {"fault": "F15", "at_connect": 1, "variant": "late", "setup_ms_min": 400, "setup_ms_max": 400}
    simulator, served = await serve(quick=fails(late))
    await served.start()
    path = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=KEY"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(served.url(f"/arms/quick/{path}"), ssl=served.trust) as socket,
    ):
        await socket.send_json({"setup": {"model": "models/m"}})
        await socket.send_json({"clientContent": {"turns": [], "turnComplete": True}})
        assert (await socket.receive()).json() == {"setupComplete": {}}
        await told(served, "turn_complete")
    await simulator.close()


async def test_setup_complete_never_comes(serve: Serve) -> None:
    simulator, served = await serve(quick=fails({"fault": "F15", "at_connect": 1, "variant": "never"}))
    await served.start()

    async def connect() -> None:
        async with served.client(**HASTY).connect(model=MODEL, config=CONFIG):
            raise AssertionError("it came")

    waiting = asyncio.create_task(connect())
    await told(served, "fault")
    done, _ = await asyncio.wait((waiting,), timeout=1.0)
    assert not done
    assert not served.lines("setup_complete", RUN)
    waiting.cancel()
    (line,) = await told(served, "closed")
    assert (line["side"], line["phase"]) == ("client", "setup")
    await simulator.close()


async def test_an_upgrade_takes_longer_than_the_client_waits(serve: Serve) -> None:
    default = inspect.signature(open_websocket).parameters["open_timeout"].default
    assert Fault(fault="F16", at_connect=1).upgrade_s > default == 10
    simulator, served = await serve(quick=fails({"fault": "F16", "at_connect": 1, "upgrade_s": 600}))
    await served.start()
    with pytest.raises(TimeoutError, match="timed out during opening handshake"):
        async with served.client(open_timeout=0.3).connect(model=MODEL, config=CONFIG):
            pass
    (line,) = await told(served, "refused")
    assert (line["http_status"], line["code"], line["reason"]) == (
        None,
        None,
        "the client gave up waiting for the upgrade",
    )
    assert not served.lines("connection_opened", RUN)
    await simulator.close()


async def test_a_slow_upgrade_is_waited_for_by_a_client_that_can(serve: Serve) -> None:
    simulator, served = await serve(quick=fails({"fault": "F16", "at_connect": 1, "upgrade_s": 0.3}))
    await served.start()
    assert await first_handle(served, "quick")
    (fault,), (opened,) = served.lines("fault", RUN), served.lines("connection_opened", RUN)
    assert opened["t"] - fault["t"] >= 0.3
    await simulator.close()


async def test_a_half_open_connection_is_given_up_by_the_client(serve: Serve) -> None:
    simulator, served = await serve(quick=fails({"fault": "F21", "at_age_s": 0.05}))
    await served.start()
    async with served.client(**HASTY).connect(model=MODEL, config=CONFIG) as session:
        await handle_of(session)
        await told(served, "fault")
        await say(session, *UTTERANCE)
        error = await failure(session)
    assert error.code == 1006
    closed = cause(error)
    assert closed.rcvd is None, "its close was not answered"
    assert closed.sent is not None
    assert (closed.sent.code, closed.sent.reason) == (1011, "keepalive ping timeout")
    (line,) = await told(served, "closed")
    assert (line["code"], line["side"], line["phase"]) == (1011, "client", "idle")
    assert not served.lines("caller_speech_end", RUN)
    await nobody_left(served)
    await simulator.close()


async def test_a_half_open_connection_answers_no_close(serve: Serve) -> None:
    simulator, served = await serve(quick=fails({"fault": "F21", "at_age_s": 0}))
    await served.start()
    async with served.client(close_timeout=0.3).connect(model=MODEL, config=CONFIG) as session:
        await session.close()
        assert session._ws.close_code == 1006
    (line,) = await told(served, "closed")
    assert (line["code"], line["side"]) == (1000, "client")
    await nobody_left(served)
    await simulator.close()


async def nobody_left(served: Served) -> None:
    """Waits until the simulator has let go of every connection."""
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer TOKEN"}) as http, asyncio.timeout(20):
        while True:
            answer = await http.get(served.url("/control/health"), ssl=served.trust)
            if not (await answer.json())["connections"]:
                return
            await asyncio.sleep(0.02)


async def test_late_pongs_make_the_client_close_and_are_no_1011_of_the_servers(serve: Serve) -> None:
    late = {"fault": "F22", "at_age_s": 0, "pong_ms_min": 60_000, "pong_ms_max": 60_000}
    simulator, served = await serve(quick=fails(late))
    await served.start()
    async with served.client(**HASTY | {"ping_timeout": 1.0}).connect(model=MODEL, config=CONFIG) as session:
        await say(session, *UTTERANCE)
        assert "turn_complete+usage_metadata" in await turn(session), "everything else goes on"
        error = await failure(session)
    closed = cause(error)
    # The library reads no answer to a close of its own making.
    assert (error.code, closed.rcvd) == (1006, None)
    assert closed.sent is not None
    assert (closed.sent.code, closed.sent.reason) == (1011, "keepalive ping timeout")
    (line,) = served.lines("closed", RUN)
    assert (line["code"], line["reason"], line["side"]) == (1011, "keepalive ping timeout", "client")
    await simulator.close()


async def test_pongs_that_are_just_not_too_late_do_nothing(serve: Serve) -> None:
    simulator, served = await serve(
        quick=fails({"fault": "F22", "at_age_s": 0, "pong_ms_min": 300, "pong_ms_max": 400})
    )
    await served.start()
    async with served.client().connect(model=MODEL, config=CONFIG) as session:
        waits = [await (await session._ws.ping()) for _ in range(2)]
        assert min(waits) >= 0.3
        await session.send_client_content(turns=[], turn_complete=True)
        assert "turn_complete+usage_metadata" in await turn(session)
    assert [(line["code"], line["side"]) for line in await told(served, "closed")] == [(1000, "client")]
    await simulator.close()


async def test_a_clients_close_is_answered_with_its_own_code(served: Served) -> None:
    path = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    url = served.url(f"/arms/quick/{path}").replace("https", "wss")
    async with open_websocket(url, ssl=served.trust, additional_headers={"x-goog-api-key": "KEY"}) as socket:
        await socket.send('{"setup": {"model": "models/m"}}')
        await socket.recv()
        await socket.close(1011, "keepalive ping timeout")
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await socket.recv()
    assert caught.value.rcvd == caught.value.sent
    (line,) = served.lines("closed")
    assert (line["code"], line["reason"], line["side"]) == (1011, "keepalive ping timeout", "client")


async def test_nothing_comes_after_setup_complete_at_the_age_of_zero(serve: Serve) -> None:
    simulator, served = await serve(quick=fails({"fault": "F4", "at_age_s": 0, "variant": "unavailable"}))
    await served.start()
    async with served.client().connect(model=MODEL, config=CONFIG) as session:
        error = await failure(session)
    assert error.code == 1011
    await simulator.close()


@pytest.mark.parametrize("call", ["c1", None])
async def test_endless_reconnects_are_slowed_down_and_fill_no_disk(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, call: str | None
) -> None:
    monkeypatch.setattr(Loops, "CONNECTS", 10)
    monkeypatch.setattr(Loops, "PER_S", 0.0)
    monkeypatch.setattr(Loops, "WAIT_S", 0.01)
    monkeypatch.setattr(Loops, "UNNAMED", 1)
    simulator, served = await serve(quick=fails({"fault": "F4", "at_age_s": 0}))
    await served.start()
    for _ in range(25):
        async with served.client(call=call).connect(model=MODEL, config=CONFIG) as session:
            assert (await failure(session)).code == 1011
    async with served.client(call="other").connect(model=MODEL, config=CONFIG):
        pass
    await simulator.close()
    held = served.lines("held", RUN)
    assert len(held) == 25 - 10
    assert {line["call_id"] for line in held} == {call}
    assert len(served.lines("connection_opened", RUN)) == 26


async def test_truth_that_is_left_out_is_counted_by_call(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ration, "LINES", 20)
    monkeypatch.setattr(Ration, "PER_S", 0.0)
    simulator, served = await serve(quick=fails({"fault": "F4", "at_age_s": 0}))
    await served.start()
    for call in ("c1", "c2"):
        for _ in range(12):
            async with served.client(call=call).connect(model=MODEL, config=CONFIG) as session:
                await failure(session)
    await simulator.close()
    for call in ("c1", "c2"):
        told: Counter[str] = Counter()
        (left_out,) = (line for line in served.lines("left_out", RUN) if line["call_id"] == call)
        for kind in ("connection_opened", "setup_complete", "fault", "closed"):
            told[kind] = sum(line["call_id"] == call for line in served.lines(kind, RUN))
        assert sum(told.values()) == 20
        told.update(left_out["lines"])
        assert set(told.values()) == {12}
        assert left_out["faults"] == {"F4": left_out["lines"]["fault"]}


async def test_an_unnamed_call_is_told_what_was_left_out_as_it_ends(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ration, "LINES", 4)
    monkeypatch.setattr(Ration, "PER_S", 0.0)
    simulator, served = await serve(quick={})
    await served.start()
    async with served.client(call=None).connect(model=MODEL, config=CONFIG) as session:
        for _ in range(3):
            await session.send_client_content(turns=[], turn_complete=True)
            await turn(session)
    (line,) = await told(served, "left_out")
    assert line["lines"]["turn_complete"] >= 2
    await simulator.close()


@pytest.mark.filterwarnings("ignore:The SDK's ephemeral token support is experimental")
async def test_each_way_to_present_the_key_is_accepted(served: Served) -> None:
    for live in (
        served.client(),
        served.client(key="auth_tokens/KEY", version="v1alpha"),
        served.vertex(),
        served.express(),
    ):
        async with live.connect(model=MODEL, config=CONFIG) as session:
            await session.send_client_content(turns=[], turn_complete=True)
            assert "turn_complete+usage_metadata" in await turn(session)
    opened = served.lines("connection_opened")
    assert [line["api"] for line in opened] == ["gemini", "gemini", "vertex", "vertex"]
    assert opened[1]["path"].endswith("v1alpha.GenerativeService.BidiGenerateContentConstrained")
