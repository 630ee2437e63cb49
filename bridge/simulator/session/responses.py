"""Responses: one active on the default conversation, any number out of band; created, streamed, cancelled, failed.

How a response streams is `streaming.py`; here is when it may begin and how it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.schema.requests import RESPONSE_SCHEMAS
from bridge.protocol.schema.sessions import merge_update
from bridge.protocol.schema.validators import validate
from bridge.simulator.session import streaming
from bridge.simulator.session.behaviour import RATE_LIMITS_SECONDS, RESPONSE_CREATED_SECONDS
from bridge.simulator.session.items import build_item, find_audio_error
from bridge.simulator.session.response_objects import RunningResponse, rate_limits_list

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from bridge.protocol.schema.validators import InvalidField
    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.schedule import ScheduledCall
    from bridge.simulator.session.state import SessionState

#: What a `response.create` says about this response alone, beside the settings that it shares with the session.
_NOT_SETTINGS = frozenset({"conversation", "input", "metadata"})


class SessionResponses:
    """One session's responses. `echo` gives the audio to answer with in a session that echoes."""

    def __init__(self, stage: SessionState, *, echo: Callable[[], bytes], on_idle: Callable[[], None]) -> None:
        self._stage = stage
        self._echo, self._on_idle = echo, on_idle
        self.active: RunningResponse | None = None
        self._running: dict[str, tuple[RunningResponse, Generator[float, None, None], ScheduledCall | None]] = {}
        self._made = 0

    def create(self, event: Mapping[str, Any]) -> None:
        """Take `response.create`."""
        stage = self._stage
        given = event.get("response")
        given = {} if given is None else given
        if stage.setup.kind is not SessionKind.CONVERSATION:
            return stage.reject("invalid_value", "Responses are not available in transcription sessions.", "type")
        fault = validate(given, RESPONSE_SCHEMAS[stage.setup.dialect], "response") or self._input_fault(given)
        if fault is not None:
            return stage.reject(fault.code, fault.message, fault.param)
        in_conversation = given.get("conversation", "auto") != "none"
        if in_conversation and self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            return stage.reject("conversation_already_has_active_response", message)
        return self.start(given, in_conversation=in_conversation)

    def _input_fault(self, given: Mapping[str, Any]) -> InvalidField | None:
        faults = (
            find_audio_error(self._stage, item, f"response.input[{index}]")
            for index, item in enumerate(given.get("input") or ())
        )
        return next((fault for fault in faults if fault is not None), None)

    def start(self, given: Mapping[str, Any], *, in_conversation: bool = True) -> None:
        """Begin a response. Turn detection calls this itself, and only when none is active."""
        stage = self._stage
        self._made += 1
        behaviour = stage.behaviour
        failing = self._made > behaviour.fail_after
        if behaviour.reply == "silence" and failing:
            return
        context = self._context(given.get("input"))
        settings = {name: value for name, value in given.items() if name not in _NOT_SETTINGS}
        settings = merge_update(stage.config, settings)
        run = RunningResponse(id=stage.new_id("resp"), in_conversation=in_conversation, settings=settings)
        run.metadata = given.get("metadata")
        run.usage.count_input(context)
        if in_conversation:
            self.active = run
        steps = self._steps(run, context, fails=behaviour.reply == "fail" and failing)
        self._running[run.id] = (run, steps, None)
        self._next(run, stage.now)

    def _context(self, given: Sequence[Mapping[str, Any]] | None) -> list[ConversationItem]:
        """Give what the response reads: its own input, which may be empty, and else the conversation (OpenAPI).

        A reference to an item that is gone counts as nothing.
        """
        conversation = self._stage.conversation
        if given is None:
            return conversation.items
        found = (
            conversation.get(one["id"]) if one["type"] == "item_reference" else build_item(self._stage, one)
            for one in given
        )
        return [item for item in found if item is not None]

    def _steps(
        self, run: RunningResponse, context: list[ConversationItem], *, fails: bool
    ) -> Generator[float, None, None]:
        """Run one response. Yields how long to wait (session seconds) before the next step."""
        stage = self._stage
        yield stage.paced(RESPONSE_CREATED_SECONDS)
        self._announce(run)
        if fails:
            yield stage.paced(RESPONSE_CREATED_SECONDS)
            failure = stage.behaviour.failure
            error = {"type": failure.type, "code": failure.code, "message": failure.message}
            self._finish(run, "failed", {"type": "failed", "error": error})
            return
        yield from streaming.stream_response(stage, run, context, self._echo)
        if run.hit_token_limit:
            self._finish(run, "incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        else:
            self._finish(run, "completed", None)

    def _announce(self, run: RunningResponse) -> None:
        if not run.created_sent:
            run.created_sent = True
            self._stage.send("response.created", response=run.as_json(self._stage))

    def _next(self, run: RunningResponse, due_at: float) -> None:
        """Take one step and ask to be woken for the one after it, counted from when this one was due."""
        if run.id not in self._running or self._stage.closed:
            return
        steps = self._running[run.id][1]
        wait = next(steps, None)
        if wait is not None and run.id in self._running:
            next_at = due_at + wait
            due = self._stage.schedule.call_at(next_at, lambda: self._next(run, next_at))
            self._running[run.id] = (run, steps, due)

    def cancel(self, event: Mapping[str, Any]) -> None:
        """Take `response.cancel`: the named response, or the active one."""
        wanted = event.get("response_id")
        run = self.active if wanted is None else self._running.get(str(wanted), (None,))[0]
        if run is None:
            message = "Cancellation failed: no active response found"
            return self._stage.reject("response_cancel_not_active", message)
        return self._stop(run, "client_cancelled")

    def interrupt(self) -> None:
        """Cancel the active response because the user speaks."""
        if self.active is not None:
            self._stop(self.active, "turn_detected")

    def _stop(self, run: RunningResponse, reason: str) -> None:
        _, steps, due = self._running[run.id]
        if due is not None:
            due.cancel()
        steps.close()
        self._announce(run)
        if run.close_open_item is not None:
            run.close_open_item("incomplete")
        self._finish(run, "cancelled", {"type": "cancelled", "reason": reason})

    def _finish(self, run: RunningResponse, status: str, details: dict[str, Any] | None) -> None:
        stage = self._stage
        del self._running[run.id]
        if self.active is run:
            self.active = None
        run.status, run.status_details = status, details
        where = stage.behaviour.rate_limits
        if where == "before":
            stage.send("rate_limits.updated", rate_limits=rate_limits_list(run.usage))
        stage.send("response.done", response=run.as_json(stage, usage=True))
        if where == "after":
            limits = rate_limits_list(run.usage)
            stage.call_later(
                stage.paced(RATE_LIMITS_SECONDS), lambda: stage.send("rate_limits.updated", rate_limits=limits)
            )
        self._on_idle()
