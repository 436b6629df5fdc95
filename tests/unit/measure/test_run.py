"""A whole results folder: what is read, what is not, and the same bytes every time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from loadtest.cli.measure import measure
from loadtest.errors import ExitCode, NewerError, RecordError
from loadtest.measure.run import measure_run
from loadtest.record.codec import encode
from loadtest.record.events import ClockSync
from loadtest.record.health import HealthSample
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.run_json import RunState
from loadtest.record.tables import TABLES, read_table
from tests.unit.measure.build import SCENARIO_YAML, Conversation, plain_call, planned, recorded_run
from tests.unit.measure.test_closes import lost_reply


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Four planned calls: one plain, one with a close, one killed in its second turn, one never dialled."""
    calls = tuple(planned(slot, arm) for slot, arm in enumerate(("ga", "preview", "ga", "preview")))
    killed = Conversation().says(2, 3).hears((4, 6)).says(8, 9)
    run = recorded_run(
        tmp_path / "20261122T160102Z-made-up-3f9a",
        calls,
        (plain_call(), lost_reply(), killed),
        state=RunState.INTERRUPTED,
    )
    with (run.call(calls[2].call_id).events).open("a") as file:
        file.write('{"type":"line_sta')
    samples = [
        HealthSample(t_s=t, interval_s=30.0, process=p, cpu=0.5) for t in (110.0, 140.0) for p in ("machine", "tester")
    ]
    run.health.write_text("".join(sample.encode() + "\n" for sample in reversed(samples)))
    return run


def tables(folder: RunFolder) -> dict[str, bytes]:
    return {name: folder.table(name).read_bytes() for name in TABLES}


def test_measuring_again_gives_the_same_bytes(folder: RunFolder) -> None:
    measure_run(folder)
    first = tables(folder)
    shutil.rmtree(folder.tables)
    measure_run(folder)
    assert tables(folder) == first


def test_the_simulators_log_leaking_into_tables(folder: RunFolder) -> None:
    measure_run(folder)
    without = tables(folder)
    for where in ("truth", "warmup/0000-ga"):
        (folder.path / where).mkdir(parents=True)
    (folder.truth / "gemini.jsonl").write_text('{"t": 105.8, "type": "closed", "code": 1011, "side": "server"}\n')
    shutil.copytree(folder.call("0001-preview").path, folder.path / "warmup" / "0001-preview")
    measure_run(folder)
    assert tables(folder) == without


def test_a_folder_that_was_moved_keeps_its_run_id(folder: RunFolder, tmp_path: Path) -> None:
    measure_run(folder)
    moved = RunFolder(tmp_path / "kept")
    shutil.copytree(folder.path, moved.path)
    measure_run(moved)
    assert tables(moved) == tables(folder)


def test_rows_are_in_the_order_of_the_plan(folder: RunFolder) -> None:
    measure_run(folder)
    calls = read_table(folder.table("calls"), "calls")
    assert calls["slot"].to_list() == [0, 1, 2, 3]
    assert calls["run_id"].unique().to_list() == [folder.run_id]
    turns = read_table(folder.table("turns"), "turns")
    assert list(turns.select("slot", "turn").iter_rows()) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    health = read_table(folder.table("health"), "health")
    assert list(health.select("t_s", "process").iter_rows()) == [
        (110.0, "machine"),
        (110.0, "tester"),
        (140.0, "machine"),
        (140.0, "tester"),
    ]


def test_every_planned_call_has_one_row_after_a_kill(folder: RunFolder) -> None:
    measure_run(folder)
    calls = read_table(folder.table("calls"), "calls")
    assert calls["outcome"].to_list() == ["completed", "completed", "aborted", "not_dialled"]
    turns = read_table(folder.table("turns"), "turns")
    assert turns.filter(turns["slot"] == 2)["outcome"].to_list() == ["answered", "no_reply"]
    assert turns.filter(turns["slot"] == 2)["valid"].to_list() == [True, False]
    assert read_table(folder.table("closes"), "closes")["code"].to_list() == [1011]


def test_flac_and_pcm_give_the_same_tables(folder: RunFolder) -> None:
    from loadtest.audio.wav import write_flac_from_pcm

    measure_run(folder)
    from_pcm = tables(folder)
    call = folder.call("0000-ga")
    write_flac_from_pcm(call.pcm, call.flac)
    call.pcm.unlink()
    measure_run(folder)
    assert tables(folder) == from_pcm


def test_the_tables_are_the_same_when_the_recordings_are_gone(folder: RunFolder) -> None:
    measure_run(folder)
    first = tables(folder)
    recordings = list(folder.path.glob("calls/*/audio.*"))
    assert len(recordings) == 3
    for path in recordings:
        path.unlink()
    measure_run(folder)
    assert tables(folder) == first


def test_no_table_is_replaced_where_a_call_cannot_be_measured_again(folder: RunFolder) -> None:
    measure_run(folder)
    call = folder.call("0002-ga")
    call.pcm.unlink()
    call.edges.write_text(call.edges.read_text().replace('"analysis_version":', '"analysis_version":9'))
    before = {name: folder.table(name).stat().st_ino for name in TABLES}
    with pytest.raises(RecordError, match="cannot be measured again"):
        measure_run(folder)
    assert {name: folder.table(name).stat().st_ino for name in TABLES} == before


def test_progress_goes_from_nothing_to_all(folder: RunFolder) -> None:
    seen: list[tuple[int, int]] = []
    measure_run(folder, lambda done, of: seen.append((done, of)))
    assert seen == [(done, 4) for done in range(5)]


