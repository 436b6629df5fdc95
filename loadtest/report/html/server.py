"""The page and the recordings of its calls, on loopback and for nobody else.

Two kinds of address exist: `/`, and `/audio/<run, counted from 0>/<call_id>.flac` for a call that is in the run's
tables. What is asked for is looked up, never joined to a path, so no other file of the disk can be named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.record.tables import read_table

__all__ = ["application", "recordings", "serve"]

HOST: Final = "127.0.0.1"
HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def recordings(runs: Sequence[RunFolder]) -> dict[tuple[str, str], Path]:
    """By (number of the run, call_id): the recordings there are, in their run's folder and nowhere else."""
    found = {}
    for i, run in enumerate(runs):
        root = run.path.resolve()
        for call_id in read_table(run.table("calls"), "calls", ("call_id",))["call_id"].drop_nulls():
            path = run.call(call_id).flac.resolve()
            if path.is_file() and path.is_relative_to(root) and path.suffix == ".flac":
                found[str(i), call_id] = path
    return found


def application(page: bytes, audio: dict[tuple[str, str], Path]) -> web.Application:
    """What is served. Requests by another name than loopback's are refused: a page of the web could have made them."""

    @web.middleware
    async def only_here(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.host.rpartition(":")[0] not in {HOST, "localhost"}:
            raise web.HTTPForbidden(text="This address is served to this machine only.\n")
        return await handler(request)

    async def report(_: web.Request) -> web.Response:
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=HEADERS)

    async def sound(request: web.Request) -> web.StreamResponse:
        path = audio.get((request.match_info["run"], request.match_info["call"]))
        if path is None:
            raise web.HTTPNotFound(text="No such recording.\n")
        return web.FileResponse(path, headers={**HEADERS, "Content-Type": "audio/flac"})

    app = web.Application(middlewares=[only_here])
    app.router.add_get("/", report)
    app.router.add_get("/audio/{run}/{call}.flac", sound)
    return app


async def serve(
    page: Path, runs: Sequence[RunFolder], port: int, started: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set. port: 0 takes any that is free; started: told the address.

    Raises RecordError if the page or the tables cannot be read, or the port cannot be had.
    """
    try:
        body = page.read_bytes()
    except OSError as e:
        raise RecordError(f"{page}: cannot be read: {e.strerror or e}", remedy="Make the report again.") from e
    runner = web.AppRunner(application(body, recordings(runs)), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
        except OSError as e:
            raise RecordError(
                f"port {port} of {HOST} cannot be had: {e.strerror or e}",
                remedy="Name another with --port, or leave it out.",
            ) from e
        bound = runner.addresses[0][1]
        started(f"http://{HOST}:{bound}/")
        await stop.wait()
    finally:
        await runner.cleanup()
