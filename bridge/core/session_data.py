"""What the parts of a session share: its state, what it keeps, and the commands that collect while an event is handled.

`session.py` owns it; `lifecycle.py`, `ending.py`, `deadlines.py`, `recovery.py`, `to_upstream.py` and `to_client.py`
act on it. It makes no decisions: it only knows how to say something to the client, to the log and to the driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.commands import Command, LogEvent, SendMessage
from bridge.core.generation import Generation, Recovery
from bridge.core.history import ConversationHistory
from bridge.core.input_buffer import BYTES_PER_MS, InputBuffer
from bridge.core.json_access import as_object, as_text, loggable_id
from bridge.core.pacing.error_throttle import ErrorMessage, ErrorThrottle, ReleasedError
from bridge.core.pacing.opening_rate import OpeningRate
from bridge.core.responses import ResponseTracker
from bridge.core.session_updates import SessionUpdates
from bridge.core.speech.replay_buffer import ReplayBuffer
from bridge.core.spending.caps import ConnectionAccount
from bridge.core.spending.spend import Spend
from bridge.core.states import IN_SESSION, NOT_READY_CODES, PHASES, Phase, State, Trigger, next_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import PlaybackProgress
    from bridge.core.settings import CoreSettings
    from bridge.core.spending.caps import Account
    from bridge.core.spending.charges import Charge


def refused_event(detail: Mapping[str, Any]) -> str | None:
    """Return the `event_id` of the client's event that an error is about, by the details of the error."""
    return as_text(detail.get("eventId")) or as_text(as_object(detail.get("upstream")).get("event_id")) or None


