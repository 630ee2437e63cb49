"""How the simulated service behaves within a session: one frozen value that scenarios and faults change.

It does not cover the network (see `faults/wire_faults.py`) or admission (see `service/admission.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.simulator.errors.service_errors import ServiceError

#: OpenAI ends a session after 60 minutes, Azure after 30 (guides and reports, 2026).
SESSION_SECONDS = 3600.0
AZURE_SESSION_SECONDS = 1800.0

#: Delays of the live service, recorded 2026-09-18, minus the round-trip time of that recording (about 260 ms).
SESSION_CREATED_SECONDS = 0.005
RESPONSE_CREATED_SECONDS = 0.02
FIRST_DELTA_SECONDS = 0.2
RATE_LIMITS_SECONDS = 0.043
TRANSCRIPT_FIRST_SECONDS = 0.9
TRANSCRIPT_DONE_SECONDS = 0.2
PING_SECONDS = 20.26

_PROCESSING_ERROR = ServiceError(type="server_error", code=None, message="The server had an error while processing it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBehaviour:
    """What scenarios and faults can change. The defaults describe the healthy service."""

    pace: float = 1.0
    """How many times as fast as recorded the service responds; 1.0 is real time."""
    refusal: ServiceError | None = None
    """Refuse the session: send this error as the first and only event."""
    session_seconds: float = SESSION_SECONDS
    """The maximum duration of the session in real seconds, already divided by the time scale."""
    stated_minutes: int = 60
    """The maximum duration that the error message states: 60 on OpenAI, 30 on Azure, whatever the time scale."""
    create_seconds: float | None = SESSION_CREATED_SECONDS
    """Seconds from the 101 to `session.created`; None: it is never sent."""
    confirm: Literal["yes", "never", "refuse"] = "yes"
    """Whether a valid `session.update` is confirmed, ignored or refused."""
    reply: Literal["speak", "echo", "fail", "silence", "function"] = "speak"
    """What responses do; with `silence`, `response.create` is accepted but never answered."""
    failure: ServiceError = _PROCESSING_ERROR
    """The error in the `response.done` of a failed response."""
    fail_after: int = 0
    """How many responses succeed before `reply="fail"` or `reply="silence"` applies."""
    transcription: Literal["yes", "fail", "never"] = "yes"
    """Whether committed speech is transcribed, if the session asks for it."""
    errors_per_second: float = 0.0
    """The rate of an error storm: harmless `error` events once the session is configured."""
    rate_limits: Literal["after", "before", "never"] = "after"
    """When `rate_limits.updated` comes: before or after `response.done` (documented: before; recorded: after)."""
    conversation_created: bool = False
    """Whether `conversation.created` follows `session.created` (documented, but never recorded from OpenAI)."""
    reply_text: str = ""
    """The text of every response; empty for the default sentences of `reply_text.py`."""
    commentary: bool = False
    """Whether each answer and each tool call comes after an item that says what the assistant is about to do."""
    hesitant: bool = False
    """Whether `semantic_vad` always takes a sentence for one that goes on, and waits its longest time."""
    mcp: Literal["works", "unlisted", "protocol", "http", "execution"] = "works"
    """Whether the tools of MCP servers can be listed, and with which kind of error their calls fail."""
    obfuscation: bool = True
    """Whether text deltas have the padding field `obfuscation`, as on the live service."""
