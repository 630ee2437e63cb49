"""What the parts of a session share: where it stands, what it holds, and the commands that gather.

`session.py` owns it; `upward.py`, `downward.py` and `life.py` act on it. No decisions stand here, only the ways to say
something: to the client, to the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.commands import Command, Note, Tell
from bridge.core.error_throttle import ErrorMessage, Released, Throttle
from bridge.core.history import Context
from bridge.core.input_buffer import HeldAudio
from bridge.core.json_access import a_text, an_object
from bridge.core.replay_buffer import Unanswered
from bridge.core.responses import Turns
from bridge.core.session_updates import Updates
from bridge.core.states import NOT_READY_CODES, Move, State, after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.responses import Ask
    from bridge.core.settings import CoreSettings


class SessionData:
    """One client's session, all of it."""

    def __init__(self, settings: CoreSettings, chance: Callable[[], float]) -> None:
        self.settings, self.chance = settings, chance
        self.now = 0.0
        self.state = State.IDLE
        self.out: list[Command] = []
        self.held = HeldAudio(settings.held)
        self.throttle = Throttle(settings.window_seconds)
        self.context = Context()
        self.turns = Turns()
        self.unanswered = Unanswered(settings.resend_ms)
        # What was asked for
        self.wish: Mapping[str, Any] = {}
        self.updates = Updates()
        # The attempt or session of the newest generation
        self.generation = 0
        self.attempt = 0
        self.opening = False
        """Whether an attempt runs (not: waits to begin)."""
        self.created = False
        self.session_id = self.model = self.dialect = self.expires_at_text = ""
        self.expires_at: float | None = None
        self.answers_itself = False
        """Whether turn detection asks for the answer."""
        self.transcribing = False
        """Whether the session only writes down what is said: there are no answers."""
        self.ready_at = float("-inf")
        self.heard_at = 0.0
        """When the upstream last said anything."""
        # Deadlines
        self.retry_at: float | None = None
        self.ready_by: float | None = None
        self.notice_at = float("-inf")
        """When the last `audio_dropped` went out."""
        self.drain_by: float | None = None
        self.expiring_told = False
        # Counts over the client's life
        self.reconnects = 0
        self.lost_at: float | None = None
        self.lost: list[str] = []
        """What the present loss cost, for `reconnected.lost`."""
        self.ask_again: Ask | None = None
        """The request for a response that the fresh session must be asked anew."""
        self.ask_after_commit = False
        """Whether, at the last loss, an answer waited for a commit: it waits for the last one that is sent again."""

    @property
    def over(self) -> bool:
        """Whether the client is gone or was sent away."""
        return self.state is State.CLOSED

    def move(self, move: Move) -> None:
        """Take a step in the table of states."""
        self.state = after(self.state, move)

    def do(self, command: Command) -> None:
        """Add a command."""
        self.out.append(command)

    def note(self, name: str, **fields: Any) -> None:
        """Add a log line, with what identifies the session."""
        self.out.append(Note(name, {"generation": self.generation, "sessionId": self.session_id or None, **fields}))

    def tell(self, message_type: str, **fields: Any) -> None:
        """Tell the client something about its session, the newest one unless another `generation` is given."""
        self.out.append(Tell({"type": message_type, "generation": self.generation, **fields}))

    def fail(
        self, code: str, message: str, *, retryable: bool, ending: bool = False, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Give the client an error, or hold it back while the window is shut."""
        error = ErrorMessage(
            code=code,
            message=message,
            retryable=retryable,
            ending=ending,
            detail=detail or {},
            generation=self.generation,
        )
        released = self.throttle.offer(error, self.now)
        if released is not None:
            self.release(released)
        else:
            self.note("error.held_back", code=code)

    def release(self, released: Released) -> None:
        """Let an error out.

        One that had to wait goes out even if the session is ready again: nothing that was held back is lost. It says
        that it is outdated, lest the client act on it.
        """
        error = released.error
        self.note("error.sent", code=error.code, suppressed=released.suppressed)
        so_no_more = NOT_READY_CODES.get(self.state) != error.code and not self.over
        outdated = error.code in NOT_READY_CODES.values() and so_no_more
        known = {**error.detail, "outdated": True} if outdated else error.detail
        detail = {"detail": dict(known)} if known else {}
        self.tell(
            "error",
            generation=error.generation,
            code=error.code,
            message=error.message,
            retryable=error.retryable,
            suppressed=released.suppressed,
            **detail,
        )

    def tell_dropped(self, *, at_once: bool = False) -> None:
        """Tell what was given up: one notice in `notice_seconds`, unless they cannot wait."""
        while at_once or self.now >= self.notice_at + self.settings.notice_seconds:
            dropped = self.held.next_dropped()
            if dropped is None:
                return
            self.notice_at = self.now
            counts = {"chunks": dropped.chunks, "ms": round(dropped.ms), "messages": dropped.messages}
            self.tell("audio_dropped", **counts, reason=dropped.reason)
            self.note("held.dropped", reason=dropped.reason, **counts)

    def take_unanswered(self) -> list[bytes | None]:
        """Take the speech that is to be sent again, in order; None stands for a commit. The keeping begins anew."""
        entries = self.unanswered.entries()
        self.unanswered = Unanswered(self.settings.resend_ms)
        return entries

    def begin_upstream(self) -> None:
        """Everything that belongs to one upstream session begins anew."""
        self.turns = Turns(waiting=self.turns.waiting)
        self.created = False
        self.session_id = self.model = self.dialect = self.expires_at_text = ""
        self.expires_at = None
        self.expiring_told = False
        self.heard_at = self.now

    def note_configuration(self, session: Mapping[str, Any]) -> None:
        """Learn from a confirmed session, flat or nested, who ends a turn and who asks for the answer.

        What the upstream does not say is as the client wished.
        """
        nested = an_object(session.get("audio")).get("input")
        fields = an_object(nested) or session
        by_wish: Mapping[str, Any] | None = None if self.wish.get("turnDetection") == "none" else {}
        detection = fields.get("turn_detection", by_wish)
        self.transcribing = "transcription" in (session.get("type"), self.wish.get("kind"))
        if self.transcribing:  # its model is the one that writes down, and stands where a conversation's does not
            writer = an_object(fields.get("transcription") or fields.get("input_audio_transcription"))
            self.model = a_text(writer.get("model")) or self.model or a_text(self.wish.get("model")) or ""
        self.unanswered.detecting = detection is not None
        asks = an_object(detection).get("create_response") is not False
        self.answers_itself = detection is not None and asks and not self.transcribing
