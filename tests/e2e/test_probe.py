"""What the probe tells of the real plugin, in each of its generations, against an endpoint that does as it is told."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

from loadtest.stack.generations.environment import generation_environ, pinned_versions, provide_generation
from loadtest_probe import wire
from tests.e2e.probe.cases import CASES, Case

HERE = Path(__file__).parent / "probe"
GENERATIONS = ("1.6.0", "1.8.9")
KEY = "AIzaSy"


class Told:
    """What came of one case: messages on the data channel, lines of the probe's file, and what the endpoint did."""

    def __init__(self, told: dict[str, Any], file: Path) -> None:
        self.sent: list[str] = told["sent"]
        self.made: dict[str, int] = told["made"]
        self.file = file.read_text().splitlines()
        lines = [wire.decode(line) for line in self.sent]
        self.lines = [line for line in lines if line is not None]
        self.messages = [line.message for line in self.lines]


def drive(python: Path, environ: dict[str, str], folder: Path) -> dict[str, Told]:
    """Run all cases in that interpreter."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    chain = [*leaf.cert_chain_pems, authority.cert_pem]
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in chain))
    (folder / "cases.json").write_text(json.dumps([case.for_driver() for case in CASES]))
    files = [str(folder / name) for name in ("cases.json", "cert.pem", "key.pem")]
    command = [str(python), "-W", "ignore", str(HERE / "driver.py"), *files, str(folder)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    told = map(json.loads, done.stdout.splitlines())
    return {one["case"]: Told(one, folder / f"{one['case']}.jsonl") for one in told}


@pytest.fixture(scope="module")
def all_told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Told]]:
    def run(plugin: str) -> dict[str, Told]:
        folder = tmp_path_factory.mktemp(f"probe-{plugin}")
        environ = generation_environ(os.environ, folder / "way")
        return drive(provide_generation(plugin), environ, folder)

    with ThreadPoolExecutor() as pool:
        return dict(zip(GENERATIONS, pool.map(run, GENERATIONS), strict=True))


@pytest.fixture(params=GENERATIONS)
def plugin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def told(all_told: dict[str, dict[str, Told]], plugin: str) -> dict[str, Told]:
    return all_told[plugin]


def shortly(message: wire.Message) -> str | None:
    """The message as the cases write it; None if it depends on the machine, or is an error."""
    match message:
        case wire.Connected(n=n, resumed=resumed):
            return f"connected {n}{' resumed' if resumed else ''}"
        case wire.Closed(n=n, code=code, side=side, phase=phase):
            return f"closed {n} {code} {side} {phase}"
        case wire.GoAway(n=n, time_left_s=left_s):
            return f"go_away {n} {left_s}"
        case wire.Refused(n=n, http_status=None, code=code):
            return f"refused {n} code {code}"
        case wire.Refused(n=n, http_status=status):
            return f"refused {n} http {status}"
        case wire.Generation(phase="done", empty=True):
            return "done empty"
        case wire.Generation(phase=phase):
            return phase
        case wire.Tool(name=name, phase=phase):
            return f"{phase} {name}"
        case wire.SessionClosed(reason=reason):
            return f"session_closed {reason}"
        case _:
            return None


@pytest.mark.parametrize("case", [case for case in CASES if case.told], ids=lambda case: case.name)
def test_all_that_happens_is_told_in_its_order(told: dict[str, Told], plugin: str, case: Case) -> None:
    expected = case.told_1_6 if plugin == "1.6.0" and case.told_1_6 else case.told
    assert [one for one in map(shortly, told[case.name].messages) if one is not None] == list(expected)


@pytest.mark.parametrize("case", [case for case in CASES if case.told], ids=lambda case: case.name)
def test_errors_are_told_as_far_as_the_plugin_tells_them(told: dict[str, Told], plugin: str, case: Case) -> None:
    errors = [m for m in told[case.name].messages if isinstance(m, wire.Error)]
    seen = ["recoverable" if error.recoverable else "fatal" for error in errors]
    expected = list(case.errors)
    if plugin == "1.6.0":  # it tells no error that it recovers from, and recovers from 1007
        expected = [] if case.told_1_6 else [error for error in expected if error == "fatal"]
    assert seen == expected


def test_the_versions_and_the_model_are_told(told: dict[str, Told], plugin: str) -> None:
    pinned = pinned_versions(plugin)
    for one in told.values():
        hello = one.messages[0]
        assert isinstance(hello, wire.Hello)
        versions = hello.agents_version, hello.plugin_version, hello.client_version
        assert versions == tuple(pinned[name] for name in ("livekit-agents", "livekit-plugins-google", "google-genai"))
        assert hello.model == "gemini-3.8-live"
        connects = [message for message in one.messages if isinstance(message, wire.Connected)]
        assert {connect.model for connect in connects} <= {"gemini-3.8-live"}
        assert {connect.host for connect in connects} <= {"127.0.0.1"}


def test_a_connection_is_told_with_the_time_that_it_took(told: dict[str, Told]) -> None:
    for one in told.values():
        for line in one.lines:
            if isinstance(line.message, wire.Connected):
                assert line.message.setup_ms is not None
                assert 0 < line.message.setup_ms / 1000 < line.t - one.lines[0].t


def test_a_keepalive_that_failed_is_no_1011_of_the_server(told: dict[str, Told]) -> None:
    (close,) = (message for message in told["deaf"].messages if isinstance(message, wire.Closed))
    assert (close.code, close.side, close.reason) == (1011, "client", "keepalive ping timeout")


def test_endless_reconnects_are_counted_without_a_line_each(told: dict[str, Told], plugin: str) -> None:
    loop = told["hot_loop"]
    closed = sum(isinstance(message, wire.Closed) for message in loop.messages)
    repeated = [message for message in loop.messages if isinstance(message, wire.Repeated)]
    counted = sum(end["count"] for message in repeated for end in message.ends if end["code"] == 1011)
    attempts = loop.made["connections"]
    assert attempts - 2 <= closed + counted <= attempts  # the last one or two are not over, or not begun
    assert closed <= 110
    assert len(loop.sent) < 450
    if plugin == "1.6.0" and attempts > 150:
        assert counted > 0


def test_the_file_has_what_the_channel_had(told: dict[str, Told]) -> None:
    for one in told.values():
        assert one.file == one.sent
        assert [line.seq for line in one.lines] == list(range(len(one.lines)))
        assert one.messages[-1] == wire.Bye()


def test_sessions_of_one_process_are_kept_apart(told: dict[str, Told]) -> None:
    ids = [{line.session for line in one.lines} for one in told.values()]
    assert all(len(one) == 1 for one in ids)
    assert len(set().union(*ids)) == len(CASES)


def test_no_word_and_no_key_is_told(told: dict[str, Told]) -> None:
    for one in told.values():
        everything = "\n".join(one.file)
        assert KEY not in everything
        assert "Where is it?" not in everything
        assert "seven" not in everything
        assert "on its way" not in everything
