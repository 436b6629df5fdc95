"""Twirp as LiveKit's server speaks it: requests in protobuf or JSON, answers in kind, errors always in JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

__all__ = ["PROTOBUF", "TwirpFailure", "decode_request", "encode_response", "failure_response", "with_details"]

M = TypeVar("M", bound=Message)

PROTOBUF, JSON = "application/protobuf", "application/json"
HTTP_STATUS = {
    "bad_route": 404,
    "canceled": 408,
    "deadline_exceeded": 408,
    "failed_precondition": 412,
    "internal": 500,
    "invalid_argument": 400,
    "malformed": 400,
    "not_found": 404,
    "permission_denied": 403,
    "resource_exhausted": 429,
    "unavailable": 503,
}
GRPC_CODE = {"permission_denied": 7, "resource_exhausted": 8}
"""Of the codes that carry details."""


@dataclass(frozen=True, slots=True)
class TwirpFailure:
    """An error as a Twirp client gets it. meta: what the Python API shows as `metadata`."""

    code: str
    message: str
    meta: Mapping[str, str] = field(default_factory=dict)


def decode_request(kind: type[M], content_type: str, body: bytes, *, path: str) -> M | TwirpFailure:
    """The request in `body`, or how the server refuses one that it cannot read."""
    form = content_type.partition(";")[0].strip().lower()
    message = kind()
    try:
        if form == PROTOBUF:
            message.ParseFromString(body)
        elif form == JSON:
            json_format.Parse(body, message, ignore_unknown_fields=True)
        else:
            unexpected = f"unexpected Content-Type: {json.dumps(content_type)}"
            return TwirpFailure("bad_route", unexpected, {"twirp_invalid_route": f"POST {path}"})
    except (DecodeError, json_format.ParseError, UnicodeDecodeError):
        said = "protobuf" if form == PROTOBUF else "json"
        return TwirpFailure("malformed", f"the {said} request could not be decoded")
    return message


def encode_response(message: Message, content_type: str) -> web.Response:
    """The answer, in the form of the request."""
    if content_type.partition(";")[0].strip().lower() == JSON:
        text = json_format.MessageToJson(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
        )
        return web.Response(body=text.encode(), content_type=JSON)
    return web.Response(body=message.SerializeToString(), content_type=PROTOBUF)


def failure_response(failure: TwirpFailure) -> web.Response:
    body = {"code": failure.code, "msg": failure.message}
    if failure.meta:
        return web.json_response({**body, "meta": dict(failure.meta)}, status=HTTP_STATUS[failure.code])
    return web.json_response(body, status=HTTP_STATUS[failure.code])


def with_details(code: str, message: str, detail: Message, meta: Mapping[str, str]) -> TwirpFailure:
    """A failure of a service behind the server. Its `error_details` are a google.rpc.Status that carries `detail`."""
    packed = AnyMessage()
    packed.Pack(detail)
    status = b"".join(
        (
            bytes((0x08, GRPC_CODE[code])),  # 1: code
            _field(0x12, message.encode()),  # 2: message
            _field(0x1A, packed.SerializeToString()),  # 3: details
        )
    )
    details = base64.b64encode(status).decode()
    return TwirpFailure(code, f"twirp error unknown: {message}", {**meta, "error_details": details})


def _field(tag: int, value: bytes) -> bytes:
    # The public protobuf package with google.rpc.Status is not among the dependencies.
    length = bytearray()
    rest = len(value)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    length.append(rest)
    return bytes((tag,)) + bytes(length) + value
