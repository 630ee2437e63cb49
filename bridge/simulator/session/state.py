"""What the parts of a session's script share: identity, configuration, conversation, time, and what goes out.

The parts (`updates`, `input_audio`, `items`, `responses`, `transcripts`) act on a `Stage`; `script.py` joins them.
No I/O: what is to be sent gathers in `outs`.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect, SessionKind
from bridge.simulator.errors.service_errors import ServiceError
from bridge.simulator.session.conversation import ConversationItems
from bridge.simulator.session.schedule import Schedule, ScheduledCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.session.behaviour import SessionBehaviour

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """Send this server event."""

    type: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServerClose:
    """Close the socket with this code and reason. Nothing is sent after it."""

    code: int
    reason: str


ServerOutput = ServerEvent | ServerClose


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSetup:
    """What is known of a session when it begins."""

    dialect: Dialect
    kind: SessionKind
    model: str
    unix_time: int
    """Seconds since 1970, for `expires_at`."""
    config: Mapping[str, Any] | None = None
    """The session that an ephemeral secret is bound to, in this dialect's shape."""


class SessionState:
    """One session's shared state."""

    def __init__(self, opening: SessionSetup, behaviour: SessionBehaviour, seed: int, now: float) -> None:
        self.setup = opening
        self.behaviour = behaviour
        self.random = random.Random(seed)
        self.now = now
        self.started_at = now
        self.schedule = Schedule()
        self.outputs: list[ServerOutput] = []
        self.closed = False
        self.conversation = ConversationItems()
        self.config: dict[str, Any] = {}
        self.client_event_id: str | None = None
        self.has_spoken = False
        """Whether the assistant has spoken: after that the voice is fixed."""
        self._stem = "".join(self.random.choices(_ALPHABET, k=14))
        self._made = 0
        self.session_id = self.new_id("sess")
        self.conversation_id = self.new_id("conv")

    @property
    def is_beta(self) -> bool:
        """Whether this session speaks the beta dialect."""
        return self.setup.dialect is Dialect.BETA

    @property
    def expires_at(self) -> int:
        """When the session ends, unix seconds."""
        return self.setup.unix_time + round(self.behaviour.session_seconds)

    def new_id(self, kind: str) -> str:
        """Make an id such as `item_Zk3…000012`: unique in the session, the same for the same seed."""
        self._made += 1
        return f"{kind}_{self._stem}{self._made:06d}"

    def send(self, event_type: str, **fields: Any) -> None:
        """Send a server event, named here as in GA; a beta session renames it."""
        if not self.closed:
            name = BETA_NAMES.get(event_type, event_type) if self.is_beta else event_type
            self.outputs.append(ServerEvent(name, {"type": name, "event_id": self.new_id("event"), **fields}))

    def reject(self, code: str | None, message: str, param: str | None = None) -> None:
        """Answer the client's event with an `error`; the session goes on."""
        self.send_error(ServiceError(type="invalid_request_error", code=code, message=message, param=param))

    def send_error(self, ending: ServiceError) -> None:
        """Send an `error` event and, where it ends the session, the close behind it."""
        error = {"type": ending.type, "code": ending.code, "message": ending.message, "param": ending.param}
        self.send("error", error={**error, "event_id": self.client_event_id})
        if ending.close_code is not None:
            self.close(ending.close_code, ending.close_reason)

    def close(self, code: int, reason: str) -> None:
        """End the session: nothing is sent or run after this."""
        if not self.closed:
            self.outputs.append(ServerClose(code, reason))
            self.closed = True

    def call_later(self, seconds: float, action: Callable[[], None]) -> ScheduledCall:
        """Run `action` after this many seconds of session time."""
        return self.schedule.call_at(self.now + seconds, action)

    def paced(self, seconds: float) -> float:
        """How long a recorded duration takes at this behaviour's pace."""
        return seconds / self.behaviour.pace


def _beta_names() -> dict[str, str]:
    """GA name -> beta name, for the events that only changed their name."""
    return {ga[0]: beta for beta, ga in BETA_TO_GA.items() if beta.startswith("response.") and len(ga) == 1}


BETA_NAMES: Mapping[str, str] = _beta_names()
