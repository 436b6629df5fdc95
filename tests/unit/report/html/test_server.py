"""What `--serve` gives out, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from loadtest.record.layout import RunFolder
from loadtest.report.html.server import application, recordings
from tests.unit.made_up import MadeUp

SOUND = bytes(range(256)) * 8
Client = TestClient[Request, Application]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = MadeUp(arms=("ga",))
    run.call("ga", 0)
    run.call("ga", 1)
    made = run.write(tmp_path)
    made.call("0000-ga").path.mkdir(parents=True)
    made.call("0000-ga").flac.write_bytes(SOUND)
    return made


@pytest.fixture
async def client(folder: RunFolder) -> AsyncIterator[Client]:
    server = TestServer(application(b"<!doctype html>the page", recordings([folder])), host="127.0.0.1")
    async with TestClient(server) as made:
        yield made


async def test_the_page_and_its_recordings(client: Client) -> None:
    page = await client.get("/")
    assert (page.status, page.content_type) == (200, "text/html")
    sound = await client.get("/audio/0/0000-ga.flac")
    assert (sound.status, sound.content_type, await sound.read()) == (200, "audio/flac", SOUND)


async def test_a_part_is_given_so_that_players_can_seek(client: Client) -> None:
    part = await client.get("/audio/0/0000-ga.flac", headers={"Range": "bytes=100-199"})
    assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 100-199/{len(SOUND)}")
    assert await part.read() == SOUND[100:200]
    beyond = await client.get("/audio/0/0000-ga.flac", headers={"Range": f"bytes={len(SOUND)}-"})
    assert beyond.status == 416


@pytest.mark.parametrize(
    "path",
    [
        "/run.json",
        "/audio/0/0001-ga.flac",
        "/audio/1/0000-ga.flac",
        "/audio/0/..%2F..%2Frun.json.flac",
        "/audio/0/%2Fetc%2Fpasswd.flac",
        "/audio/..%2F0/0000-ga.flac",
        "/audio/0/0000-ga.flac/..%2F..%2F..%2Frun.json",
    ],
)
async def test_nothing_else_can_be_asked_for(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_only_this_machine_is_answered(client: Client) -> None:
    assert (await client.get("/", headers={"Host": "outside.test"})).status == 403
    assert (await client.get("/", headers={"Host": "localhost:80"})).status == 200


def test_a_table_cannot_name_a_file_outside_its_run(tmp_path: Path) -> None:
    run = MadeUp(arms=("ga",))
    run.call("ga", 0)
    run.tables["calls"][0]["call_id"] = "../../../outside"
    folder = run.write(tmp_path / "results")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "audio.flac").write_bytes(SOUND)
    (folder.path / "calls").mkdir()
    assert folder.call("../../../outside").flac.is_file()
    assert recordings([folder]) == {}


def test_a_link_that_leads_out_of_the_run_is_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "secret.flac").write_bytes(SOUND)
    folder.call("0001-ga").path.mkdir()
    folder.call("0001-ga").flac.symlink_to(tmp_path / "secret.flac")
    assert set(recordings([folder])) == {("0", "0000-ga")}
