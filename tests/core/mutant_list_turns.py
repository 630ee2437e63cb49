"""Mistakes in who may speak next: requests, commits, and what is asked for behind them."""

from __future__ import annotations

from tests.core.mutant import Mutant

MUTANTS_OF_TURNS: tuple[Mutant, ...] = (
    Mutant("turns", " or self.asked is not None or self.expected", " or self.expected", "two requests at once"),
    Mutant(
        "turns",
        " or self.asked is not None or self.expected",
        " or self.asked is not None",
        "asked into a detected turn",
    ),
    Mutant("turns", "self.waiting.appendleft(ask)", "self.waiting.append(ask)", "a refused request loses its place"),
    Mutant(
        "turns",
        "ask = self.asked if self.asked is not None else self.active_ask",
        "ask = self.asked",
        "crossed: forgotten",
    ),
    Mutant("turns", " and not self.reached_client else", " else", "a half-heard answer is given twice"),
    Mutant(
        "turns", "        if self.cancelled:\n            return None\n", "", "an interrupted answer is asked for again"
    ),
    Mutant("turns", "if response_id != self.active:", "if False:", "an out-of-band end ends the active response"),
    Mutant("upward", '.get("conversation") == "none"', '.get("conversation") != "none"', "out of band is sequenced"),
    Mutant("upward", " and not beside and not data.transcribing:", " and not beside:", "waits for what cannot come"),
    Mutant("downward", "if data.turns.failed(event.upstream):", "if False:", "a refused request blocks the session"),
    Mutant(
        "downward",
        "    if data.turns.failed(event.upstream):\n",
        "    data.turns.failed(event.upstream)\n    if True:\n",
        "a request goes up before the session is ready",
    ),
    Mutant(
        "downward",
        "failed(event.upstream):\n        ask_next(data)\n",
        "failed(event.upstream):\n        pass\n",
        "nothing goes up behind a refused request",
    ),
    Mutant(
        "turns",
        "        return _name_of(ask) == event_id\n",
        "        return True\n",
        "another event's error ends a request",
    ),
    Mutant("turns", '== "response"', '!= "response"', "an error about something else ends a request"),
    Mutant("upward", "    if data.transcribing:\n", "    if False:\n", "a transcription is asked for an answer"),
    Mutant(
        "upward",
        " if data.transcribing:\n            words",
        " if False:\n            words",
        "a text without an answer",
    ),
    Mutant("upward", "data.unanswered.sure_to_commit", "True", "a commit that is refused is answered"),
    Mutant("upward", "ask_after=True", "ask_after=False", "a small commit is not answered"),
    Mutant(
        "upward", "SendAudio(data.generation, pcm, event_id)", "SendAudio(data.generation, pcm)", "audio loses its id"
    ),
    Mutant("upward", "    turns.forget_requests()\n", "", "what was interrupted is answered all the same"),
    Mutant("turns", "        self.waiting.clear()\n", "", "a request that waited outlives the interruption"),
    Mutant(
        "turns",
        "        self.after_commit = deque(False for _ in self.after_commit)\n",
        "",
        "a commit is answered after all",
    ),
    Mutant(
        "downward",
        "    elif data.turns.commit_settled():\n",
        "    elif data.turns.commit_settled() and False:\n",
        "a small commit that was taken is not answered",
    ),
    Mutant("downward", "        data.turns.commit_settled()\n", "", "a refused commit passes its question on"),
    Mutant(
        "unanswered", "            return self.speaking\n", "            return True\n", "asked for what was detected"
    ),
    Mutant("unanswered", "max(self._last_commit, self._cleared)", "self._last_commit", "asked for what was cleared"),
    Mutant(
        "unanswered",
        "self._speech_end is None or self._speech_end > self._commits[self._acknowledged] - BYTES_PER_MS",
        "self._speech_end is None",
        "a commit that ended the speech is owed for ever",
    ),
    Mutant("loss", "any(turns.after_commit)", "False", "a small commit's answer is lost with the session"),
    Mutant(
        "life", "        data.turns.after_commit[-1] = True\n", "        pass\n", "a small commit is resent for nothing"
    ),
    Mutant("life", "for name in _WHY if", "for name in () if", "nobody learns why an attempt failed"),
    Mutant("data", "if self.transcribing:  #", "if False:  #", "a transcription has no model"),
    Mutant("session", "retryable=False, detail=detail)", "retryable=False)", "a bad message has no name"),
    Mutant("upward", "    data.turns.owed_since = data.now\n", "", "a commit is owed since the session began"),
    Mutant("upward", "            data.unanswered.cleared()\n", "            pass\n", "cleared speech is sent again"),
    Mutant("downward", " is not None:  # null", " != 0:  # null", "an out-of-band response blocks the conversation"),
    Mutant(
        "downward",
        "        _response_failed(data, response)\n    ask_next(data)",
        "        _response_failed(data, response)",
        "no next answer",
    ),
    Mutant(
        "downward",
        "        data.unanswered.commit_refused()\n",
        "        pass\n",
        "an empty commit makes a session stall",
    ),
    Mutant("downward", "    if event.harmless:", "    if not event.harmless:", "harmless errors are shown, others not"),
    Mutant(
        "downward", '"UPSTREAM_ERROR", failure.message', "failure.code, failure.message", "an error by another name"
    ),
)
