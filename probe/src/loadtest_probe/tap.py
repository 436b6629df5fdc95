"""Listens to an agent's session and to the realtime session behind it, and reports what they tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from loadtest_probe.closes import describe_error, is_loss
from loadtest_probe.connections import Connections
from loadtest_probe.endpoint import endpoint_host
from loadtest_probe.generations import Generations
from loadtest_probe.guard import Guard
from loadtest_probe.plugin_log import raised_while_connecting
from loadtest_probe.redact import name_of
from loadtest_probe.reporter import Reporter
from loadtest_probe.tools import Tools
from loadtest_probe.wire import AgentState, Error, SessionClosed, Tool

__all__ = ["Tap"]

_STARTS_WITHIN_S = 60.0


class Tap:
    """Reports only times, codes, states and names: no words of the call."""

    def __init__(self, session: Any, report: Reporter, guard: Guard) -> None:
        self._session = session
        self._report = report
        self._guard = guard
        self._tools = Tools(report, report.left_out)
        self._generations = Generations(report, report.left_out, lambda: self.connections.is_open, self._tools, guard)
        self.connections = Connections(report, lambda: self._generations.phase(self._rt_session))
        self._rt_session: Any = None
        self._listening: list[tuple[Any, str, Callable[..., None]]] = []
        self._attached_s = time.monotonic()
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
            self.listen(self._session, event, self._with_rt_session(handler))

    def listen(self, emitter: Any, event: str, handler: Callable[..., None]) -> None:
        """Have events handled until `remove`. handler: must not raise."""
        emitter.on(event, handler)
        self._listening.append((emitter, event, handler))

    def remove(self) -> None:
        """Let go of the sessions; what was held back is told."""
        for emitter, event, handler in self._listening:
            self._guard.run(emitter.off, event, handler)
        self._listening.clear()
        self._guard.run(self._generations.stop)
        self._guard.run(self.connections.flush)

    @property
    def is_starting(self) -> bool:
        """The session may make its realtime session, and connect it, at any moment."""
        if self._rt_session is not None or self._started or self.session_closed:
            return False
        return time.monotonic() - self._attached_s < _STARTS_WITHIN_S

    def rt_session(self) -> Any | None:
        """The realtime session, looked for again if need be."""
        self.find_rt_session()
        return self._rt_session

    def look(self) -> None:
        """What has to be looked at again and again."""
        self.find_rt_session()
        self._generations.look()
        self.connections.look()

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
            self.connections.connected(None, False, endpoint_host(rt_session), _model(rt_session))  # we came late
        handlers: dict[str, Callable[[Any], None]] = {
            "metrics_collected": lambda metrics: self._on_metrics(rt_session, metrics),
            "generation_created": lambda event: self._generations.created(rt_session, event),
            "input_speech_stopped": lambda _: self._generations.speech_stopped(),
            "error": self._on_rt_error,
        }
        for event, handler in handlers.items():
            self.listen(rt_session, event, self._guard(handler))

    def _with_rt_session(self, handler: Callable[[Any], None]) -> Callable[..., None]:
        def handle(event: Any) -> None:
            self._guard.run(self.find_rt_session)
            self._guard.run(handler, event)

        return handle

    def _on_metrics(self, rt_session: Any, metrics: Any) -> None:
        # The plugin's way to say "connected": a metric of no request, with the time that connecting took.
        acquire_s = getattr(metrics, "acquire_time", None)
        if getattr(metrics, "request_id", None) != "" or not isinstance(acquire_s, (int, float)):
            return
        # The session has not read from the new connection yet, so the handle is still the one it presented.
        handle = getattr(rt_session, "_session_resumption_handle", None)
        self.connections.connected(
            round(acquire_s * 1000, 3), bool(handle), endpoint_host(rt_session), _model(rt_session)
        )

    def _on_rt_error(self, event: Any) -> None:
        # A second witness, for agents whose logging is turned off and for models that are not Gemini; one error is
        # never counted twice. Not every error of a model is the end of its connection.
        error = event.error
        if isinstance(error, BaseException) and is_loss(error):
            self.connections.failed(error, connecting=raised_while_connecting(error))

    def _on_agent_state(self, event: Any) -> None:
        self._started = True
        self._report(AgentState(name_of(event.old_state), name_of(event.new_state)))
        if event.new_state == "speaking":
            self._generations.speaking()

    def _on_tool_update(self, event: Any) -> None:
        if event.update.type == "tool_call_started":
            self._tools.called(event.update.function_call)
        elif event.update.type == "tool_call_ended":
            self._tools.returned(event.update.call_id)

    def _on_tools_executed(self, event: Any) -> None:
        for call in event.function_calls:
            if self._rt_session is None:
                self._report(Tool(name_of(call.name), "returned"))
            else:
                self._tools.returned(call.call_id)

    def _on_error(self, event: Any) -> None:
        error = event.error
        recoverable = getattr(error, "recoverable", None)
        cause = getattr(error, "error", error)
        self._report(Error(recoverable if isinstance(recoverable, bool) else None, describe_error(cause)))

    def _on_close(self, event: Any) -> None:
        if self.session_closed:
            return
        self.session_closed = True
        self._guard.run(self.connections.flush)
        reason = getattr(event.reason, "value", event.reason)
        error = getattr(event, "error", None)
        cause = getattr(error, "error", error)
        self._report(SessionClosed(name_of(reason), None if cause is None else describe_error(cause)))


def _model(rt_session: Any) -> str | None:
    model = getattr(getattr(rt_session, "_realtime_model", None), "model", None)
    return name_of(model) if isinstance(model, str) else None
