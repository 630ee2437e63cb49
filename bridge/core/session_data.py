"""What the parts of a session share: where it stands, what it holds, and the commands that gather.

`session.py` owns it; `upward.py`, `downward.py` and `life.py` act on it. No decisions stand here, only the ways to say
something: to the client, to the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.commands import Command, LogEvent, SendMessage
from bridge.core.error_throttle import ErrorMessage, ErrorThrottle, ReleasedError
from bridge.core.history import ConversationHistory
from bridge.core.input_buffer import InputBuffer
from bridge.core.json_access import as_object, as_text
from bridge.core.replay_buffer import ReplayBuffer
from bridge.core.responses import ResponseTracker
from bridge.core.session_updates import SessionUpdates
from bridge.core.states import NOT_READY_CODES, State, Trigger, next_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.responses import ResponseRequest
    from bridge.core.settings import CoreSettings


class SessionData:
    """One client's session, all of it."""

    def __init__(self, settings: CoreSettings, rng: Callable[[], float]) -> None:
        self.settings, self.rng = settings, rng
        self.now = 0.0
        self.state = State.IDLE
        self.commands: list[Command] = []
        self.input_buffer = InputBuffer(settings.buffer_limits)
        self.throttle = ErrorThrottle(settings.error_window_seconds)
        self.history = ConversationHistory()
        self.responses = ResponseTracker()
        self.replay_buffer = ReplayBuffer(settings.replay_ms)
        # What was asked for
        self.session_options: Mapping[str, Any] = {}
        self.updates = SessionUpdates()
        # The attempt or session of the newest generation
        self.generation = 0
        self.attempt = 0
        self.opening = False
        """Whether an attempt runs (not: waits to begin)."""
        self.created = False
        self.session_id = self.model = self.dialect = self.expires_at_text = ""
        self.expires_at: float | None = None
        self.auto_response = False
        """Whether turn detection asks for the answer."""
        self.transcribing = False
        """Whether the session only writes down what is said: there are no answers."""
        self.ready_at = float("-inf")
        self.last_event_at = 0.0
        """When the upstream last said anything."""
        # Deadlines
        self.retry_at: float | None = None
        self.ready_by: float | None = None
        self.notice_at = float("-inf")
        """When the last `audio_dropped` went out."""
        self.drain_by: float | None = None
        self.expiry_announced = False
        # Counts over the client's life
        self.reconnects = 0
        self.lost_at: float | None = None
        self.lost_parts: list[str] = []
        """What the present loss cost, for `reconnected.lost`."""
        self.request_to_repeat: ResponseRequest | None = None
        """The request for a response that the fresh session must be asked anew."""
        self.respond_after_last_commit = False
        """Whether, at the last loss, an answer waited for a commit: it waits for the last one that is sent again."""

    @property
    def closed(self) -> bool:
        """Whether the client is gone or was sent away."""
        return self.state is State.CLOSED

    def transition(self, move: Trigger) -> None:
        """Take a step in the table of states."""
        self.state = next_state(self.state, move)

    def emit(self, command: Command) -> None:
        """Add a command."""
        self.commands.append(command)

    def log(self, name: str, **fields: Any) -> None:
        """Add a log line, with what identifies the session."""
        self.commands.append(
            LogEvent(name, {"generation": self.generation, "sessionId": self.session_id or None, **fields})
        )

    def send_message(self, message_type: str, **fields: Any) -> None:
        """Tell the client something about its session, the newest one unless another `generation` is given."""
        self.commands.append(SendMessage({"type": message_type, "generation": self.generation, **fields}))

    def send_error(
        self, code: str, message: str, *, retryable: bool, ending: bool = False, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Give the client an error, or hold it back while the window is shut."""
        error = ErrorMessage(
            code=code,
            message=message,
            retryable=retryable,
            terminal=ending,
            detail=detail or {},
            generation=self.generation,
        )
        released = self.throttle.offer(error, self.now)
        if released is not None:
            self.send_released(released)
        else:
            self.log("error.held_back", code=code)

    def send_released(self, released: ReleasedError) -> None:
        """Let an error out.

        One that had to wait goes out even if the session is ready again: nothing that was held back is lost. It says
        that it is outdated, lest the client act on it.
        """
        error = released.error
        self.log("error.sent", code=error.code, suppressed=released.suppressed)
        so_no_more = NOT_READY_CODES.get(self.state) != error.code and not self.closed
        outdated = error.code in NOT_READY_CODES.values() and so_no_more
        known = {**error.detail, "outdated": True} if outdated else error.detail
        detail = {"detail": dict(known)} if known else {}
        self.send_message(
            "error",
            generation=error.generation,
            code=error.code,
            message=error.message,
            retryable=error.retryable,
            suppressed=released.suppressed,
            **detail,
        )

    def report_dropped(self, *, at_once: bool = False) -> None:
        """Tell what was given up: one notice in `notice_seconds`, unless they cannot wait."""
        while at_once or self.now >= self.notice_at + self.settings.drop_notice_seconds:
            dropped = self.input_buffer.pop_dropped()
            if dropped is None:
                return
            self.notice_at = self.now
            counts = {"chunks": dropped.chunks, "ms": round(dropped.ms), "messages": dropped.messages}
            self.send_message("audio_dropped", **counts, reason=dropped.reason)
            self.log("held.dropped", reason=dropped.reason, **counts)

    def take_replay(self) -> list[bytes | None]:
        """Take the speech that is to be sent again, in order; None stands for a commit. The keeping begins anew."""
        entries = self.replay_buffer.entries()
        self.replay_buffer = ReplayBuffer(self.settings.replay_ms)
        return entries

    def begin_generation(self) -> None:
        """Everything that belongs to one upstream session begins anew."""
        self.responses = ResponseTracker(queued=self.responses.queued)
        self.created = False
        self.session_id = self.model = self.dialect = self.expires_at_text = ""
        self.expires_at = None
        self.expiry_announced = False
        self.last_event_at = self.now

    def apply_configuration(self, session: Mapping[str, Any]) -> None:
        """Learn from a confirmed session, flat or nested, who ends a turn and who asks for the answer.

        What the upstream does not say is as the client wished.
        """
        nested = as_object(session.get("audio")).get("input")
        fields = as_object(nested) or session
        by_wish: Mapping[str, Any] | None = None if self.session_options.get("turnDetection") == "none" else {}
        detection = fields.get("turn_detection", by_wish)
        self.transcribing = "transcription" in (session.get("type"), self.session_options.get("kind"))
        if self.transcribing:  # its model is the one that writes down, and stands where a conversation's does not
            writer = as_object(fields.get("transcription") or fields.get("input_audio_transcription"))
            self.model = as_text(writer.get("model")) or self.model or as_text(self.session_options.get("model")) or ""
        self.replay_buffer.turn_detection = detection is not None
        asks = as_object(detection).get("create_response") is not False
        self.auto_response = detection is not None and asks and not self.transcribing
