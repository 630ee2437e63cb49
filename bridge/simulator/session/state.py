"""The state that the parts of a session share: identity, configuration, conversation, time and outputs.

The parts (`updates`, `input_audio`, `items`, `responses`, `transcripts`) act on one `SessionState`; `session.py`
combines them. No I/O: what is to be sent collects in `outputs`.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from random import Random
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
    """Output: send this server event."""

    type: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServerClose:
    """Output: close the WebSocket with this code and reason. It is the last output of a session."""

    code: int
    reason: str


ServerOutput = ServerEvent | ServerClose


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSetup:
    """What is known of a session when it starts."""

    dialect: Dialect
    kind: SessionKind
    model: str
    unix_time: int
    """Unix time in seconds, for `expires_at`."""
    config: Mapping[str, Any] | None = None
    """The session configuration that a client secret is bound to, in this dialect."""


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of an MCP server that was listed."""

    server_label: str
    name: str


class SessionState:
    """The shared state of one session."""

    __slots__ = (
        "_id_count",
        "_id_stem",
        "_random",
        "_seed",
        "behaviour",
        "client_event_id",
        "closed",
        "config",
        "conversation",
        "conversation_id",
        "has_spoken",
        "mcp_approvals",
        "mcp_tools",
        "now",
        "outputs",
        "schedule",
        "session_id",
        "setup",
        "started_at",
    )

    def __init__(self, setup: SessionSetup, behaviour: SessionBehaviour, seed: int, now: float) -> None:
        self.setup = setup
        self.behaviour = behaviour
        self._seed = seed
        self._random: Random | None = None
        self.now = now
        self.started_at = now
        self.schedule = Schedule()
        self.outputs: list[ServerOutput] = []
        self.closed = False
        self.conversation = ConversationItems()
        self.config: dict[str, Any] = {}
        self.client_event_id: str | None = None
        self.has_spoken = False
        """Whether the assistant has spoken; after that, the voice cannot be changed."""
        self.mcp_tools: dict[str, tuple[McpTool, ...]] = {}
        """The tools of each MCP server, by its label; none while they are being listed."""
        self.mcp_approvals: dict[str, Callable[[bool], None]] = {}
        """By the id of each open approval request: takes whether the client approves."""
        self._id_stem = _draw_id_stem(Random(seed))
        self._id_count = 0
        self.session_id = self.new_id("sess")
        self.conversation_id = self.new_id("conv")

    @property
    def random(self) -> Random:
        """The session's random generator. It takes 2.5 KiB, so it is made when it is first used."""
        if self._random is None:
            self._random = Random(self._seed)
            _draw_id_stem(self._random)
        return self._random

    @property
    def is_beta(self) -> bool:
        """Whether this session speaks the beta dialect."""
        return self.setup.dialect is Dialect.BETA

    @property
    def expires_at(self) -> int:
        """When the session expires, in Unix seconds."""
        return self.setup.unix_time + round(self.behaviour.session_seconds)

    def new_id(self, kind: str) -> str:
        """Return a new id such as `item_Zk3...000012`: unique within the session, and the same for the same seed."""
        self._id_count += 1
        return f"{kind}_{self._id_stem}{self._id_count:06d}"

    def send(self, event_type: str, **fields: Any) -> None:
        """Send a server event. `event_type` is its GA name; a beta session sends the beta name."""
        if not self.closed:
            name = BETA_NAMES.get(event_type, event_type) if self.is_beta else event_type
            self.outputs.append(ServerEvent(name, {"type": name, "event_id": self.new_id("event"), **fields}))

    def reject(self, code: str | None, message: str, param: str | None = None) -> None:
        """Answer the client's event with an `error` event. The session continues."""
        self.send_error(ServiceError(type="invalid_request_error", code=code, message=message, param=param))

    def send_error(self, error: ServiceError) -> None:
        """Send an `error` event and, if the error ends the session, the close."""
        body = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
        self.send("error", error={**body, "event_id": self.client_event_id})
        if error.close_code is not None:
            self.close(error.close_code, error.close_reason)

    def close(self, code: int, reason: str) -> None:
        """End the session. Later calls of `send` and scheduled calls have no effect."""
        if not self.closed:
            self.outputs.append(ServerClose(code, reason))
            self.closed = True

    def call_later(self, seconds: float, callback: Callable[[], None]) -> ScheduledCall:
        """Call `callback` after this many seconds of session time. Cancel it with the returned object."""
        return self.schedule.call_at(self.now + seconds, callback)

    def paced(self, seconds: float) -> float:
        """Scale a recorded duration, in seconds, to the pace of this session."""
        return seconds / self.behaviour.pace


def _draw_id_stem(rng: Random) -> str:
    """Draw the part of all ids that tells this session from others: the first thing that its generator is used for."""
    return "".join(rng.choices(_ALPHABET, k=14))


def _beta_names() -> dict[str, str]:
    """Map the GA names to the beta names of events that differ only in name."""
    return {ga[0]: beta for beta, ga in BETA_TO_GA.items() if beta.startswith("response.") and len(ga) == 1}


BETA_NAMES: Mapping[str, str] = _beta_names()
