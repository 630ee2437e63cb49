"""Responses: one active on the default conversation, any number out of band; created, streamed, cancelled, failed.

How a response streams is `streaming.py`; here is when it may begin and how it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import Kind
from bridge.protocol.schema.requests import RESPONSE_SCHEMAS
from bridge.protocol.schema.sessions import merge
from bridge.protocol.schema.validators import check
from bridge.simulator.session import streaming
from bridge.simulator.session.behaviour import RATE_LIMITS_SECONDS, RESPONSE_CREATED_SECONDS
from bridge.simulator.session.items import audio_fault, item_from
from bridge.simulator.session.response_objects import Run, rate_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from bridge.protocol.schema.validators import Fault
    from bridge.simulator.session.conversation import Item
    from bridge.simulator.session.schedule import Due
    from bridge.simulator.session.state import Stage

#: What a `response.create` says about this response alone, beside the settings that it shares with the session.
_NOT_SETTINGS = frozenset({"conversation", "input", "metadata"})


class Responses:
    """One session's responses. `echo` gives the audio to answer with in a session that echoes."""

    def __init__(self, stage: Stage, *, echo: Callable[[], bytes], on_idle: Callable[[], None]) -> None:
        self._stage = stage
        self._echo, self._on_idle = echo, on_idle
        self.active: Run | None = None
        self._running: dict[str, tuple[Run, Generator[float, None, None], Due | None]] = {}
        self._made = 0

    def create(self, event: Mapping[str, Any]) -> None:
        """Take `response.create`."""
        stage = self._stage
        given = event.get("response")
        given = {} if given is None else given
        if stage.opening.kind is not Kind.CONVERSATION:
            return stage.fail("invalid_value", "Responses are not available in transcription sessions.", "type")
        fault = check(given, RESPONSE_SCHEMAS[stage.opening.dialect], "response") or self._input_fault(given)
        if fault is not None:
            return stage.fail(fault.code, fault.message, fault.param)
        in_conversation = given.get("conversation", "auto") != "none"
        if in_conversation and self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            return stage.fail("conversation_already_has_active_response", message)
        return self.start(given, in_conversation=in_conversation)

    def _input_fault(self, given: Mapping[str, Any]) -> Fault | None:
        faults = (
            audio_fault(self._stage, item, f"response.input[{index}]")
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
        settings = merge(stage.config, settings)
        run = Run(id=stage.new_id("resp"), in_conversation=in_conversation, settings=settings)
        run.metadata = given.get("metadata")
        run.spent.heard(context)
        if in_conversation:
            self.active = run
        steps = self._steps(run, context, fails=behaviour.reply == "fail" and failing)
        self._running[run.id] = (run, steps, None)
        self._next(run, stage.now)

    def _context(self, given: Sequence[Mapping[str, Any]] | None) -> list[Item]:
        """Give what the response reads: its own input, which may be empty, and else the conversation (OpenAPI).

        A reference to an item that is gone counts as nothing.
        """
        conversation = self._stage.conversation
        if given is None:
            return conversation.items
        found = (
            conversation.get(one["id"]) if one["type"] == "item_reference" else item_from(self._stage, one)
            for one in given
        )
        return [item for item in found if item is not None]

    def _steps(self, run: Run, context: list[Item], *, fails: bool) -> Generator[float, None, None]:
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
        yield from streaming.stream(stage, run, context, self._echo)
        if run.cut_short:
            self._finish(run, "incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        else:
            self._finish(run, "completed", None)

    def _announce(self, run: Run) -> None:
        if not run.announced:
            run.announced = True
            self._stage.send("response.created", response=run.shown(self._stage))

    def _next(self, run: Run, due_at: float) -> None:
        """Take one step and ask to be woken for the one after it, counted from when this one was due."""
        if run.id not in self._running or self._stage.closed:
            return
        steps = self._running[run.id][1]
        wait = next(steps, None)
        if wait is not None and run.id in self._running:
            next_at = due_at + wait
            due = self._stage.schedule.at(next_at, lambda: self._next(run, next_at))
            self._running[run.id] = (run, steps, due)

    def cancel(self, event: Mapping[str, Any]) -> None:
        """Take `response.cancel`: the named response, or the active one."""
        wanted = event.get("response_id")
        run = self.active if wanted is None else self._running.get(str(wanted), (None,))[0]
        if run is None:
            message = "Cancellation failed: no active response found"
            return self._stage.fail("response_cancel_not_active", message)
        return self._stop(run, "client_cancelled")

    def interrupt(self) -> None:
        """Cancel the active response because the user speaks."""
        if self.active is not None:
            self._stop(self.active, "turn_detected")

    def _stop(self, run: Run, reason: str) -> None:
        _, steps, due = self._running[run.id]
        if due is not None:
            due.cancel()
        steps.close()
        self._announce(run)
        if run.close_open is not None:
            run.close_open("incomplete")
        self._finish(run, "cancelled", {"type": "cancelled", "reason": reason})

    def _finish(self, run: Run, status: str, details: dict[str, Any] | None) -> None:
        stage = self._stage
        del self._running[run.id]
        if self.active is run:
            self.active = None
        run.status, run.status_details = status, details
        where = stage.behaviour.rate_limits
        if where == "before":
            stage.send("rate_limits.updated", rate_limits=rate_limits(run.spent))
        stage.send("response.done", response=run.shown(stage, usage=True))
        if where == "after":
            limits = rate_limits(run.spent)
            stage.later(stage.paced(RATE_LIMITS_SECONDS), lambda: stage.send("rate_limits.updated", rate_limits=limits))
        self._on_idle()
