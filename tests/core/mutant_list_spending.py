"""Mistakes in what a client takes, and in the caps of it."""

from __future__ import annotations

from tests.core.mutant import Mutant

_ENFORCEMENT = "spending/enforcement"

SPENDING_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "spending/spend", "self.usage += charge.usage", "self.usage = charge.usage", "the total is the last answer's"
    ),
    Mutant(
        "spending/spend",
        "charge.cost_usd is not None and self.cost_usd is not None",
        "charge.cost_usd is not None",
        "a total that is not known is made up",
    ),
    Mutant("spending/charges", "        known = None  #", "        pass  #", "speech costs what its tokens would"),
    Mutant("spending/usage", "seconds / _MINUTE", "seconds", "a second costs as much as a minute"),
    Mutant(
        "spending/caps", "self.tokens >= self.caps.max_tokens", "self.tokens > self.caps.max_tokens", "one more answer"
    ),
    Mutant(
        "spending/caps",
        "self.cost_usd >= self.caps.max_cost_usd",
        "self.cost_usd > self.caps.max_cost_usd",
        "one more answer for money",
    ),
    Mutant("spending/caps", "charge.cost_usd or 0.0", "0.0", "money has no cap"),
    Mutant("session_data", "            account.charge(charge)\n", "            pass\n", "nothing is ever exhausted"),
    Mutant(
        _ENFORCEMENT,
        "exhausted and not _answering",
        "exhausted and _answering",
        "the last answer is cut",
    ),
    Mutant(
        _ENFORCEMENT,
        "data.phase in IN_SESSION and data.exhausted",
        "data.state is State.READY and data.exhausted",
        "a session is opened again for nothing",
    ),
    Mutant(_ENFORCEMENT, "or generation.replay.speaking", "", "a caller who speaks for long is idle"),
    Mutant(_ENFORCEMENT, "generation.responses.outstanding or", "", "a long answer is idle"),
    Mutant(
        _ENFORCEMENT,
        "max(data.active_at, generation.ready_at)",
        "generation.ready_at",
        "whoever speaks is idle",
    ),
    Mutant(
        _ENFORCEMENT,
        "max(data.active_at, generation.ready_at)",
        "data.active_at",
        "a fresh session is idle at once",
    ),
    Mutant(_ENFORCEMENT, "data.announced_caps[reason] = at\n", "pass\n", "an end is announced again and again"),
    Mutant(
        _ENFORCEMENT,
        "at - min(data.settings.cap_notice_seconds, length / 2)",
        "at - length / 2",
        "an end is told early",
    ),
    Mutant(
        _ENFORCEMENT,
        "ending.close_client(data, _NORMAL_CLOSE, reason)",
        "pass",
        "a connection outlives its time",
    ),
    Mutant(
        "lifecycle",
        "data.began_at = min(data.began_at, data.now)",
        "data.began_at = data.now",
        "each session has the whole time again",
    ),
    Mutant("session", "            data.active_at = data.now\n", "            pass\n", "whoever types is idle"),
    Mutant("to_upstream", "if data.exhausted:\n        refuse", "if False:\n        refuse", "requests pass the cap"),
    Mutant(
        "to_upstream",
        "None if data.exhausted else data.generation.responses.pop_next_request()",
        "data.generation.responses.pop_next_request()",
        "what waited passes the cap",
    ),
    Mutant(
        "session",
        "data.exhausted and (data.state is not State.READY or",
        "data.exhausted and (False or",
        "speech is kept for a session that never comes",
    ),
    Mutant("session", "        elif data.exhausted:\n", "        elif False:\n", "a session is opened past the cap"),
    Mutant("deadlines", "        enforcement.next_at(data),\n", "", "nobody looks when the time is over"),
)
