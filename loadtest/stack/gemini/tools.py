"""Function tools: what the client declares, the call that the model makes, and what the client returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.stack.gemini.fields import INVALID_ARGUMENT, Invalid, get, listed, pack

__all__ = [
    "Function",
    "OpenCall",
    "OpenCalls",
    "ToolResponse",
    "ToolResponses",
    "arguments",
    "declared_functions",
    "tool_call",
    "tool_call_cancellation",
    "tool_responses",
]

NUMBER = 4711
"""What the model gives as a number of whatever kind."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function tool as the client declares it."""

    name: str
    parameters: Mapping[str, Any]
    """Its schema, in either of the spellings that the API takes."""
    blocking: bool
    """The model waits for the result before it goes on."""


@dataclass(frozen=True, slots=True)
class ToolResponse:
    """What one function call returned.

    id: of the call, if the client says it. silent: no reply to it is wanted. interrupts: the reply to it is wanted at
    once, whatever is being said.
    """

    id: str | None
    silent: bool
    interrupts: bool


@dataclass(frozen=True, slots=True)
class ToolResponses:
    """tool_response: results of function calls."""

    responses: tuple[ToolResponse, ...]


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A function call whose result is awaited."""

    id: str
    function: Function
    turn: int
    """The caller's utterance that asked for it."""
    heard_s: float
    """Length of that utterance, s."""


class OpenCalls:
    """The function calls of one session whose results are awaited."""

    def __init__(self) -> None:
        self._calls: list[OpenCall] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, call: OpenCall) -> None:
        """It was made."""
        self._calls.append(call)

    def find(self, response: ToolResponse) -> OpenCall | None:
        """The call that a result belongs to: by its id, else the oldest. None if it is not awaited (any more)."""
        return next((call for call in self._calls if response.id in (None, call.id)), None)

    def close(self, call: OpenCall) -> bool:
        """Its result is no longer awaited. False if it wasn't."""
        if call not in self._calls:
            return False
        self._calls.remove(call)
        return True

    def cancel(self) -> tuple[str, ...]:
        """Closes the calls that the model waits for with its turn, and gives their ids."""
        cancelled = tuple(call.id for call in self._calls if call.function.blocking)
        self._calls = [call for call in self._calls if not call.function.blocking]
        return cancelled


def declared_functions(setup: Any) -> Iterator[Function]:
    """The function tools of a setup, in its order."""
    for tool in listed(setup, "tools"):
        for declared in listed(tool, "function_declarations"):
            name = get(declared, "name")
            parameters = get(declared, "parameters") or get(declared, "parameters_json_schema")
            if isinstance(name, str):
                blocking = get(declared, "behavior") != "NON_BLOCKING"
                yield Function(name, parameters if isinstance(parameters, Mapping) else {}, blocking)


def tool_responses(body: Mapping[str, Any]) -> ToolResponses | Invalid:
    """The tool_response message."""
    found = []
    for response in listed(body, "function_responses"):
        scheduling = get(response, "scheduling")
        found.append(ToolResponse(get(response, "id") or None, scheduling == "SILENT", scheduling == "INTERRUPT"))
    return ToolResponses(tuple(found)) if found else Invalid(INVALID_ARGUMENT)


def arguments(function: Function) -> dict[str, Any]:
    """What the model calls the function with: a value of the right type for each parameter that is required."""
    properties = get(function.parameters, "properties")
    required = listed(function.parameters, "required")
    return {name: _value(properties.get(name)) for name in required} if isinstance(properties, Mapping) else {}


def _value(schema: Any) -> Any:
    if choices := listed(schema, "enum"):
        return choices[0]
    match str(get(schema, "type") or "").lower():
        case "integer" | "number":
            return NUMBER
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            return str(NUMBER)


def tool_call(call_id: str, name: str, arguments: Mapping[str, Any]) -> bytes:
    """One function call."""
    return pack({"toolCall": {"functionCalls": [{"name": name, "args": dict(arguments), "id": call_id}]}})


def tool_call_cancellation(call_ids: Iterable[str]) -> bytes:
    return pack({"toolCallCancellation": {"ids": list(call_ids)}})