class SessionData:
    """One client connection's session, all of it."""

    __slots__ = (
        "accounts",
        "active_at",
        "announced_caps",
        "attempt",
        "began_at",
        "commands",
        "drain_by",
        "drop_notice_at",
        "generation",
        "gone_items",
        "history",
        "input_buffer",
        "native",
        "now",
        "openings",
        "playback",
        "reconnects",
        "recovery",
        "retry_at",
        "rng",
        "session_options",
        "settings",
        "spend",
        "state",
        "throttle",
        "unused_since",
        "updates",
    )

    def __init__(self, settings: CoreSettings, rng: Callable[[], float], identity: Account | None = None) -> None:
        self.settings, self.rng = settings, rng
        self.now = 0.0
        self.state = State.IDLE
        self.commands: list[Command] = []
        # From the client
        self.session_options: Mapping[str, Any] = {}
        self.updates = SessionUpdates()
        self.input_buffer = InputBuffer(settings.buffer_limits)
        self.history = ConversationHistory()
        self.playback: PlaybackProgress | None = None
        """What the client last said that it has played."""
        self.gone_items: dict[str, None] = {}
        """Items of lost sessions that an SDK knows and that were not restored, oldest first."""
        # The upstream session
        self.generation = Generation(replay=ReplayBuffer(settings.replay_ms))
        self.recovery = Recovery()
        self.attempt = 0
        """The number of the current attempt, counted from the request for a session or from the last loss."""
        self.openings = OpeningRate(settings.openings_at_once, settings.seconds_per_opening)
        self.retry_at = float("inf")
        """When the next attempt starts, in the waiting states."""
        self.reconnects = 0
        """Losses so far on this client connection."""
        # What it takes, and the limits of it
        self.spend = Spend()
        """What the responses and transcripts of this client connection took."""
        own = ConnectionAccount(settings.caps)
        self.accounts: tuple[Account, ...] = (own,) if identity is None else (own, identity)
        """Who pays: this client connection, and its identity if that is known."""
        self.began_at = float("inf")
        """When the client first asked for a session."""
        self.active_at = float("-inf")
        """When either side last spoke, or ended."""
        self.announced_caps: dict[str, float] = {}
        """The ends of time that the client was told of: reason and time."""
        # To the client
        self.native = False
        """Whether the client is an SDK at the native endpoint."""
        self.throttle = ErrorThrottle(settings.error_window_seconds)
        self.drop_notice_at = float("-inf")
        """When the last `audio_dropped` was sent."""
        self.unused_since: float | None = None
        """Since when the client has had no session; None before its first event. Counts in IDLE and FAILED only."""
        self.drain_by: float | None = None
        """When the session ends at the latest; None while the bridge is not shutting down."""

    @property
    def phase(self) -> Phase:
        """The session's state as clients, logs and metrics see it."""
        return PHASES[self.state]

    @property
    def held_bytes(self) -> int:
        """About how much memory the client's input takes that is kept."""
        replay_ms = self.generation.replay.ms + self.recovery.replay_ms
        return self.input_buffer.memory_bytes + self.history.sent_bytes + int(replay_ms * BYTES_PER_MS)

    @property
    def closed(self) -> bool:
        """Whether the client connection is closed or closing."""
        return self.state is State.CLOSED

    @property
    def exhausted(self) -> bool:
        """Whether a cap of cost or tokens was reached: nothing that costs is asked for any more."""
        return any(account.exhausted for account in self.accounts)

    def charge(self, charge: Charge) -> None:
        """Count what a response or a transcript took."""
        self.spend.add(charge)
        for account in self.accounts:
            account.charge(charge)

    def transition(self, trigger: Trigger) -> None:
        """Take a step in the table of states."""
        had_session = self.phase in IN_SESSION
        self.state = next_state(self.state, trigger)
        if had_session and self.phase not in IN_SESSION:
            self.unused_since = self.now

    def begin_generation(self) -> None:
        """Start a new generation. Queued response requests are the client's, so they move on to it."""
        self.generation = Generation(
            number=self.generation.number + 1,
            replay=ReplayBuffer(self.settings.replay_ms),
            responses=ResponseTracker(queued=self.generation.responses.queued),
            ready_by=self.now + self.settings.ready_seconds,
            last_event_at=self.now,
        )

    def forget_conversation(self) -> None:
        """Keep nothing for the next session: this one failed or was ended by intent."""
        self.history.clear()
        self.gone_items.clear()
        self.playback = None
        self.recovery = Recovery()
        self.generation = Generation(number=self.generation.number, replay=ReplayBuffer(self.settings.replay_ms))

    def emit(self, command: Command) -> None:
        """Append a command to those that `take_commands` returns next."""
        self.commands.append(command)

    def take_commands(self) -> list[Command]:
        """Return the commands so far, in order, and start a new list."""
        commands, self.commands = self.commands, []
        return commands

    def log(self, name: str, **fields: Any) -> None:
        """Add a log event, with the ids of the session."""
        ids = {"generation": self.generation.number, "sessionId": self.generation.session_id or None}
        self.commands.append(LogEvent(name, {**ids, **fields}))

    def send_message(self, message_type: str, **fields: Any) -> None:
        """Send the client a message about its session; about the newest one unless `generation` is given."""
        self.commands.append(SendMessage({"type": message_type, "generation": self.generation.number, **fields}))

    def send_error(
        self,
        code: str,
        message: str,
        *,
        retryable: bool,
        terminal: bool = False,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Send the client an error, or hold it back while the error window is closed.

        An SDK doesn't wait for the answer to one of its events, nor for the end.
        """
        error = ErrorMessage(
            code=code,
            message=message,
            retryable=retryable,
            terminal=terminal,
            detail=detail or {},
            generation=self.generation.number,
        )
        at_once = self.native and (terminal or refused_event(error.detail) is not None)
        released = ReleasedError(error, 0) if at_once else self.throttle.offer(error, self.now)
        if released is not None:
            self.send_released(released)
        else:
            self.log("error.held_back", code=code)

    def send_released(self, released: ReleasedError) -> None:
        """Send an error that the throttle let through.

        An error that was held back is sent even if the session is ready again: no error is lost. It is marked as
        outdated then, so that the client doesn't act on it.
        """
        error = released.error
        about = {} if (event_id := refused_event(error.detail)) is None else {"eventId": event_id}
        shown = {name: loggable_id(value) for name, value in about.items()}
        self.log("error.sent", code=error.code, suppressed=released.suppressed, **shown)
        resolved = NOT_READY_CODES.get(self.phase) != error.code and not self.closed
        outdated = error.code in NOT_READY_CODES.values() and resolved
        fields = {**error.detail, "outdated": True} if outdated else error.detail
        detail = {"detail": dict(fields)} if fields else {}
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
        """Tell the client what was dropped: one message per `drop_notice_seconds`, or all of them `at_once`."""
        while at_once or self.now >= self.drop_notice_at + self.settings.drop_notice_seconds:
            dropped = self.input_buffer.pop_dropped()
            if dropped is None:
                return
            self.drop_notice_at = self.now
            counts = {"chunks": dropped.chunks, "ms": round(dropped.ms), "messages": dropped.messages}
            self.send_message("audio_dropped", **counts, reason=dropped.reason)
            self.log("held.dropped", reason=dropped.reason, **counts)
