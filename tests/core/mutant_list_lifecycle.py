"""Mistakes in generations, deadlines, and the life of a session from the first attempt to the end."""

from __future__ import annotations

from tests.core.mutant import Mutant

LIFECYCLE_MUTANTS: tuple[Mutant, ...] = (
    # Forwarding and generations
    Mutant(
        "to_client",
        "        data.emit(Forward(event.type, event.frame))\n",
        "        pass\n",
        "nothing reaches the client",
    ),
    Mutant(
        "session",
        "current = generation == data.generation.number and data.state in CONNECTED",
        "current = data.state in CONNECTED",
        "late events act",
    ),
    Mutant(
        "session",
        "event.body is None and event.generation == data.generation.number",
        "event.body is None",
        "late audio is played",
    ),
    Mutant("session", " and data.state in CONNECTED\n", "\n", "events of a closed session act"),
    Mutant("session", "if data.state in CONFIGURING:", "if data.state in ATTEMPTING:", "ready before it was created"),
    Mutant(
        "session",
        "if data.state in ATTEMPTING and not event.harmless:",
        "if False:",
        "a refused configuration is waited out",
    ),
    Mutant("session", "data.now = max(data.now, now)", "data.now = now", "time goes backwards"),
    Mutant(
        "session",
        "            if not data.closed:\n                deadlines.run_due(data)",
        "            deadlines.run_due(data)",
        "something due after the end",
    ),
    Mutant("session", "min(by, self._data.drain_by)", "by", "a second drain prolongs the first"),
    Mutant(
        "session_data",
        "number=self.generation.number + 1",
        "number=max(1, self.generation.number)",
        "generations repeat",
    ),
    Mutant("lifecycle", "    if data.state not in OPENING:\n        return\n", "", "configured twice"),
    Mutant(
        "session_data",
        "ResponseTracker(queued=self.generation.responses.queued)",
        "ResponseTracker()",
        "queued requests are forgotten",
    ),
    Mutant(
        "generation",
        'fields.get("turn_detection", default)',
        'fields.get("turn_detection")',
        "a confirmation without turn detection turns it off",
    ),
    # Deadlines
    Mutant(
        "session",
        "if not relayed or data.now >= self._next_deadline:",
        "if not relayed:",
        "nothing is done in time while audio flows",
    ),
    Mutant(
        "session",
        "            self._next_deadline = deadlines.next_deadline(data)",
        "            self._next_deadline = min(self._next_deadline, deadlines.next_deadline(data))",
        "a deadline that never moves",
    ),
    Mutant(
        "deadlines", "now >= data.generation.ready_by", "now > data.generation.ready_by", "a deadline that never passes"
    ),
    Mutant("deadlines", "now >= data.retry_at", "now > data.retry_at", "an attempt whose deadline never passes"),
    Mutant(
        "deadlines", "data.retry_at if data.state in WAITING else None", "None", "nobody is woken for the next attempt"
    ),
    Mutant(
        "deadlines",
        "max(generation.responses.outstanding_since, generation.last_event_at)",
        "generation.responses.outstanding_since",
        "a talking session is given up",
    ),
    Mutant(
        "deadlines",
        "generation.responses.outstanding or generation.replay.commit_pending",
        "generation.responses.outstanding",
        "a lost commit is waited for",
    ),
    Mutant("deadlines", "        generation.expiry_announced = True\n", "", "session_expiring is sent again and again"),
    Mutant(
        "deadlines",
        "data.now >= window[1] or ending.in_pause(data)",
        "data.now >= window[1]",
        "no pause is used for the rollover",
    ),
    Mutant(
        "deadlines",
        "data.now >= window[1] or ending.in_pause(data)",
        "ending.in_pause(data)",
        "a session that never pauses dies of age",
    ),
    Mutant(
        "deadlines",
        "return latest if data.generation.expiry_announced else wanted",
        "return wanted",
        "nobody is woken for the rollover",
    ),
    Mutant("deadlines", "data.now >= drain_by or idle or", "idle or", "a drain that never ends"),
    # The life of a session
    Mutant(
        "lifecycle", "data.attempt >= _max_attempts(data)", "data.attempt > _max_attempts(data)", "one attempt too many"
    ),
    Mutant("lifecycle", "not failure.retryable or not worth", "not worth", "a bad key is tried three times"),
    Mutant(
        "lifecycle",
        "        data.emit(CloseUpstream(data.generation.number, reason))\n",
        "        pass\n",
        "upstreams are left open",
    ),
    Mutant("lifecycle", "event.expires_at > data.now", "True", "a clock that is wrong makes it roll over for ever"),
    Mutant("recovery", "(*replay.item_ids, *unfinished)", "replay.item_ids", "a half-written item is restored"),
    Mutant(
        "recovery", "(*replay.item_ids, *unfinished)", "unfinished", "speech comes back twice: as audio and as text"
    ),
    Mutant("lifecycle", "insert(0, plan.request)", "append(plan.request)", "the outstanding answer comes last"),
    Mutant(
        "recovery", '        lost.append("a half-spoken answer")\n', "        pass\n", "a cut answer is not reported"
    ),
    Mutant(
        "recovery", "mid_turn=replay.mid_sentence or ", "mid_turn=", "a drain cuts off who was speaking at the loss"
    ),
    Mutant(
        "recovery",
        "bool(responses.queued) or (responses.busy and not half_spoken)",
        "responses.outstanding",
        "a drain waits for an answer that is lost",
    ),
    Mutant(
        "lifecycle",
        "plan, data.recovery = data.recovery, Recovery()",
        "lost = data.recovery",
        "what was recovered is kept for ever",
    ),
    Mutant("lifecycle", ">= STABLE_AFTER_SECONDS", ">= 0", "a flapping upstream is reopened without end"),
    Mutant("lifecycle", "        data.attempt = 0\n", "", "attempts of the start count for the first loss"),
    Mutant(
        "lifecycle",
        "data.reconnects += not (intended and stable)",
        "data.reconnects += 1",
        "50 rollovers end a session",
    ),
    Mutant("lifecycle", "data.reconnects > data.settings", "data.reconnects >= data.settings", "49 reconnects, not 50"),
    Mutant("lifecycle", " if at_once else data.now + delay", " + delay", "a rollover waits"),
    Mutant(
        "lifecycle",
        "    recovery.drop_replay(data, data.recovery.replay)\n    recovery.drop_input(data)\n",
        "",
        "dropped silently at failure",
    ),
    Mutant("ending", "    data.report_dropped(at_once=True)\n", "", "dropped silently at the close"),
    Mutant(
        "ending",
        "    released = data.throttle.flush(data.now)\n",
        "    released = None\n",
        "the last error is swallowed",
    ),
    Mutant(
        "lifecycle", "    data.updates = SessionUpdates()\n", "", "the next session is configured like the one before"
    ),
    Mutant("lifecycle", "    data.input_buffer.expire(data.now)\n", "", "what is too old goes up"),
    Mutant(
        "lifecycle",
        "        data.retry_at = min(data.retry_at, data.openings.next_at(data.now))\n",
        "        pass\n",
        "a restart does not hurry",
    ),
    Mutant("session_data", "        self.history.clear()\n", "", "the next session knows the conversation before"),
)
