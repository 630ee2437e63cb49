"""One-line mistakes in the modules of the browser's client, and what each would break. `mutants.py` tries each."""

from __future__ import annotations

from tests.core.mutant import Mutant

__all__ = ["MUTANTS"]

_CLIENT, _STATES, _RULE, _CONNECTION = "sherpa-client", "client-states", "fallback-rule", "connection"
_NOTICES, _HELD, _UNANSWERED, _OUTGOING = "error-notices", "held-audio", "unanswered", "outgoing"
_REPORTS, _SILENCE, _WAITS = "playback-reports", "silence-watch", "waits"

MUTANTS: tuple[Mutant, ...] = (
    # Readiness
    Mutant(
        _STATES,
        'new Set(/** @type {State[]} */ (["ready", "fallback", "recovering"]))',
        'new Set(/** @type {State[]} */ (["ready", "fallback", "recovering", "initializing"]))',
        "speech goes up before the session is ready",
    ),
    Mutant(
        _STATES,
        'initializing: [self, ["watch"]],\n    ready: ["ready"',
        'initializing: [self, []],\n    ready: ["ready"',
        "an attempt that is announced gets no time of its own",
    ),
    Mutant(
        _WAITS, "READINESS_MS = 20_000", "READINESS_MS = 9_000", "a session is given up before the bridge's time-out"
    ),
    Mutant(_WAITS, "Math.min(delayMs, MAX_ANNOUNCED_MS)", "delayMs", "a wrong delayMs waits for ever"),
    Mutant(_CLIENT, "this.#announcedMs = announcedWait(delayMs);", "", "an announced wait is cut short"),
    Mutant(_CLIENT, "      this.#announcedMs = 0;\n", "", "an announced wait holds for later attempts, too"),
    Mutant(
        _CLIENT, '? "failed_later" : "failed"', '? "failed" : "failed_later"', "what no retry can fix is tried again"
    ),
    Mutant(
        _CLIENT,
        "const MAX_FAILURES = 4;",
        "const MAX_FAILURES = 400;",
        "a session that never comes is asked for without end",
    ),
    Mutant(
        _CLIENT,
        "if (SENDING.has(this.#state)) this.#attempts = this.#failures = 0;",
        "if (SENDING.has(this.#state)) this.#attempts = 0;",
        "failures of long ago count",
    ),
    Mutant(_CLIENT, "    this.#failures = this.#attempts = 0;\n", "", "try again gives up at once"),
    # NO_SESSION_EXISTS
    Mutant(
        _CLIENT, "const ASK_AGAIN_MS = 1_000;", "const ASK_AGAIN_MS = 100;", "a session is asked for again too soon"
    ),
    Mutant(
        _STATES,
        'no_session: ["asking", []],',
        'no_session: ["asking", ["wait_second"]],',
        "each NO_SESSION_EXISTS puts the next try off",
    ),
    Mutant(
        _STATES,
        'due: ["initializing", ["create", "watch"]],\n  },\n  ready',
        'due: ["initializing", ["watch"]],\n  },\n  ready',
        "no session is asked for after NO_SESSION_EXISTS",
    ),
    Mutant(
        _CLIENT,
        'if (reason === "expired") this.#handle("no_session");\n      else if',
        "if",
        "an expired session isn't opened again",
    ),
    # Errors
    Mutant(_NOTICES, "WINDOW_MS = 2_000", "WINDOW_MS = 1_000", "two errors in 2 s"),
    Mutant(
        _NOTICES,
        "if (now < this.#until && !endsSession(error))",
        "if (now < this.#until)",
        "the error that ends a session waits",
    ),
    Mutant(
        _NOTICES,
        "this.#waiting.retryable || !error.retryable",
        "!error.retryable",
        "of equals the first is told, not the last",
    ),
    Mutant(_NOTICES, "|| !error.retryable;", "|| error.retryable;", "a passing error hides one that matters"),
    Mutant(_NOTICES, "1 + (error.suppressed ?? 0)", "1", "errors that the bridge held back aren't counted"),
    Mutant(_NOTICES, "    this.#count = 0;\n    return shown", "    return shown", "errors are counted twice"),
    Mutant(_NOTICES, "!detail.outdated && ", "", "an error of the past ends the session"),
    Mutant(_NOTICES, "if (due !== null)", "if (due === null)", "an error that was held back is never told"),
    # Waits
    Mutant(_WAITS, "2 ** Math.min(attempt, 10)", "2", "waits don't grow"),
    Mutant(_WAITS, "LEAST_MS + random * (bound - LEAST_MS)", "bound", "no jitter: all clients come back at once"),
    Mutant(_WAITS, "const LEAST_MS = 250;", "const LEAST_MS = 0;", "a bridge is asked in a tight loop"),
    Mutant(_CLIENT, "this.#wait(this.#attempts++,", "this.#wait(this.#attempts,", "waits for the bridge don't grow"),
    Mutant(
        _CLIENT,
        "growingWait(attempt, this.clock.random()), atLeastMs)",
        "growingWait(attempt, this.clock.random()), 0)",
        "a named wait isn't kept",
    ),
    Mutant(
        _STATES,
        'online: ["reopening", ["settle", "open", "watch"]]',
        'online: ["waiting", []]',
        "a network that is back waits on",
    ),
    # Held speech
    Mutant(_HELD, "MAX_HELD_MS = 30_000", "MAX_HELD_MS = 60_000", "held speech has another bound"),
    Mutant(_HELD, "MAX_HELD_MESSAGES = 100", "MAX_HELD_MESSAGES = 1_000", "held messages have another bound"),
    Mutant(
        _HELD,
        "this.#items.unshift(...items)",
        "this.#items.push(...items)",
        "what was lost goes up behind what came later",
    ),
    Mutant(_HELD, "    this.#count(item, -1);\n", "", "the bound empties the queue"),
    Mutant(
        _OUTGOING,
        'if (dropped.ms || dropped.messages) this.outlets.emit("dropped"',
        'if (false) this.outlets.emit("dropped"',
        "what is given up isn't told",
    ),
    Mutant(
        _CLIENT,
        "if (SENDING.has(this.#state) && this.#outgoing.isEmpty)",
        "if (SENDING.has(this.#state))",
        "new speech overtakes held speech",
    ),
    Mutant(
        _OUTGOING,
        "this.#held.addInFront(this.#unanswered.take())",
        "this.#held.addInFront([])",
        "speech without an answer is lost with its connection",
    ),
    Mutant(_UNANSWERED, "this.#drop(this.#committed);\n    this.#trim", "this.#trim", "answered speech is sent again"),
    Mutant(
        _UNANSWERED, "this.#items.length;\n    this.#speaking", "0;\n    this.#speaking", "an answer doesn't end a turn"
    ),
    Mutant(_UNANSWERED, "const QUIET_MS = 1_000;", "const QUIET_MS = 10_000;", "silence is sent again"),
    Mutant(
        _OUTGOING,
        "    this.#replaces = false;\n",
        "",
        "a session that the bridge replaced is told of turns that it knows",
    ),
    # The fallback
    Mutant(_RULE, "MAX_NOT_OPENED = 2", "MAX_NOT_OPENED = 1", "one failure leads to the fallback"),
    Mutant(_RULE, "MAX_DIED_MUTE = 3", "MAX_DIED_MUTE = 2", "two mute ends lead to the fallback"),
    Mutant(_RULE, "REMEMBERED_MS = 10 * 60_000", "REMEMBERED_MS = 60 * 60_000", "the fallback lasts an hour"),
    Mutant(_RULE, " && left <= REMEMBERED_MS", "", "a clock that was set back lengthens the fallback"),
    Mutant(
        _RULE,
        "  delivered() {\n    this.#notOpened",
        "  delivered() {\n    return;\n    this.#notOpened",
        "failures that aren't in a row count",
    ),
    Mutant(
        _CONNECTION,
        "if (isFallback && !end.opened) this.fallbackRule.forget();",
        "",
        "a fallback that fails is tried without end",
    ),
    Mutant(
        _CONNECTION,
        "if (!error) this.fallbackRule.failed(false",
        "this.fallbackRule.failed(false",
        "a bridge that refuses leads to the fallback",
    ),
    Mutant(
        _CONNECTION,
        "!isFallback && end.opened && !end.delivered",
        "end.opened && !end.delivered",
        "a mute fallback lengthens itself",
    ),
    Mutant(_CONNECTION, "if (!mine()) return; // closed", "// closed", "a connection opens after it was closed"),
    # Playback
    Mutant(_REPORTS, "INTERVAL_MS = 250", "INTERVAL_MS = 100", "playback is told ten times a second"),
    Mutant(_REPORTS, "(!ended && now", "(now", "the end of an answer isn't told"),
    Mutant(_REPORTS, "if (this.#refused || (", "if ((", "a bridge that knows no playback is told all the same"),
    Mutant(
        _CLIENT,
        "playedMs: Math.round(playedMs) });\n  }\n\n  // The",
        "playedMs });\n  }\n\n  // The",
        "played milliseconds are no whole numbers",
    ),
    Mutant(
        _CLIENT,
        "if (!SENDING.has(this.#state) || !this.#reports",
        "if (!this.#reports",
        "playback is told without a session",
    ),
    # Freeze and dead connections
    Mutant(
        _STATES,
        'freeze: ["frozen", ["close", "keep", "settle"]]',
        'freeze: ["frozen", ["keep", "settle"]]',
        "a frozen page keeps its socket",
    ),
    Mutant(
        _STATES,
        'frozen: { stop: ["idle", ["settle", "drop"]], resume: ["reopening"',
        'frozen: { stop: ["idle", ["settle", "drop"]], resume: ["frozen"',
        "a page that is shown again stays alone",
    ),
    Mutant(
        _STATES,
        'freeze: ["frozen", []],\n',
        "",
        "a page that is offline when it is frozen connects while nobody sees it",
    ),
    Mutant(_SILENCE, "silent >= 2 * SILENCE_MS", "silent >= 200 * SILENCE_MS", "a dead connection is never given up"),
    Mutant(_SILENCE, "else if (silent >= SILENCE_MS) ask();", "", "a quiet connection is given up without a question"),
    Mutant(_CLIENT, "    this.#silence.heard();\n", "", "what comes is no sign of life"),
    Mutant(
        _CLIENT,
        "const stale = generation < this.#generation;",
        "const stale = false;",
        "late messages of an earlier session count",
    ),
    Mutant(
        _CONNECTION,
        "onEnd: (end) => void (mine() && ",
        "onEnd: (end) => void (",
        "the end of an earlier connection counts",
    ),
)
