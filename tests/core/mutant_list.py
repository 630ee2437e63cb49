"""One-line mistakes in `bridge/core`, and what each would break. `mutants.py` checks that a test notices each."""

from __future__ import annotations

from tests.core.mutant import Mutant
from tests.core.mutant_list_client_items import CLIENT_ITEM_MUTANTS
from tests.core.mutant_list_heard import HEARD_MUTANTS
from tests.core.mutant_list_interruptions import INTERRUPTION_MUTANTS
from tests.core.mutant_list_lifecycle import LIFECYCLE_MUTANTS
from tests.core.mutant_list_open_responses import OPEN_RESPONSE_MUTANTS
from tests.core.mutant_list_relay import RELAY_MUTANTS
from tests.core.mutant_list_responses import RESPONSE_MUTANTS
from tests.core.mutant_list_shares import SHARE_MUTANTS
from tests.core.mutant_list_spending import SPENDING_MUTANTS

__all__ = ["MUTANTS", "Mutant"]


_THROTTLE = "pacing/error_throttle"
_BACKOFF = "pacing/backoff"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "states",
        "Trigger.SESSION_LOST: State.RECONNECT_WAITING",
        "Trigger.SESSION_LOST: State.INIT_WAITING",
        "a loss counts as a first start",
    ),
    Mutant(
        "states",
        "OPENING = frozenset({State.INIT_OPENING, State.RECONNECT_OPENING})",
        "OPENING = frozenset({State.INIT_OPENING})",
        "a fresh session is never configured",
    ),
    Mutant(
        "states",
        "IN_SESSION = frozenset({Phase.INITIALIZING, Phase.READY, Phase.RECONNECTING})",
        "IN_SESSION = frozenset({Phase.READY})",
        "a session that is being opened ends without a word",
    ),
    # Errors
    Mutant(
        _THROTTLE,
        "if now < self._opens_at:",
        "if now <= self._opens_at:",
        "the deadline passes and nothing is done",
    ),
    Mutant(
        _THROTTLE,
        "now + self.window_seconds",
        "now + self.window_seconds / 2",
        "two errors in one window",
    ),
    Mutant(
        _THROTTLE,
        'error.code if error.terminal else ""',
        '""',
        "an error that ends a session is swallowed",
    ),
    Mutant(
        _THROTTLE,
        "error.severity >= self.error.severity",
        "error.severity > self.error.severity",
        "the earlier of two equal errors is sent",
    ),
    Mutant(
        _THROTTLE,
        "(self.terminal, not self.retryable)",
        "(self.terminal, self.retryable)",
        "a retryable error beats a permanent one",
    ),
    Mutant(_THROTTLE, "self.suppressed + 1)", "self.suppressed)", "suppressed errors are not counted"),
    Mutant(
        _THROTTLE,
        "sum(held.suppressed + 1 for",
        "sum(held.suppressed for",
        "the last error stands for too few",
    ),
    Mutant(
        "session_data",
        "            generation=self.generation.number,\n        )\n        at_once",
        "        )\n        at_once",
        "a late error is about the wrong generation",
    ),
    # Back-off
    Mutant(_BACKOFF, "min(attempt - 2,", "min(attempt - 1,", "waits are twice as long"),
    Mutant(_BACKOFF, "return max(bound", "return min(bound", "retry-after is ignored"),
    Mutant(
        _BACKOFF,
        "<= MAX_RETRY_AFTER_SECONDS",
        "<= 10 * MAX_RETRY_AFTER_SECONDS",
        "a caller waits for ten minutes",
    ),
    # The input buffer
    Mutant("input_buffer", "while self.ms > self", "while self.ms > 1.5 * self", "more audio is buffered than allowed"),
    Mutant(
        "input_buffer",
        "self.messages > self._limits.messages or",
        "self.messages > 1 + self._limits.messages or",
        "more messages are buffered than allowed",
    ),
    Mutant(
        "input_buffer",
        "while self.ms > self._limits",
        "while self.ms >= self._limits",
        "less audio is buffered than allowed",
    ),
    Mutant(
        "input_buffer",
        "self.messages > self._limits.messages or",
        "self.messages >= self._limits.messages or",
        "fewer messages are buffered than allowed",
    ),
    Mutant("input_buffer", "replace(entry, body=None)", "entry", "what waits is kept as a tree"),
    Mutant("input_buffer", " or self._messages_too_large", "", "messages take any amount of memory"),
    Mutant("input_buffer", " and self.messages > 1", "", "a message that is large by itself never waits"),
    Mutant(
        "input_buffer", " or self._taken[True] > self._limits.kept_bytes", "", "tiny chunks take any amount of memory"
    ),
    Mutant("input_buffer", "+= sign * memory_bytes", "+= memory_bytes", "what was sent still takes room"),
    Mutant("to_upstream", "return read_object(event.frame)", "return {}", "an item that waited is not restored"),
    Mutant("input_buffer", "now >= expires_at", "now > expires_at", "a deadline that never passes: the driver spins"),
    Mutant(
        "input_buffer",
        "        _, entry = self._entries.popleft()",
        "        _, entry = self._entries.pop()",
        "last in, first out",
    ),
    Mutant("input_buffer", " if isinstance(entry, ClientAudio) is audio)", ")", "audio takes the place of texts"),
    Mutant("input_buffer", 'self._drop(entry, "buffer_full")', "self._count(entry, -1)", "dropped silently when full"),
    Mutant("session_data", "            self.drop_notice_at = self.now\n", "", "a message for every dropped chunk"),
    Mutant(
        "session_data",
        "while at_once or self.now >=",
        "while at_once or self.now >",
        "the deadline of a drop notice never passes",
    ),
    # Replay
    Mutant(
        "speech/replay_buffer",
        "ended = self._speech_end is not None or ",
        "ended = ",
        "first words lost between end and commit",
    ),
    Mutant(
        "speech/replay_buffer",
        "if self._quiet:\n            self._settle(_to_bytes",
        "if True:\n            self._settle(_to_bytes",
        "speech before the second report is lost",
    ),
    Mutant(
        "speech/replay_buffer",
        "self._commits[-1] if self._commits else 0",
        "0",
        "clearing takes back what was committed",
    ),
    Mutant("speech/replay_buffer", "        entries.append(None)", "        pass", "the commit is not sent again"),
    Mutant(
        "speech/replay_buffer",
        "if self._quiet:\n            self._settle(self._marked",
        "if True:\n            self._settle(self._marked",
        "a long sentence is forgotten",
    ),
    Mutant(
        "speech/replay_buffer",
        "self._overflow.add(*audio.release_before(kept_from), kept_from)",
        "audio.release_before(kept_from)",
        "words past the bound vanish",
    ),
    Mutant(
        "speech/replay_buffer",
        "        self._overflow.settle(self._settled)\n",
        "",
        "words that were answered are reported as dropped",
    ),
    Mutant(
        "speech/replay_buffer",
        "self._committed > self._settled",
        "self._committed > (self._audio.start if self._audio.size else 0)",
        "an old unanswered turn counts as silence",
    ),
    Mutant(
        "speech/replay_buffer",
        "        self._overflow.cut(last_commit, self._settled)\n",
        "",
        "what the client took back is reported as dropped",
    ),
    Mutant(
        "speech/replay_buffer",
        "        if self._quiet:\n            self._overflow.settle(self._audio",
        "        if self.turn_detection:\n            self._overflow.settle(self._audio",
        "words past the bound vanish because the connection works",
    ),
    Mutant("recovery", "        drop_overflow(data)\n", "", "words past the bound are lost silently"),
    Mutant("ending", "    recovery.drop_overflow(data)\n", "", "words past the bound expire silently"),
    Mutant(
        "deadlines",
        "        generation.replay.acknowledged()",
        "        pass",
        "a pause before a rollover is reported as a loss",
    ),
    Mutant(
        "session",
        "data.generation.replay.acknowledged(acknowledged_bytes or 0)",
        "pass",
        "every pause before a loss is reported as lost speech",
    ),
    Mutant(
        "session_data",
        '{**error.detail, "outdated": True} if outdated else error.detail',
        "error.detail",
        "a client is told that it has no session when it has one",
    ),
    Mutant("session_data", " and not self.closed\n", "\n", "an error that held until the close is called outdated"),
    Mutant(
        "speech/replay_buffer",
        "            self._confirmed_commits += 1\n",
        "",
        "a confirmed commit stays pending for ever",
    ),
    Mutant("to_client", "        active.reached_client = True\n", "", "every piece counts as the first one"),
    Mutant(
        "to_client",
        "        generation.replay.answered(active.answers_up_to)",
        "        pass",
        "answered speech is replayed",
    ),
    Mutant(
        "to_client",
        "if generation.transcribing:  #",
        "if not generation.transcribing:  #",
        "transcribed speech is replayed",
    ),
    Mutant(
        "speech/replay_buffer",
        "< SILENCE_SECONDS:",
        "< 0:",
        "what a service said before it stalled hides what it did not hear",
    ),
    # History and updates
    Mutant(
        "history",
        "        items.extend(one.item for one in self._sent)\n",
        "",
        "a text that went up with the dying session is lost",
    ),
    Mutant(
        "history",
        "        if known is None:\n",
        "        if known is None or known:\n",
        "one echo confirms two equal texts",
    ),
    Mutant(
        "history",
        '"text" if dialect == "beta" else "output_text"',
        '"output_text"',
        "beta servers refuse restored turns",
    ),
    Mutant(
        "history",
        "            del self._turns[item_id]\n",
        "            pass\n",
        "speech without a transcript is restored as null",
    ),
    Mutant(
        "history",
        "            self._forgotten += 1\n\n    def restore",
        "\n    def restore",
        "forgotten turns are not reported",
    ),
    Mutant(
        "session_updates",
        "            self._later.remove(named)\n",
        "            pass\n",
        "a refused update spoils every later session",
    ),
    Mutant("history", "self._sent_bytes > MAX_SENT_BYTES and len", "False and len", "refused items take any memory"),
    Mutant("history", " and len(self._sent) > 1)", ")", "an item that is large by itself is not restored"),
    Mutant("history", "self._sent_bytes -= len(", "len(", "confirmed items take the room of others"),
    Mutant(
        "history", "turn.seen = _facts(item), text,", "turn.seen = item, text,", "the content of every item is kept"
    ),
    Mutant("session_updates", " if size <= MAX_COMPARED_BYTES", "", "the more waits, the longer takes a confirmation"),
    Mutant("session_updates", " > MAX_UNCONFIRMED_BYTES", " < 0", "unanswered updates take any memory"),
    Mutant("responses", " or (self.queued and size > MAX_QUEUED_BYTES)", "", "queued requests take any memory"),
    Mutant("responses", "self.queued and size >", "size >", "a request that is large by itself is refused"),
    Mutant("session_updates", "result = dict(old)", "result = {}", "updates replace one another"),
    Mutant(
        "session_updates",
        "(one.session for one in self._later)",
        "(one.session for one in self._later if one.status is _UpdateStatus.CONFIRMED)",
        "an update on its way is lost with the session",
    ),
    Mutant("session_updates", "name not in REPLACED_WHOLE and ", "", "two kinds of turn detection are mixed"),
    Mutant("session_updates", " and len(types) < 2", "", "two kinds of one object are mixed"),
    Mutant(
        "session_updates",
        "if _satisfied(pair[1], session)",
        "if True",
        "a refusal without a name confirms the wrong update",
    ),
    Mutant(
        "session_updates",
        "for one in self._later if one.status is _UpdateStatus.CONFIRMED]",
        "for one in self._later]",
        "a refused update is sent again and again",
    ),
    Mutant("recovery", " or data.state not in CONFIGURING", "", "a refused key costs the client its updates"),
    Mutant(
        "recovery",
        "    return replace(failure, retryable=True)\n",
        "    return failure\n",
        "one bad update ends it all",
    ),
    Mutant("lifecycle", "    data.updates.confirm_all()\n", "", "what a session confirmed stays in doubt"),
    *RESPONSE_MUTANTS,
    *HEARD_MUTANTS,
    *SPENDING_MUTANTS,
    *SHARE_MUTANTS,
    *CLIENT_ITEM_MUTANTS,
    *OPEN_RESPONSE_MUTANTS,
    *RELAY_MUTANTS,
    *LIFECYCLE_MUTANTS,
    *INTERRUPTION_MUTANTS,
)
