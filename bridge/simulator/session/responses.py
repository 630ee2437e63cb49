"""When a response may start and how it ends: completed, cancelled, failed, incomplete. `streaming.py` sends its events.

One response at a time can be active in the conversation; any number can run out of band.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.schema.requests import RESPONSE_SCHEMAS
from bridge.protocol.schema.sessions import merge_update
from bridge.protocol.schema.validators import validate
from bridge.simulator.session import mcp, streaming
from bridge.simulator.session.behaviour import RATE_LIMITS_SECONDS, RESPONSE_CREATED_SECONDS
from bridge.simulator.session.context_window import ContextWindow
from bridge.simulator.session.items import build_item, find_audio_error
from bridge.simulator.session.response_objects import RunningResponse, rate_limits_list

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from bridge.protocol.schema.validators import InvalidField
    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.schedule import ScheduledCall
    from bridge.simulator.session.state import SessionState

#: The fields of `response.create` that are not settings of the session as well.
_NOT_SETTINGS = frozenset({"conversation", "input", "metadata"})


class SessionResponses:
    """The responses of one session."""

    __slots__ = ("_echo", "_on_idle", "_response_count", "_running", "_state", "_window", "active")

    def __init__(self, state: SessionState, *, echo: Callable[[], bytes], on_idle: Callable[[float], None]) -> None:
        """`echo` returns the audio to respond with if the session echoes.

        `on_idle` is called when a response ends, with the seconds for which the client still plays its audio.
        """
        self._state = state
        self._echo, self._on_idle = echo, on_idle
        self.active: RunningResponse | None = None
        self._window = ContextWindow(state)
        self._running: dict[str, tuple[RunningResponse, Generator[float, None, None], ScheduledCall | None]] = {}
        self._response_count = 0

    def create(self, event: Mapping[str, Any]) -> None:
        """Handle `response.create`: start the response, or send why there is none: invalid, or another is active."""
        state = self._state
        given = event.get("response")
        given = {} if given is None else given
        if state.setup.kind is not SessionKind.CONVERSATION:
            return state.reject("invalid_value", "Responses are not available in transcription sessions.", "type")
        invalid = validate(given, RESPONSE_SCHEMAS[state.setup.dialect], "response") or self._input_error(given)
        if invalid is not None:
            return state.reject(invalid.code, invalid.message, invalid.param)
        in_conversation = given.get("conversation", "auto") != "none"
        if in_conversation and self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            return state.reject("conversation_already_has_active_response", message)
        return self.start(given, in_conversation=in_conversation)

    def _input_error(self, given: Mapping[str, Any]) -> InvalidField | None:
        errors = (
            find_audio_error(self._state, item, f"response.input[{index}]")
            for index, item in enumerate(given.get("input") or ())
        )
        return next((invalid for invalid in errors if invalid is not None), None)

    def start(self, given: Mapping[str, Any], *, in_conversation: bool = True) -> None:
        """Start a response with the settings and the input of `given`. Check first that none is active.

        Turn detection starts responses with this method, too.
        """
        state = self._state
        context = self._context(given.get("input"))
        if context is None:
            return state.reject("conversation_too_long", "Conversation is too long to create a Response.")
        self._response_count += 1
        behaviour = state.behaviour
        failing = self._response_count > behaviour.fail_after
        if behaviour.reply == "silence" and failing:
            return None
        # A `null` means the same as no value: the session's setting applies.
        settings = {name: value for name, value in given.items() if name not in _NOT_SETTINGS and value is not None}
        settings = merge_update(state.config, settings)
        response = RunningResponse(id=state.new_id("resp"), in_conversation=in_conversation, settings=settings)
        mcp.list_tools(state, settings.get("tools"))
        response.metadata = given.get("metadata")
        response.usage.count_input(context)
        response.usage.count_reasoning((settings.get("reasoning") or {}).get("effort"))
        if in_conversation:
            self.active = response
        steps = self._steps(response, context, fails=behaviour.reply == "fail" and failing)
        self._running[response.id] = (response, steps, None)
        return self._run_step(response, state.now)

    def _context(self, given: Sequence[Mapping[str, Any]] | None) -> list[ConversationItem] | None:
        """Return the items that the response reads: its own input, even if empty, or else the conversation (OpenAPI).

        References to items that do not exist are left out. None if the conversation is too long.
        """
        conversation = self._state.conversation
        if given is None:
            return self._window.fit(conversation.items)
        found = (
            conversation.get(one["id"]) if one["type"] == "item_reference" else build_item(self._state, one)
            for one in given
        )
        return [item for item in found if item is not None]

    def _steps(
        self, response: RunningResponse, context: list[ConversationItem], *, fails: bool
    ) -> Generator[float, None, None]:
        """Run one response. Yields how many seconds of session time to wait before the next step."""
        state = self._state
        yield state.paced(RESPONSE_CREATED_SECONDS)
        self._send_created(response)
        if fails:
            yield state.paced(RESPONSE_CREATED_SECONDS)
            failure = state.behaviour.failure
            error = {"type": failure.type, "code": failure.code, "message": failure.message}
            self._finish(response, "failed", {"type": "failed", "error": error})
            return
        yield from streaming.stream_response(state, response, context, self._echo)
        if response.hit_token_limit:
            self._finish(response, "incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        else:
            self._finish(response, "completed", None)

    def _send_created(self, response: RunningResponse) -> None:
        if not response.created_sent:
            response.created_sent = True
            self._state.send("response.created", response=response.as_json(self._state))

    def _run_step(self, response: RunningResponse, due_at: float) -> None:
        """Run one step and schedule the next, relative to the time at which this one was due."""
        if response.id not in self._running or self._state.closed:
            return
        steps = self._running[response.id][1]
        wait = next(steps, None)
        if wait is not None and response.id in self._running:
            next_at = due_at + wait
            due = self._state.schedule.call_at(next_at, lambda: self._run_step(response, next_at))
            self._running[response.id] = (response, steps, due)

    def cancel(self, event: Mapping[str, Any]) -> None:
        """Handle `response.cancel`: cancel the response that it names, or the active one."""
        response_id = event.get("response_id")
        response = self.active if response_id is None else self._running.get(str(response_id), (None,))[0]
        if response is None:
            message = "Cancellation failed: no active response found"
            return self._state.reject("response_cancel_not_active", message)
        return self._stop(response, "client_cancelled")

    def interrupt(self) -> None:
        """Cancel the active response because the user has started to speak."""
        if self.active is not None:
            self._stop(self.active, "turn_detected")

    def _stop(self, response: RunningResponse, reason: str) -> None:
        _, steps, due = self._running[response.id]
        if due is not None:
            due.cancel()
        steps.close()
        self._send_created(response)
        for close in tuple(response.open_items):
            close("incomplete")
        self._finish(response, "cancelled", {"type": "cancelled", "reason": reason})

    def _finish(self, response: RunningResponse, status: str, details: dict[str, Any] | None) -> None:
        state = self._state
        del self._running[response.id]
        if self.active is response:
            self.active = None
        response.status, response.status_details = status, details
        position = state.behaviour.rate_limits
        if position == "before":
            state.send("rate_limits.updated", rate_limits=rate_limits_list(response.usage))
        state.send("response.done", response=response.as_json(state, usage=True))
        if position == "after":
            limits = rate_limits_list(response.usage)
            state.call_later(
                state.paced(RATE_LIMITS_SECONDS), lambda: state.send("rate_limits.updated", rate_limits=limits)
            )
        self._on_idle(0.0 if status == "cancelled" else response.playback_left(state.now))