def test_a_scenario_of_another_run_is_refused(folder: RunFolder) -> None:
    folder.scenario.write_text(SCENARIO_YAML.replace("preview:", "other:"))
    with pytest.raises(RecordError, match="0001-preview is of arm preview"):
        measure_run(folder)


def test_a_scenario_that_cannot_be_read_is_an_error_with_a_remedy(folder: RunFolder) -> None:
    folder.scenario.write_text("version: 9\n")
    with pytest.raises(RecordError, match=r"scenario\.yaml: cannot be read"):
        measure_run(folder)


def test_the_machines_load_needs_its_cores(folder: RunFolder) -> None:
    info = json.loads(folder.run_json.read_text())
    info["host"] = {}
    folder.run_json.write_text(json.dumps(info))
    with pytest.raises(RecordError, match=r"host\.cores"):
        measure_run(folder)


def test_the_command_rebuilds_the_tables(folder: RunFolder) -> None:
    result = CliRunner().invoke(measure, [str(folder.path)], standalone_mode=False)
    assert result.return_value == ExitCode.OK
    assert str(folder.tables) in result.output
    assert set(tables(folder)) == set(TABLES)


def test_the_command_refuses_a_folder_that_is_no_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(measure, [str(tmp_path)])
    assert result.exit_code == ExitCode.USAGE
    assert "is no run" in result.output
    assert not (tmp_path / "tables").exists()
    assert CliRunner().invoke(measure, [str(tmp_path / "missing")]).exit_code == ExitCode.USAGE


@pytest.mark.parametrize("stack", ["embedded", "external"])
def test_a_busy_machine_spoils_the_callees_wherever_livekit_is(folder: RunFolder, stack: str) -> None:
    agents = "" if stack == "embedded" else "stack: external\n"
    folder.scenario.write_text(folder.scenario.read_text() + agents)
    busy = HealthSample(t_s=140.0, interval_s=60.0, process="machine", cpu=1.95)
    folder.health.write_text(busy.encode() + "\n")
    measure_run(folder)
    rows = read_table(folder.table("turns"), "turns").to_dicts()
    assert rows
    assert all("cpu 98%" in row["invalid_reason"] for row in rows)


# A folder that a newer loadtest has been at


def newer_run(folder: RunFolder) -> None:
    body = json.loads(folder.run_json.read_text())
    folder.run_json.write_text(json.dumps({**body, "schema_version": 2}))


def newer_events(folder: RunFolder) -> None:
    events = folder.call("0000-ga").events
    events.write_text(events.read_text().replace('"version":1', '"version":2'))


def newer_table(folder: RunFolder) -> None:
    path = folder.table("turns")
    pl.read_parquet(path).write_parquet(path, metadata={"loadtest_schema": "2"})


def newer_summary(folder: RunFolder) -> None:
    folder.summary_json.write_text('{"schema_version": 2}')


@pytest.mark.parametrize("newer", [newer_run, newer_events, newer_table, newer_summary])
def test_nothing_that_a_newer_loadtest_wrote_is_replaced(folder: RunFolder, newer: Callable[[RunFolder], None]) -> None:
    assert CliRunner().invoke(measure, [str(folder.path)]).exit_code == ExitCode.OK
    newer(folder)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    result = CliRunner().invoke(measure, [str(folder.path)])
    assert isinstance(result.exception, NewerError)
    assert result.exception.exit_code == ExitCode.TOOL_FAILED
    assert "Update loadtest" in result.exception.remedy
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before


def test_a_newer_table_is_not_read(folder: RunFolder) -> None:
    measure_run(folder)
    newer_table(folder)
    with pytest.raises(NewerError):
        read_table(folder.table("turns"), "turns")


def test_columns_that_an_earlier_loadtest_had_not_are_null(folder: RunFolder) -> None:
    measure_run(folder)
    path = folder.table("health")
    pl.read_parquet(path).drop("suspended_s").write_parquet(path)
    assert read_table(path, "health")["suspended_s"].is_null().all()


def test_a_folder_is_measured_by_one_at_a_time(folder: RunFolder) -> None:
    with hold(folder):
        result = CliRunner().invoke(measure, [str(folder.path)])
    assert isinstance(result.exception, RecordError)
    assert "in use" in result.exception.message
    assert not folder.tables.exists()


def test_what_the_tester_was_killed_before_it_could_add_is_read_from_the_probes_file(folder: RunFolder) -> None:
    """The events of the second call without their probe messages are those of a killed tester."""
    measure_run(folder)
    complete = read_table(folder.table("closes"), "closes").to_dicts()
    assert complete
    events = folder.call("0001-preview").events
    kept, from_probe = [], []
    for line in events.read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "probe":
            from_probe.append(json.dumps(event["message"]))
        else:
            kept.append(line)
    if not any('"clock_sync"' in line for line in kept):
        kept.insert(1, encode(ClockSync(t=0.0, offset_s=0.0, uncertainty_ms=1.0)))
    events.write_text("".join(f"{line}\n" for line in kept))
    measure_run(folder)
    assert read_table(folder.table("closes"), "closes").is_empty()
    folder.probe.mkdir()
    (folder.probe / "0001-preview.jsonl").write_text("".join(f"{line}\n" for line in from_probe) + '{"v": 1, "se')
    measure_run(folder)
    assert [row["code"] for row in read_table(folder.table("closes"), "closes").to_dicts()] == [
        row["code"] for row in complete
    ]
