"""Mistakes in the order of responses: requests, commits, and the requests that follow them."""

from __future__ import annotations

from tests.core.mutant import Mutant

RESPONSE_MUTANTS: tuple[Mutant, ...] = (
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
        "requested during a detected turn",
    ),
    Mutant(
        "responses",
        "self.queued.insert(0, request)",
        "self.queued.append(request)",
        "a refused request loses its place",
    ),
    Mutant(
        "responses",
        "request = self.pending_request if self.pending_request is not None else self._active_request",
        "request = self.pending_request",
        "a request that crossed is forgotten",
    ),
    Mutant("responses", " and not self.active.reached_client\n", "\n", "a half-heard answer is given twice"),
    Mutant(
        "responses",
        "        if self.cancelled:\n            return None\n",
        "",
        "an interrupted answer is requested again",
    ),
    Mutant("responses", " or done.id != response_id:", ":", "an out-of-band end ends the active response"),
    Mutant(
        "to_upstream",
        '.get("conversation") == "none"',
        '.get("conversation") != "none"',
        "out-of-band requests are queued",
    ),
    Mutant(
        "to_upstream",
        " and not out_of_band and not data.generation.transcribing:",
        " and not out_of_band:",
        "waits for what cannot come",
    ),
    Mutant(
        "to_client",
        "if generation.responses.request_failed(event.upstream):",
        "if False:",
        "a refused request blocks the session",
    ),
    Mutant(
        "to_client",
        "    if generation.responses.request_failed(event.upstream):\n",
        "    generation.responses.request_failed(event.upstream)\n    if True:\n",
        "a request goes up before the session is ready",
    ),
    Mutant(
        "to_client",
        "request_failed(event.upstream):\n        request_next_response(data)\n",
        "request_failed(event.upstream):\n        pass\n",
        "nothing goes up after a refused request",
    ),
    Mutant(
        "responses",
        "        return event_id_of(request) == event_id\n",
        "        return True\n",
        "another event's error ends a request",
    ),
    Mutant(
        "responses",
        '"response.function_call_arguments.done"',
        '"response.function_call_arguments.delta"',
        "half a call is taken for an answer",
    ),
    Mutant("responses", '== "response"', '!= "response"', "an error about something else ends a request"),
    Mutant(
        "to_upstream",
        "    if data.generation.transcribing:\n",
        "    if False:\n",
        "a transcription is asked for a response",
    ),
    Mutant(
        "to_upstream",
        " if data.generation.transcribing:\n            message",
        " if False:\n            message",
        "a text that nobody answers",
    ),
    Mutant("to_upstream", "data.generation.replay.can_commit", "True", "a refused commit is answered"),
    Mutant("to_upstream", "respond_after=True", "respond_after=False", "a small commit is not answered"),
    Mutant("to_upstream", "audio.pcm, audio.event_id)", "audio.pcm)", "audio loses its id"),
    Mutant("to_upstream", "    responses.clear_requests()\n", "", "what was interrupted is answered all the same"),
    Mutant("responses", "        self.queued.clear()\n", "", "a queued request outlives the interruption"),
    Mutant(
        "responses",
        "        self.respond_after_commit = [False] * len(self.respond_after_commit)\n",
        "",
        "a commit is answered after the interruption",
    ),
    Mutant(
        "to_client",
        "    elif generation.responses.settle_commit():\n",
        "    elif generation.responses.settle_commit() and False:\n",
        "a small commit that was accepted is not answered",
    ),
    Mutant("to_client", "        generation.responses.settle_commit()\n", "", "a refused commit passes its request on"),
    Mutant(
        "speech/replay_buffer",
        "            return self.speaking\n",
        "            return True\n",
        "requested for what turn detection took",
    ),
    Mutant(
        "speech/replay_buffer",
        "max(self._last_commit, self._cleared)",
        "self._last_commit",
        "requested for what was cleared",
    ),
    Mutant(
        "speech/replay_buffer",
        "self._speech_end is None or self._speech_end > self._commits[self._confirmed_commits] - BYTES_PER_MS",
        "self._speech_end is None",
        "a commit that ended the speech stays pending for ever",
    ),
    Mutant(
        "recovery", "any(responses.respond_after_commit)", "False", "a small commit's answer is lost with the session"
    ),
    Mutant(
        "lifecycle",
        "        responses.respond_after_commit[-1] = True\n",
        "        pass\n",
        "a small commit is replayed for nothing",
    ),
    Mutant("lifecycle", "for name in _LOGGED_DETAILS if", "for name in () if", "nobody learns why an attempt failed"),
    Mutant("generation", "if self.transcribing:  #", "if False:  #", "a transcription has no model"),
    Mutant("session", "retryable=False, detail=detail)", "retryable=False)", "a bad message has no name"),
    Mutant(
        "to_upstream",
        "    data.generation.responses.outstanding_since = data.now\n",
        "",
        "a commit is outstanding since the session began",
    ),
    Mutant(
        "to_upstream",
        "lambda data, *_: data.generation.replay.buffer_cleared()",
        "lambda data, *_: None",
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
        "        generation.replay.commit_refused()\n",
        "        pass\n",
        "an empty commit makes a session stall",
    ),
    Mutant(
        "to_client",
        "    if event.harmless and",
        "    if not event.harmless and",
        "harmless errors are shown, others not",
    ),
    Mutant(
        "to_client", '"UPSTREAM_ERROR", failure.message', "failure.code, failure.message", "an error under another code"
    ),
)
