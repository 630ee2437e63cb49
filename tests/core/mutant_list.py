"""One-line mistakes in `bridge/core`, and what each would break. `mutants.py` sees to it that a test notices each."""

from __future__ import annotations

from tests.core.mutant import Mutant
from tests.core.mutant_list_turns import MUTANTS_OF_TURNS

__all__ = ["MUTANTS", "Mutant"]


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "states",
        "Trigger.LOST: State.RECONNECTING",
        "Trigger.LOST: State.INITIALIZING",
        "a loss counts as a first start",
    ),
    # Errors
    Mutant(
        "error_throttle",
        "if now < self._opens_at:",
        "if now <= self._opens_at:",
        "the deadline passes and nothing is done",
    ),
    Mutant("error_throttle", "now + self.window_seconds", "now + self.window_seconds / 2", "two errors in one window"),
    Mutant("error_throttle", 'error.code if error.terminal else ""', '""', "an error that ends a session is swallowed"),
    Mutant(
        "error_throttle",
        "error.severity >= self.error.severity",
        "error.severity > self.error.severity",
        "earlier beats later",
    ),
    Mutant(
        "error_throttle",
        "(self.terminal, not self.retryable)",
        "(self.terminal, self.retryable)",
        "retryable beats hopeless",
    ),
    Mutant("error_throttle", "self.suppressed + 1)", "self.suppressed)", "suppressed errors are not counted"),
    Mutant(
        "error_throttle", "sum(held.suppressed + 1 for", "sum(held.suppressed for", "the last error stands for too few"
    ),
    Mutant(
        "session_data", "            generation=self.generation,\n", "", "a late error speaks of the wrong generation"
    ),
    # Waits
    Mutant("backoff", "min(attempt - 2,", "min(attempt - 1,", "waits are twice as long"),
    Mutant("backoff", "return max(bound", "return min(bound", "retry-after is ignored"),
    Mutant(
        "backoff", "<= MAX_RETRY_AFTER_SECONDS", "<= 10 * MAX_RETRY_AFTER_SECONDS", "a caller waits for ten minutes"
    ),
    # Held
    Mutant("input_buffer", "while self.ms > self", "while self.ms > 1.5 * self", "more is held than promised"),
    Mutant(
        "input_buffer",
        "> self._limits.messages:",
        "> 1 + self._limits.messages:",
        "more messages are held than promised",
    ),
    Mutant(
        "input_buffer", "while self.ms > self._limits", "while self.ms >= self._limits", "less is held than promised"
    ),
    Mutant(
        "input_buffer", "> self._limits.messages:", ">= self._limits.messages:", "fewer messages are held than promised"
    ),
    Mutant("input_buffer", "now >= expires_at", "now > expires_at", "a deadline that never passes: the driver spins"),
    Mutant(
        "input_buffer",
        "        _, entry = self._waiting.popleft()",
        "        _, entry = self._waiting.pop()",
        "last in, first out",
    ),
    Mutant("input_buffer", " if isinstance(entry, ClientAudio) is speech)", ")", "speech costs text its place"),
    Mutant(
        "input_buffer", 'self._give_up(entry, "buffer_full")', "self._count(entry, -1)", "dropped in silence when full"
    ),
    Mutant("session_data", "            self.notice_at = self.now\n", "", "a notice for every dropped chunk"),
    Mutant(
        "session_data",
        "while at_once or self.now >=",
        "while at_once or self.now >",
        "a notice's deadline never passes",
    ),
    # Speech that is sent again
    Mutant(
        "replay_buffer",
        "ended = self._speech_end is not None or ",
        "ended = ",
        "first words lost between end and commit",
    ),
    Mutant(
        "replay_buffer",
        "if self._quiet:\n            self._forget_before(_bytes",
        "if True:\n            self._forget_before(_bytes",
        "speech before the second report is lost",
    ),
    Mutant("replay_buffer", "self._commits[-1] if self._commits else 0", "0", "clearing takes back what was committed"),
    Mutant("replay_buffer", "        entries.append(None)", "        pass", "the commit is not sent again"),
    Mutant(
        "replay_buffer",
        "if self._quiet:\n            self._forget_before(self._spoke",
        "if True:\n            self._forget_before(self._spoke",
        "a long sentence is forgotten",
    ),
    Mutant(
        "replay_buffer",
        "self._past_bound.put(*self._cut_before(self._position - self._bound))",
        "self._cut_before(self._position - self._bound)",
        "words past the bound vanish",
    ),
    Mutant(
        "replay_buffer",
        "        self._past_bound.begin_at(self._settled)\n",
        "",
        "words that were answered are reported as dropped",
    ),
    Mutant(
        "replay_buffer",
        "self._committed > self._settled",
        "self._committed > (self._sent[0].start if self._sent else 0)",
        "an old turn without an answer passes for silence",
    ),
    Mutant(
        "replay_buffer",
        "        self._past_bound.end_at(last_commit, self._settled)\n",
        "",
        "what the client took back is reported as dropped",
    ),
    Mutant(
        "replay_buffer",
        "        if self._quiet:\n            self._past_bound.begin_at(self._position",
        "        if self.detecting:\n            self._past_bound.begin_at(self._position",
        "words past the bound vanish because the line is well",
    ),
    Mutant("recovery", "        drop_overflow(data)\n", "", "words past the bound are lost in silence"),
    Mutant("lifecycle", "    recovery.drop_overflow(data)\n", "", "words past the bound expire in silence"),
    Mutant(
        "deadlines",
        "        data.replay_buffer.acknowledged()",
        "        pass",
        "a pause before a rollover is told as a loss",
    ),
    Mutant(
        "session",
        "data.replay_buffer.acknowledged(taken_bytes or 0)",
        "pass",
        "every pause before a loss is told as lost speech",
    ),
    Mutant(
        "session_data",
        '{**error.detail, "outdated": True} if outdated else error.detail',
        "error.detail",
        "a client is told that it has no session when it has one",
    ),
    Mutant("session_data", " and not self.closed\n", "\n", "what was so until the close is called outdated"),
    Mutant("replay_buffer", "            self._acknowledged += 1\n", "", "a confirmed commit is owed for ever"),
    Mutant("to_client", "        turns.reached_client = True\n", "", "every piece counts as the first one"),
    Mutant("to_client", "data.replay_buffer.answered(turns.answers_up_to)", "pass", "answered speech is said twice"),
    Mutant("to_client", "if data.transcribing:  #", "if not data.transcribing:  #", "written speech is sent twice"),
    Mutant(
        "replay_buffer",
        "< SILENCE_SECONDS:",
        "< 0:",
        "what a service said before it stalled hides what it did not hear",
    ),
    # Context
    Mutant("history", "        items.extend(self._sent)\n", "", "a text that went up with the dying session is lost"),
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
        "unwritten speech is restored as null",
    ),
    Mutant(
        "history",
        "            self._forgotten += 1\n\n    def restore",
        "\n    def restore",
        "forgotten turns are not named",
    ),
    Mutant(
        "session_updates",
        "            self._later.remove(named)\n",
        "            pass\n",
        "a refused update spoils every later session",
    ),
    Mutant("session_updates", "both = dict(old)", "both = {}", "updates replace one another"),
    Mutant(
        "session_updates",
        "(one.session for one in self._later)",
        "(one.session for one in self._later if one.fate is _Fate.HELD)",
        "an update on its way is lost with the session",
    ),
    Mutant("session_updates", "name not in REPLACED_WHOLE and ", "", "two kinds of turn detection are mixed"),
    Mutant("session_updates", " and len(types) < 2", "", "two kinds of one object are mixed"),
    Mutant(
        "session_updates",
        "if _holds(one.session, session)",
        "if True",
        "a refusal without a name confirms the wrong update",
    ),
    Mutant(
        "session_updates",
        "for one in self._later if one.fate is _Fate.HELD)",
        "for one in self._later)",
        "what was refused is asked for again and again",
    ),
    Mutant("recovery", "not data.created or ", "", "a refused key costs the client its updates"),
    Mutant(
        "recovery",
        "    return replace(failure, retryable=True)\n",
        "    return failure\n",
        "one bad update ends it all",
    ),
    Mutant("lifecycle", "    data.updates.confirm_all()\n", "", "what a session confirmed stays in doubt"),
    *MUTANTS_OF_TURNS,
    # Forwarding and generations
    Mutant("to_client", "    data.emit(Forward(event.type, event.frame))\n", "", "nothing reaches the client"),
    Mutant(
        "session",
        "generation == data.generation and (data.opening or data.created)",
        "data.opening or data.created",
        "late events act",
    ),
    Mutant("session", " and (data.opening or data.created)", "", "events of a closed session act"),
    Mutant("session", "if data.opening and data.created:", "if data.opening:", "ready before it was created"),
    Mutant("session", "if data.opening and not event.harmless:", "if False:", "a refused configuration is waited out"),
    Mutant("session", "data.now = max(data.now, now)", "data.now = now", "time goes backwards"),
    Mutant(
        "session",
        "        if not data.closed:\n            deadlines.run_due(data)",
        "        deadlines.run_due(data)",
        "something due after the end",
    ),
    Mutant("session", "min(by, self._data.drain_by)", "by", "a second drain prolongs the first"),
    Mutant(
        "lifecycle", "    data.generation += 1\n", "    data.generation += data.generation < 1\n", "generations repeat"
    ),
    Mutant("lifecycle", "    if data.created:\n        return\n", "", "configured twice"),
    # Clock
    Mutant("deadlines", "now >= data.ready_by", "now > data.ready_by", "a deadline that never passes"),
    Mutant("deadlines", "now >= data.retry_at", "now > data.retry_at", "an attempt whose deadline never passes"),
    Mutant(
        "deadlines",
        "max(data.responses.owed_since, data.last_event_at)",
        "data.responses.owed_since",
        "a talking session is given up",
    ),
    Mutant(
        "deadlines",
        "data.responses.owed or data.replay_buffer.commit_pending",
        "data.responses.owed",
        "a lost commit is waited for",
    ),
    Mutant("deadlines", "        data.expiry_announced = True\n", "", "session_expiring is told again and again"),
    Mutant(
        "deadlines",
        "data.now >= latest or lifecycle.in_pause(data)",
        "data.now >= latest",
        "no pause is used for the rollover",
    ),
    Mutant(
        "deadlines",
        "data.now >= latest or lifecycle.in_pause(data)",
        "lifecycle.in_pause(data)",
        "a session that never pauses dies of age",
    ),
    Mutant("deadlines", "data.now >= drain_by or idle or", "idle or", "a drain that never ends"),
    # Life
    Mutant("lifecycle", "data.attempt >= _attempts(data)", "data.attempt > _attempts(data)", "one attempt too many"),
    Mutant("lifecycle", "not failure.retryable or not worth", "not worth", "a bad key is tried three times"),
    Mutant(
        "lifecycle",
        "        data.emit(CloseUpstream(data.generation, reason))\n",
        "        pass\n",
        "upstreams are left open",
    ),
    Mutant("lifecycle", "event.expires_at > data.now", "True", "a clock that is wrong makes it roll over for ever"),
    Mutant(
        "recovery",
        "(*unanswered.item_ids, *turns.unfinished_items)",
        "unanswered.item_ids",
        "a half-written item is restored",
    ),
    Mutant(
        "recovery",
        "(*unanswered.item_ids, *turns.unfinished_items)",
        "turns.unfinished_items",
        "speech comes back twice: as audio and as text",
    ),
    Mutant(
        "lifecycle",
        "appendleft(data.request_to_repeat)",
        "append(data.request_to_repeat)",
        "the answer that was owed comes last",
    ),
    Mutant(
        "recovery",
        '        data.lost_parts.append("a half-spoken answer")\n',
        "        pass\n",
        "a cut answer is not named",
    ),
    Mutant("lifecycle", ">= STABLE_AFTER_SECONDS", ">= 0", "a flapping upstream is reopened without end"),
    Mutant("lifecycle", "        data.attempt = 0\n", "", "attempts of the start count for the first loss"),
    Mutant(
        "lifecycle",
        "data.reconnects += not (by_intent and stable)",
        "data.reconnects += 1",
        "50 rollovers end a session",
    ),
    Mutant(
        "lifecycle", "data.reconnects > data.settings", "data.reconnects >= data.settings", "49 reconnections, not 50"
    ),
    Mutant("lifecycle", "delay = 0.0 if at_once else delay", "delay = delay * 1.0", "a rollover waits in silence"),
    Mutant(
        "lifecycle",
        "    recovery.drop_replay(data)\n    recovery.drop_input(data)\n    code =",
        "    code =",
        "dropped in silence at failure",
    ),
    Mutant("lifecycle", "    data.report_dropped(at_once=True)\n", "", "dropped in silence at the close"),
    Mutant(
        "lifecycle",
        "    released = data.throttle.flush(data.now)\n",
        "    released = None\n",
        "the last error is swallowed",
    ),
    Mutant(
        "lifecycle", "    data.updates = SessionUpdates()\n", "", "the next session is configured like the one before"
    ),
    Mutant("lifecycle", "    data.input_buffer.expire(data.now)\n", "", "what is too old goes up"),
    Mutant("lifecycle", "        data.retry_at = data.now\n", "        pass\n", "a restart does not hurry"),
    Mutant(
        "session_data",
        "ResponseTracker(queued=self.responses.queued)",
        "ResponseTracker()",
        "requests that waited are forgotten",
    ),
    Mutant(
        "session_data",
        'fields.get("turn_detection", by_wish)',
        'fields.get("turn_detection")',
        "a silent confirmation means manual",
    ),
)
