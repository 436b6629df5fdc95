"""Passing HTTP requests on to the LiveKit server, and its answers back, as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from google.protobuf.message import Message
from multidict import CIMultiDict
from yarl import URL

from loadtest.stack.proxy.twirp import PROTOBUF, TwirpFailure

__all__ = ["Answer", "Upstream", "end_to_end"]

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",  # names the next hop
    }
)
CONNECT_LIMIT_S = 15.0
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered to a question of the proxy's own."""

    status: int
    content_type: str
    body: bytes

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers={"Content-Type": self.content_type})

    def failure(self) -> TwirpFailure | None:
        """The Twirp error that it is; None if it is none."""
        try:
            said = json.loads(self.body)
            return TwirpFailure(said["code"], said["msg"], said.get("meta", {}))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


class Upstream:
    """The LiveKit server behind the proxy. url: ws, wss, http or https, perhaps with a path.

    Its methods raise aiohttp.ClientError when the server cannot be reached, or breaks off.
    """

    def __init__(self, url: str) -> None:
        self._base = ("http" + url.removeprefix("ws") if url.startswith("ws") else url).rstrip("/")
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            # No limit but for the connect: how long a request may take is between the agent and the server.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        await self.session.close()

    def url(self, request: web.Request, path: str | None = None) -> URL:
        """Where a request goes; path: in place of its own, with its query."""
        if path is None:
            raw = request.raw_path
        else:
            raw = f"{path}?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else path
        return URL(self._base + raw, encoded=True)

    async def call(self, path: str, request: web.Request, message: Message) -> Answer:
        """Send a Twirp message with the authorisation of `request`."""
        headers = {"Content-Type": PROTOBUF}
        if (token := request.headers.get("Authorization")) is not None:
            headers["Authorization"] = token
        body = message.SerializeToString()
        async with self.session.post(self.url(request, path), data=body, headers=headers) as response:
            return Answer(response.status, response.headers.get("Content-Type", ""), await response.read())

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and its answer back, both as they come."""
        async with self.session.request(
            request.method,
            self.url(request),
            headers=end_to_end(request.headers),
            data=request.content.iter_chunked(CHUNK) if request.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            headers = end_to_end(answer.headers)
            response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(CHUNK):
                await response.write(chunk)
            await response.write_eof()
            return response


def end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers that are not for one hop alone."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)
