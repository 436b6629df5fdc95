"""From logs of agents to what they tell of an incident, and to a scenario that can be run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.analyse.incident.result import CloseKind, Incident, ModelIncident
from loadtest.errors import ScenarioError
from loadtest.jobs.incident import read_incident, rehearsal_files, write_rehearsal
from loadtest.scenario.faults import Fault
from loadtest.scenario.load import LoadedScenario, load_scenario

ROOT = Path(__file__).parents[2]
NOTE = ROOT / "data" / "incident.txt"
LOGS = ROOT / "unit" / "record" / "logs"
PREVIEW, GA = "gemini-3.1-flash-live-preview", "gemini-3.8-live"
INTERNAL = "error in receive task: 1011 None. Internal error encountered."
CONNECT = "REALTIME ttft=-1000ms duration=0ms in_tok=0 out_tok=0"
REPLY = "REALTIME ttft=300ms duration=1500ms in_tok=20 out_tok=30"


def entry(at_s: float, message: str, job: str | None = None, **fields: Any) -> str:
    """A line as livekit-agents writes it. at_s: seconds after an hour of some day."""
    minutes, seconds = divmod(at_s, 60)
    stamp = f"2026-11-23T{10 + int(minutes) // 60:02d}:{int(minutes) % 60:02d}:{seconds:09.6f}+00:00"
    named = {} if job is None else {"job_id": f"AJ_{job}", "room": f"outbound-{job}"}
    return json.dumps({"message": message, "level": "INFO", **fields, **named, "timestamp": stamp})


def call(job: str, at_s: float, *events: tuple[float, str], model: str | None = None, for_s: float = 60.0) -> list[str]:
    """A whole call with what happens in it: seconds after its begin, and message."""
    named = {} if model is None else {"model_name": model}
    lines = [
        (0.0, "received job request"),
        (0.5, CONNECT),
        *events,
        (for_s, "closing agent session due to participant disconnect"),
        (for_s + 0.3, "process exiting"),
    ]
    return [
        entry(
            at_s + s,
            text,
            job,
            **(named | {"request_id": "" if text == CONNECT else "GR_1"} if "REALTIME" in text else {}),
        )
        for s, text in sorted(lines)
    ]


def told(tmp_path: Path, lines: Iterable[str], **more: Any) -> Incident:
    path = tmp_path / "agent.log"
    path.write_text("\n".join(lines) + "\n")
    return read_incident([path], **more)


def one(incident: Incident) -> ModelIncident:
    (model,) = incident.models
    return model


def counted(closes: Iterable[CloseKind]) -> dict[tuple[str, int | None, str], int]:
    return {(kind.what, kind.code, kind.side): kind.count for kind in closes}


def rehearsed(incident: Incident, tmp_path: Path) -> LoadedScenario:
    out = tmp_path / "out.yaml"
    write_rehearsal(rehearsal_files(incident, out), out, force=False)
    return load_scenario(out)


def test_the_note_about_the_incident() -> None:
    incident = read_incident([NOTE])
    model = one(incident)

    assert (model.model, incident.plugin) == (PREVIEW, "1.6.0")
    assert (model.calls, model.calls_hit, model.unplaced) == (1, 1, 0), "the room is told behind the close"
    (close,) = model.closes
    assert (close.what, close.code, close.side, close.reason) == (
        "close",
        1011,
        "server",
        "Internal error encountered.",
    )
    assert close.phases == {"awaiting_reply or replying": 1}
    assert model.after_speech is not None
    assert model.after_speech.p50 == (0.0, 2.0), "18:29:48 to 18:29:49 by a clock of whole seconds"
    assert model.reconnects is not None
    assert model.reconnects.p50 == (0.0, 11.0), "18:29:?? is not before the line above it, nor after 18:29:59"
    assert model.rate_1011 is None, "nothing is told of how long it was connected"
    assert model.connects == 1
    assert any("1011" in sentence for sentence in incident.unknown)
    assert (incident.began, incident.ended) == ("18:29:48", "18:29:49")
    assert incident.unreadable == 8, "what stands before the first entry"


def test_the_note_becomes_a_scenario_with_its_sequence_and_its_hazard(tmp_path: Path) -> None:
    loaded = rehearsed(read_incident([NOTE]), tmp_path)
    ((name, arm),) = loaded.scenario.arms.items()

    assert (name, arm.model, arm.agent.plugin) == ("gemini-3-1-flash-live-preview", PREVIEW, "1.6.0")
    hazard, sequence = loaded.profiles[name].faults
    assert hazard == Fault(fault="F1", per_turn=0.015)
    assert sequence == Fault(fault="F1", at_turn=2, close_ms_min=1000, close_ms_max=1000), "a second later"
    assert len(loaded.script.lines) == 2
    profile = (tmp_path / f"out-{PREVIEW.replace('.', '-')}.endpoint.yaml").read_text()
    assert "this one is made up" in profile


def test_calls_minutes_closes_and_reconnects_are_counted_by_model(tmp_path: Path) -> None:
    lines = []
    for number in range(20):
        struck = [(20.0, INTERNAL), (20.25, CONNECT)] if number < 4 else []
        turns = [(10.0, "EOU speech=1"), (13.0, REPLY), (18.0, "EOU speech=2"), (24.0, REPLY)]
        model = GA if number % 2 else PREVIEW
        lines += call(f"call{number}", 100.0 * number, *turns, *struck, model=model)
    incident = told(tmp_path, lines)
    preview, ga = incident.models

    assert (preview.model, ga.model) == (PREVIEW, GA)
    for found in (preview, ga):
        assert (found.calls, found.calls_hit, found.connects, found.turns) == (10, 2, 12, 20)
        assert counted(found.closes) == {("close", 1011, "server"): 2}
        assert found.phases == {"awaiting_reply or replying": 2}
        assert found.ages == {"10 to 60 s": 2}
        assert found.connected_minutes == pytest.approx((10 * 59.5 - 2 * 0.25) / 60)
        assert found.reconnects is not None
        assert found.reconnects.longest == pytest.approx((0.25, 0.25), abs=1e-3)
        assert found.rate_1011 is not None
        assert (found.rate_1011.events, found.rate_per) == (2, "connected minute")
        assert found.rate_1011.per_minute == pytest.approx(2 * 60 / (10 * 59.5 - 0.5))
        assert found.rate_1011.interval is not None
    assert incident.unreadable == 0


def test_a_call_without_connects_has_a_rate_by_its_own_minutes_alone(tmp_path: Path) -> None:
    lines = [line for line in call("a", 0.0, (30.0, INTERNAL), model=GA) if "REALTIME" not in line]
    model = one(told(tmp_path, lines, model=GA))

    assert (model.connects, model.connected_minutes, model.rate_per) == (None, None, "call minute")
    assert model.rate_1011 is not None
    assert model.rate_1011.per_minute == pytest.approx(1.0, rel=0.01)
    assert (model.ages, model.reconnects, model.reconnects_untold) == ({"unknown": 1}, None, 1)


def test_1011s_of_a_call_within_ten_seconds_are_one_incident_and_the_clients_are_none(tmp_path: Path) -> None:
    again = [(20.0, INTERNAL), (20.2, CONNECT), (25.0, INTERNAL), (25.2, CONNECT), (50.0, INTERNAL), (50.2, CONNECT)]
    timeout = (37.0, "error in receive task: 1011 None. keepalive ping timeout")
    model = one(told(tmp_path, call("a", 0.0, *again, timeout, (37.3, CONNECT), model=GA)))

    assert model.rate_1011 is not None
    assert model.rate_1011.events == 2
    assert counted(model.closes) == {("close", 1011, "server"): 3, ("close", 1011, "client"): 1}


def test_a_close_of_a_connection_whose_beginning_is_not_told_is_in_no_rate(tmp_path: Path) -> None:
    lines = call("a", 0.0, (20.0, INTERNAL), (20.5, CONNECT), model=GA)
    model = one(told(tmp_path, lines[2:]))

    assert counted(model.closes) == {("close", 1011, "server"): 1}
    assert model.ages == {"unknown": 1}
    assert model.rate_1011 is not None
    assert model.rate_1011.events == 0
    assert model.rate_1011.minutes == pytest.approx(39.5 / 60)


def test_a_time_to_the_minute_is_not_before_the_line_above_it(tmp_path: Path) -> None:
    lines = [
        "18:29:49 INFO EOU room: outbound-1",
        f"18:29:?? INFO {CONNECT} room: outbound-1",
        f"18:30:10 ERROR {INTERNAL} room: outbound-1",
    ]
    (close,) = one(told(tmp_path, lines)).closes
    assert close.age_s is None, "known to 12 s, not to 2"
    assert one(told(tmp_path, lines)).ages == {"10 to 60 s": 1}


def test_what_comes_after_the_hang_up_is_no_close(tmp_path: Path) -> None:
    lines = call("a", 0.0, model=GA)
    lines.insert(-1, entry(60.1, INTERNAL, "a"))
    assert one(told(tmp_path, lines)).closes == ()


def test_refusals_goaways_and_tools_have_their_place(tmp_path: Path) -> None:
    lines = call(
        "a", 0.0,
        (10.0, "executing tool"), (12.0, "error in receive task: 1011 None. Internal error occurred."),
        (12.1, "Gemini Realtime API error: server rejected WebSocket connection: HTTP 503"), (14.0, CONNECT),
        (30.0, "Gemini server indicates disconnection soon. Time left: 50s"), (30.1, CONNECT),
        model=GA,
    )  # fmt: skip
    lines = [line.replace('"executing tool"', '"executing tool", "function": "look_up"') for line in lines]
    incident = told(tmp_path, lines)
    model = one(incident)

    assert {(kind.what, kind.code, kind.http_status) for kind in model.closes} == {
        ("close", 1011, None), ("refused", None, 503), ("go_away", None, None),
    }  # fmt: skip
    assert model.phases == {"setup": 1, "tool": 1, "unknown": 1}
    assert model.reconnects is not None
    assert model.reconnects.longest == pytest.approx((2.0, 2.0), abs=1e-3), "through the refusal"
    loaded = rehearsed(incident, tmp_path)
    assert loaded.scenario.script.endswith("parcel.yaml")
    (arm,) = loaded.scenario.arms.values()
    assert [(f.fault, f.at_tool_call, f.at_connect) for f in arm.faults] == [("F3", 1, None), ("F13", None, 2)]


def test_hazards_have_the_rates_of_a_log_that_is_long_enough(tmp_path: Path) -> None:
    lines = []
    for number in range(100):
        turns = [(10.0, "EOU"), (13.0, REPLY), (18.0, "EOU"), (24.0, REPLY)]
        struck = [(18.5, INTERNAL), (18.7, CONNECT)] if number < 6 else []
        idle = (
            [(40.0, "error in receive task: 1011 None. The service is currently unavailable.")] if number > 96 else []
        )
        lines += call(f"c{number}", 100.0 * number, *turns, *struck, *idle, model=GA)
    incident = told(tmp_path, lines)
    loaded = rehearsed(incident, tmp_path)
    (name,) = loaded.scenario.arms
    turn, idle_fault, sequence = loaded.profiles[name].faults

    assert (turn.fault, turn.per_turn) == ("F1", 0.03)
    minutes = one(incident).connected_minutes
    assert minutes is not None
    assert (idle_fault.fault, idle_fault.variant) == ("F4", "unavailable")
    assert idle_fault.per_minute == pytest.approx(3 / minutes, rel=0.01)
    assert (sequence.fault, sequence.at_turn, sequence.close_ms_min) == ("F1", 2, 500)


def test_closes_at_one_age_are_a_fixed_lifetime(tmp_path: Path) -> None:
    deadline = "error in receive task: 1011 None. Deadline expired before operation could complete."
    lines = []
    for number in range(4):
        lines += call(
            f"c{number}", 1000.0 * number, (600.5 + number, deadline), (601.8 + number, CONNECT), model=GA, for_s=700
        )
    incident = told(tmp_path, lines)
    loaded = rehearsed(incident, tmp_path)
    (name,) = loaded.scenario.arms
    hazard, sequence = loaded.profiles[name].faults

    assert one(incident).ages == {"9 to 11 min": 4}
    assert (hazard.fault, hazard.variant) == ("F12", "deadline")
    assert hazard.at_age_s == pytest.approx(601, abs=1)
    assert sequence.at_age_s == 20.0, "nobody waits ten minutes for a rehearsal"


def test_many_calls_that_are_lost_at_once_are_a_burst_and_are_rehearsed_as_one(tmp_path: Path) -> None:
    unavailable = "error in receive task: 1011 None. The service is currently unavailable."
    lines = []
    for number in range(30):
        lines += call(f"b{number}", 0.01 * number, (40.0, unavailable), (42.0, CONNECT), model=PREVIEW)
        lines += call(f"c{number}", 200.0 + 90 * number, model=PREVIEW)
    incident = told(tmp_path, sorted(lines, key=lambda line: json.loads(line)["timestamp"]))

    (found,) = incident.bursts
    assert (found.burst.calls, found.burst.arms) == (30, (PREVIEW,))
    assert found.began == "2026-11-23 10:00:40 UTC"
    (arm,) = rehearsed(incident, tmp_path).scenario.arms.values()
    assert [fault.fault for fault in arm.faults] == ["F6"]


def test_what_names_no_call_is_of_the_only_one_that_is_up_or_of_none(tmp_path: Path) -> None:
    first, second = call("a", 0.0, model=GA), call("b", 100.0, model=GA)
    alone = [*first[:2], entry(30.0, INTERNAL), *first[2:], *second]
    model = one(told(tmp_path, alone))
    assert (model.calls_hit, model.unplaced) == (1, 0)

    both = [first[0], call("b", 1.0, model=GA)[0], entry(30.0, INTERNAL), *first[1:]]
    model = one(told(tmp_path, both, model=GA))
    assert (model.calls_hit, model.unplaced) == (0, 1)
    assert counted(model.closes) == {("close", 1011, "server"): 1}
    assert (model.phases, model.ages) == ({"unknown": 1}, {"unknown": 1})


def test_what_comes_before_the_first_call_began_or_after_its_callee_left_is_not_of_it(tmp_path: Path) -> None:
    first, second = call("a", 0.0, model=GA), call("b", 90.0, model=GA)
    before = [entry(-0.0, INTERNAL), *call("a", 1.0, model=GA)]
    model = one(told(tmp_path, before))
    assert (model.calls_hit, model.unplaced) == (0, 1)

    no_exit = [*first[:-1], *second[:2], entry(95.0, INTERNAL), *second[2:]]
    model = one(told(tmp_path, no_exit))
    assert (model.calls_hit, model.unplaced) == (1, 0)


def test_each_log_may_name_a_model_of_its_own(tmp_path: Path) -> None:
    for name in (PREVIEW, GA):
        lines = [entry(0.0, f"model {name}"), *call(name, 1.0, (9.0, INTERNAL))]
        (tmp_path / f"{name}.log").write_text("\n".join(lines) + "\n")
    incident = read_incident([tmp_path / f"{name}.log" for name in (PREVIEW, GA)])
    assert [(model.model, model.calls_hit) for model in incident.models] == [(PREVIEW, 1), (GA, 1)]


def test_logs_that_name_nobody_and_nothing_say_so(tmp_path: Path) -> None:
    incident = told(tmp_path, ["18:29:49 ERROR error in receive task: 1011 None. Internal error encountered."])
    model = one(incident)
    assert (model.model, model.calls, model.unplaced, model.rate_1011) == (None, 0, 1, None)
    assert (incident.began, incident.ended) == ("18:29:49", "18:29:49")
    with pytest.raises(ScenarioError, match="does not tell which model"):
        rehearsal_files(incident, tmp_path / "out.yaml")

    nothing = told(tmp_path, ["no log", "at all"])
    assert (nothing.models, nothing.unreadable) == ((), 2)
    assert "Everything" in nothing.unknown[0]
    with pytest.raises(ScenarioError, match="no close"):
        rehearsal_files(nothing, tmp_path / "out.yaml")


def test_the_model_that_is_said_is_that_of_calls_whose_log_tells_none(tmp_path: Path) -> None:
    assert one(told(tmp_path, call("a", 0.0, (9.0, INTERNAL)), model=GA)).model == GA
    assert one(told(tmp_path, call("a", 0.0, (9.0, INTERNAL), model=PREVIEW), model=GA)).model == PREVIEW


def test_rotated_and_packed_logs_are_one_in_whatever_order_they_are_named(tmp_path: Path) -> None:
    lines = call("a", 0.0, (20.0, INTERNAL), (20.5, CONNECT), model=GA)
    older, newer = tmp_path / "agent.log.1.gz", tmp_path / "agent.log"
    older.write_bytes(gzip.compress("\n".join(lines[:3]).encode() + b"\n"))
    newer.write_text("\n".join(lines[3:]) + "\n")
    whole = one(read_incident([newer, older]))

    assert (whole.calls, whole.calls_hit) == (1, 1)
    assert whole.reconnects is not None
    assert whole.reconnects.longest == pytest.approx((0.5, 0.5), abs=1e-3)


@pytest.mark.parametrize("name", ["json-1.6.0.jsonl", "json-1.8.9.jsonl", "plain-1.6.0.txt", "plain-1.8.9.txt"])
def test_logs_of_both_generations_tell_of_their_calls(name: str, tmp_path: Path) -> None:
    incident = read_incident([LOGS / name], model=GA)
    model = one(incident)

    assert incident.plugin == ("1.6.0" if "1.6.0" in name else "1.8.9")
    assert model.unplaced == 0
    assert {("close", 1011, "server"), ("refused", None, "server")} <= set(counted(model.closes))
    assert model.calls_hit <= model.calls
    assert model.rate_1011 is not None
    assert model.rate_1011.events == counted(model.closes)["close", 1011, "server"]
    rehearsed(incident, tmp_path)


def test_ctrl_c_ends_the_reading_and_keeps_what_came_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    def followed(_: Path) -> Iterator[bytes]:
        yield NOTE.read_bytes()
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.jobs.incident.file_chunks", followed)
    incident = read_incident([NOTE, NOTE])
    assert not incident.whole
    assert one(incident).calls_hit == 1


def test_nothing_is_replaced_unless_asked(tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    out.write_text("mine")
    files = rehearsal_files(read_incident([NOTE]), out)
    with pytest.raises(ScenarioError, match="exists already"):
        write_rehearsal(files, out, force=False)
    assert out.read_text() == "mine"
    write_rehearsal(files, out, force=True)
    assert load_scenario(out).scenario.name == "out"
