"""Mistakes in what an SDK sees: the ends of lost responses, and the answers to its own events."""

from __future__ import annotations

from tests.core.mutant import Mutant

OPEN_RESPONSE_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "to_client",
        "    data.generation.open_responses.created(response)\n",
        "",
        "a response that was cut never ends",
    ),
    Mutant(
        "to_client",
        '    data.generation.open_responses.done(str(response.get("id")))\n',
        "",
        "a response that ended ends again",
    ),
    Mutant(
        "to_client",
        "        generation.open_responses.record(event_type, frame)\n",
        "        pass\n",
        "a response that was cut ends without its items",
    ),
    Mutant(
        "recovery",
        "    for response in ended:\n        data.emit(",
        "    for response in ended[:1]:\n        data.emit(",
        "a response out of band never ends",
    ),
    Mutant(
        "recovery",
        "        data.history.record_item(call, ANNOUNCEMENTS)",
        "        pass",
        "the result of a call has no call",
    ),
    Mutant(
        "lifecycle",
        '    """Wait for the next attempt, or give up if none is left or none can help."""\n'
        "    recovery.end_responses(data)\n",
        '    """Wait for the next attempt, or give up if none is left or none can help."""\n',
        "a response before the confirmation never ends",
    ),
    Mutant(
        "ending",
        '    recovery.end_responses(data)\n    data.send_error("SESSION_EXPIRED"',
        '    data.send_error("SESSION_EXPIRED"',
        "a response that expires never ends",
    ),
    Mutant(
        "ending",
        "    data.transition(Trigger.SESSION_ENDED)\n    recovery.end_responses(data)\n    recovery.drop_input(data)\n",
        "    data.transition(Trigger.SESSION_ENDED)\n    recovery.drop_input(data)\n",
        "a response that the client ends with its session never ends",
    ),
    Mutant(
        "ending",
        "    data.transition(Trigger.CLIENT_LEFT)\n    recovery.end_responses(data)\n",
        "    data.transition(Trigger.CLIENT_LEFT)\n",
        "a response that a drain cuts never ends",
    ),
    Mutant(
        "open_responses",
        "        if not self._responses:\n            self._forget_frames()\n",
        "",
        "the bound holds for all answers of a session together",
    ),
    Mutant(
        "open_responses",
        ' and event_type.endswith(".delta"):\n            return\n',
        ' and event_type.endswith(".delta"):\n            pass\n',
        "a long answer is kept without a bound",
    ),
    Mutant(
        "open_responses",
        "if not self._responses or self._size > 2 * MAX_KEPT_BYTES:",
        "if not self._responses:",
        "a flood of items is kept without a bound",
    ),
    Mutant(
        "open_responses",
        "        if self._size <= 2 * MAX_KEPT_BYTES:\n            for",
        "        if True:\n            for",
        "half of a flood is taken for the whole",
    ),
    Mutant(
        "open_responses",
        '        if self.response.get("conversation_id", "") is None:\n            return []\n        calls',
        "        calls",
        "a call out of band enters the conversation",
    ),
    Mutant(
        "open_responses",
        ' == "function_call" and one.arguments_done]',
        ' == "function_call"]',
        "half a call is restored",
    ),
    Mutant("open_responses", '.removeprefix("output_")', "", "a part with the name of its content is unknown"),
    Mutant(
        "session_data",
        "at_once = self.native and (terminal or refused_event(error.detail) is not None)",
        "at_once = self.native and terminal",
        "the answers to an SDK's events are throttled",
    ),
    Mutant(
        "session_data",
        "at_once = self.native and (terminal or refused_event(error.detail) is not None)",
        "at_once = self.native",
        "a flood of errors that answer nothing reaches an SDK",
    ),
    Mutant(
        "session_data",
        "at_once = self.native and (terminal or ",
        "at_once = self.native and (",
        "an SDK waits for the end of its session",
    ),
    Mutant(
        "to_client",
        "    if event.harmless and not awaited:",
        "    if event.harmless:",
        "a harmless answer to an SDK's event is left out",
    ),
)
