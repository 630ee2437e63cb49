"""A finished conversation, which the checks and the verdict take, and the result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.client_protocol.native_errors import bridge_code
from probes.recording.capture import SilentEnding
from probes.runner.event_ids import is_own_request
from probes.targets.bridge import EndpointKind

if TYPE_CHECKING:
    from probes.conversation.facts import ReceivedError, SessionFacts
    from probes.conversation.scripts import ConversationScript
    from probes.conversation.wording import Wording
    from probes.recording.capture import CaptureEnding, CaptureHeader
    from probes.runner.redaction import Secrets
    from reports.model import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationResult:
    """A finished conversation: the input of all checks and of the verdict."""

    header: CaptureHeader
    facts: SessionFacts
    ending: CaptureEnding
    script: ConversationScript
    wording: Wording
    secrets: Secrets

    @property
    def end_index(self) -> int:
        """The index after the last entry."""
        return len(self.facts.entry_times)

    @property
    def speaks(self) -> bool:
        """Whether responses are audio in this session."""
        speaks = self.facts.speaks
        return self.script.options.audio_output if speaks is None else speaks

    @property
    def transcribes(self) -> bool:
        """Whether the script speaks and the session transcribes it."""
        return self.script.sends_audio and self.facts.transcribes

    def is_of_bridge(self, error: ReceivedError) -> bool:
        """Whether an error speaks of the bridge: it made it, or it passed on what the service said to the bridge.

        An error about an event that the script sent is about the script, through whichever endpoint it came.
        """
        if not error.native or bridge_code(error.fields) is not None:
            return True
        return self.header.via == EndpointKind.NATIVE and not is_own_request(error.fields)

    def stopped_awaiting(self, *what: str) -> bool:
        """Whether the script stopped because one of these never came."""
        return isinstance(self.ending, SilentEnding) and self.ending.owed in what

    def time_of(self, index: int) -> str:
        """Describe when an entry arrived."""
        times = self.facts.entry_times
        return f"{times[index]:.3f} s after the start" if index < len(times) else "at the end"

    def shown(self, text: object, limit: int = 200) -> str:
        """Return foreign text without secrets and control characters, cut to the limit."""
        return self.secrets.excerpt(str(text), limit)


@dataclass(frozen=True, slots=True)
class SessionCheckResult:
    """The result of one check. `index` is the entry where the session went wrong; None if it did not."""

    finding: Finding
    index: float | None = None
    notes: tuple[Finding, ...] = ()
