"""Mistakes in what one client may have at once: slices of what was buffered, and how often a session is opened."""

from __future__ import annotations

from tests.core.mutant import Mutant

SHARE_MUTANTS: tuple[Mutant, ...] = (
    # Slices
    Mutant(
        "session",
        "if isinstance(event, ClientAudio) and not data.input_buffer:",
        "if isinstance(event, ClientAudio):",
        "speech overtakes the speech that was buffered",
    ),
    Mutant(
        "session",
        "if data.state is State.READY and not data.input_buffer:",
        "if data.state is State.READY:",
        "a text overtakes the speech that was buffered",
    ),
    Mutant(
        "session",
        "                if self._data.state is State.READY:\n                    lifecycle.send_buffered",
        "                if False:\n                    lifecycle.send_buffered",
        "the second slice is never sent",
    ),
    Mutant(
        "deadlines",
        "data.now if buffer and data.state is State.READY else None",
        "None",
        "nobody asks for the second slice",
    ),
    Mutant("lifecycle", "range(data.settings.sent_at_once)", "range(10**9)", "others wait for all that was buffered"),
    Mutant(
        "speech/kept_audio",
        "if waiting and (entry is None or size + len(entry) > RESENT_BYTES):",
        "if waiting and entry is not None and size + len(entry) > RESENT_BYTES:",
        "a commit overtakes its speech when both are sent again",
    ),
    Mutant(
        "speech/kept_audio",
        "if waiting and (entry is None or size + len(entry) > RESENT_BYTES):",
        "if waiting:",
        "each tiny chunk is sent again as a message",
    ),
    Mutant("speech/kept_audio", "waiting, size = [], 0", "size = 0", "speech that is sent again is sent twice"),
    Mutant(
        "lifecycle",
        "in join_chunks(plan.replay)",
        "in plan.replay",
        "twenty thousand tiny chunks are sent again as such",
    ),
    # Openings
    Mutant("pacing/token_bucket", "max(full_at, now) +", "full_at +", "an idle client saves up openings"),
    Mutant("pacing/token_bucket", " + tokens / self.per_second", "", "openings are not counted"),
    Mutant("lifecycle", "    data.openings.opened(data.now)\n", "", "sessions are opened without a count"),
    Mutant(
        "lifecycle",
        "    data.retry_at = data.openings.next_at(data.now)\n",
        "    data.retry_at = data.now\n",
        "sessions are created as often as a client likes",
    ),
    Mutant(
        "lifecycle",
        "data.openings.next_at(data.now) if at_once else",
        "data.now if at_once else",
        "a client restarts as often as it likes",
    ),
    Mutant(
        "lifecycle",
        "min(data.retry_at, data.openings.next_at(data.now))",
        "data.now",
        "a second restart skips the wait",
    ),
)
