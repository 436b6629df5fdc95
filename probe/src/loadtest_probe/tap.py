"""Listens to an agent's session and to the realtime session behind it, and reports what they tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadtest_probe.closes import describe_error
from loadtest_probe.connections import Connections
from loadtest_probe.endpoint import endpoint_host
from loadtest_probe.generations import Generations
from loadtest_probe.guard import Guard
from loadtest_probe.wire import AgentState, Error, Message, SessionClosed, Tool

__all__ = ["Tap"]


class Tap:
    """Reports only times, codes, states and names: no words of the call."""

    def __init__(self, session: Any, report: Callable[[Message], None], guard: Guard) -> None:
        self._session = session
        self._report = report
        self._guard = guard
        self.connections = Connections(report)
        self._generations = Generations(report, lambda: self.connections.is_open, guard)
        self._rt_session: Any = None
        self._started = False
        self.session_closed = False

    def install(self) -> None:
        handlers: dict[str, Callable[..., None]] = {
            "agent_state_changed": self._on_agent_state,
            "conversation_item_added": lambda _: None,  # a handoff may bring another realtime session
            "tool_execution_updated": self._on_tool_update,
            "function_tools_executed": self._on_tools_executed,
            "error": self._on_error,
            "close": self._on_close,
        }
        for event, handler in handlers.items():
            self._session.on(event, self._with_rt_session(handler))

    @property
    def is_starting(self) -> bool:
        """The session may make its realtime session, and connect it, at any moment."""
        return self._rt_session is None and not self._started and not self.session_closed

    def rt_session(self) -> Any | None:
        """The realtime session, looked for again if need be."""
        self.find_rt_session()
        return self._rt_session

    def find_rt_session(self) -> None:
        """Attach to the realtime session once the agent has one. Its connection takes longer than the next look."""
        try:
            rt_session = self._session.current_agent.realtime_llm_session
        except (RuntimeError, AttributeError, AssertionError):
            return  # not started yet, closed, or not a realtime agent
        if rt_session is None or rt_session is self._rt_session:
            return
        self._rt_session = rt_session
        if getattr(rt_session, "_active_session", None) is not None:
            self.connections.connected(None, False, endpoint_host(rt_session))  # we came late
        guard = self._guard
        rt_session.on("metrics_collected", guard(self._on_metrics))
        rt_session.on("generation_created", guard(lambda event: self._generations.created(rt_session, event)))
        rt_session.on("input_speech_stopped", guard(lambda _: self._generations.done()))
        rt_session.on("error", guard(self._on_rt_error))

    def _with_rt_session(self, handler: Callable[[Any], None]) -> Callable[..., None]:
        def handle(event: Any) -> None:
            self._guard.run(self.find_rt_session)
            self._guard.run(handler, event)

        return handle

    def _on_metrics(self, metrics: Any) -> None:
        # The plugin's way to say "connected": a metric of no request, with the time that connecting took.
        acquire_s = getattr(metrics, "acquire_time", None)
        if getattr(metrics, "request_id", None) != "" or not isinstance(acquire_s, (int, float)):
            return
        # The session has not read from the new connection yet, so the handle is still the one it presented.
        handle = getattr(self._rt_session, "_session_resumption_handle", None)
        self.connections.connected(round(acquire_s * 1000, 3), bool(handle), endpoint_host(self._rt_session))

    def _on_rt_error(self, event: Any) -> None:
        # A second witness, for agents whose logging is turned off; one error is never counted twice.
        if isinstance(event.error, BaseException) and hasattr(event.error, "code"):
            self.connections.failed(event.error)

    def _on_agent_state(self, event: Any) -> None:
        self._started = True
        self._report(AgentState(str(event.old_state), str(event.new_state)))
        if event.new_state == "speaking":
            self._generations.speaking()

    def _on_tool_update(self, event: Any) -> None:
        if event.update.type == "tool_call_started":
            self._report(Tool(str(event.update.function_call.name), "called"))

    def _on_tools_executed(self, event: Any) -> None:
        for call in event.function_calls:
            self._report(Tool(str(call.name), "returned"))

    def _on_error(self, event: Any) -> None:
        error = event.error
        recoverable = getattr(error, "recoverable", None)
        cause = getattr(error, "error", error)
        self._report(Error(recoverable if isinstance(recoverable, bool) else None, describe_error(cause)))

    def _on_close(self, event: Any) -> None:
        if self.session_closed:
            return
        self.session_closed = True
        reason = getattr(event.reason, "value", event.reason)
        error = getattr(event, "error", None)
        cause = getattr(error, "error", error)
        self._report(SessionClosed(str(reason), None if cause is None else describe_error(cause)))
