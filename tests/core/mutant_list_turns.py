"""Mistakes in who may speak next: requests, commits, and what is asked for behind them."""

from __future__ import annotations

from tests.core.mutant import Mutant

MUTANTS_OF_TURNS: tuple[Mutant, ...] = (
    Mutant(
        "responses",
        " or self.pending_request is not None or self.auto_response_expected",
        " or self.auto_response_expected",
        "two requests at once",
    ),
    Mutant(
        "responses",
        " or self.pending_request is not None or self.auto_response_expected",
        " or self.pending_request is not None",
        "asked into a detected turn",
    ),
    Mutant("responses", "self.queued.appendleft(ask)", "self.queued.append(ask)", "a refused request loses its place"),
    Mutant(
        "responses",
        "ask = self.pending_request if self.pending_request is not None else self.active_request",
        "ask = self.pending_request",
        "crossed: forgotten",
    ),
    Mutant("responses", " and not self.reached_client else", " else", "a half-heard answer is given twice"),
    Mutant(
        "responses",
        "        if self.cancelled:\n            return None\n",
        "",
        "an interrupted answer is asked for again",
    ),
    Mutant("responses", "if response_id != self.active:", "if False:", "an out-of-band end ends the active response"),
    Mutant(
        "to_upstream", '.get("conversation") == "none"', '.get("conversation") != "none"', "out of band is sequenced"
    ),
    Mutant(
        "to_upstream", " and not beside and not data.transcribing:", " and not beside:", "waits for what cannot come"
    ),
    Mutant(
        "to_client",
        "if data.responses.request_failed(event.upstream):",
        "if False:",
        "a refused request blocks the session",
    ),
    Mutant(
        "to_client",
        "    if data.responses.request_failed(event.upstream):\n",
        "    data.responses.request_failed(event.upstream)\n    if True:\n",
        "a request goes up before the session is ready",
    ),
    Mutant(
        "to_client",
        "request_failed(event.upstream):\n        request_next_response(data)\n",
        "request_failed(event.upstream):\n        pass\n",
        "nothing goes up behind a refused request",
    ),
    Mutant(
        "responses",
        "        return _name_of(ask) == event_id\n",
        "        return True\n",
        "another event's error ends a request",
    ),
    Mutant("responses", '== "response"', '!= "response"', "an error about something else ends a request"),
    Mutant("to_upstream", "    if data.transcribing:\n", "    if False:\n", "a transcription is asked for an answer"),
    Mutant(
        "to_upstream",
        " if data.transcribing:\n            words",
        " if False:\n            words",
        "a text without an answer",
    ),
    Mutant("to_upstream", "data.replay_buffer.can_commit", "True", "a commit that is refused is answered"),
    Mutant("to_upstream", "respond_after=True", "respond_after=False", "a small commit is not answered"),
    Mutant(
        "to_upstream",
        "SendAudio(data.generation, pcm, event_id)",
        "SendAudio(data.generation, pcm)",
        "audio loses its id",
    ),
    Mutant("to_upstream", "    turns.clear_requests()\n", "", "what was interrupted is answered all the same"),
    Mutant("responses", "        self.queued.clear()\n", "", "a request that waited outlives the interruption"),
    Mutant(
        "responses",
        "        self.respond_after_commit = deque(False for _ in self.respond_after_commit)\n",
        "",
        "a commit is answered after all",
    ),
    Mutant(
        "to_client",
        "    elif data.responses.settle_commit():\n",
        "    elif data.responses.settle_commit() and False:\n",
        "a small commit that was taken is not answered",
    ),
    Mutant("to_client", "        data.responses.settle_commit()\n", "", "a refused commit passes its question on"),
    Mutant(
        "replay_buffer",
        "            return self.speaking\n",
        "            return True\n",
        "asked for what was detected",
    ),
    Mutant("replay_buffer", "max(self._last_commit, self._cleared)", "self._last_commit", "asked for what was cleared"),
    Mutant(
        "replay_buffer",
        "self._speech_end is None or self._speech_end > self._commits[self._acknowledged] - BYTES_PER_MS",
        "self._speech_end is None",
        "a commit that ended the speech is owed for ever",
    ),
    Mutant("recovery", "any(turns.respond_after_commit)", "False", "a small commit's answer is lost with the session"),
    Mutant(
        "lifecycle",
        "        data.responses.respond_after_commit[-1] = True\n",
        "        pass\n",
        "a small commit is resent for nothing",
    ),
    Mutant("lifecycle", "for name in _WHY if", "for name in () if", "nobody learns why an attempt failed"),
    Mutant("session_data", "if self.transcribing:  #", "if False:  #", "a transcription has no model"),
    Mutant("session", "retryable=False, detail=detail)", "retryable=False)", "a bad message has no name"),
    Mutant("to_upstream", "    data.responses.owed_since = data.now\n", "", "a commit is owed since the session began"),
    Mutant(
        "to_upstream",
        "            data.replay_buffer.buffer_cleared()\n",
        "            pass\n",
        "cleared speech is sent again",
    ),
    Mutant("to_client", " is not None:  # null", " != 0:  # null", "an out-of-band response blocks the conversation"),
    Mutant(
        "to_client",
        "        _response_failed(data, response)\n    request_next_response(data)",
        "        _response_failed(data, response)",
        "no next answer",
    ),
    Mutant(
        "to_client",
        "        data.replay_buffer.commit_refused()\n",
        "        pass\n",
        "an empty commit makes a session stall",
    ),
    Mutant(
        "to_client", "    if event.harmless:", "    if not event.harmless:", "harmless errors are shown, others not"
    ),
    Mutant(
        "to_client", '"UPSTREAM_ERROR", failure.message', "failure.code, failure.message", "an error by another name"
    ),
)
