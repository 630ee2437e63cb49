// Which errors a person sees, when, and in which words. Pure: time is an argument.
//
// At most one error is shown in any 2 s; the first at once. Of those held back, the most severe one follows with the
// number of the others. An error that ends the session is always shown. This is the bridge's own rule, kept here too
// because other bridges do not keep it.

export const WINDOW_MS = 2_000;

/**
 * @typedef {Object} BridgeError An `error` of the client protocol; codes in lower case are the client's own.
 * @property {string} code
 * @property {string} message
 * @property {boolean} retryable
 * @property {number} [suppressed]
 * @property {Record<string, any>} [detail]
 *
 * @typedef {BridgeError & {count: number, title: string, advice: string}} Notice An error to show: `count` of its kind,
 * in plain words.
 */

/**
 * Read an `error` as it came: fields that are missing or of a wrong type do no harm.
 * @param {Record<string, any>} message
 * @returns {BridgeError}
 */
export function readError({ code, message, retryable, suppressed, detail }) {
  const known = detail && typeof detail === "object" && !Array.isArray(detail) ? detail : {};
  const wait = Number.isFinite(known.retryAfterMs) ? { retryAfterMs: known.retryAfterMs } : {};
  return {
    code: String(code ?? "UNKNOWN"),
    message: String(message ?? ""),
    retryable: retryable === true,
    suppressed: Number.isInteger(suppressed) && suppressed > 0 ? suppressed : 0,
    detail: { ...known, retryAfterMs: undefined, ...wait },
  };
}

/** The client's own error for a bridge that gives no answer. @param {string} message @returns {BridgeError} */
export const unreachable = (message) => ({ code: "bridge_unreachable", message, retryable: true });

/** Errors that end the session while the socket stays open, of bridges that don't name the attempts too. */
const ENDING = new Set(
  ("SESSION_INITIALIZATION_FAILED AUTHENTICATION_FAILED ACCESS_DENIED MODEL_NOT_AVAILABLE DIALECT_REFUSED QUOTA_EXHAUSTED " +
    "SESSION_EXPIRED CONNECTION_LOST").split(" "),
);

/**
 * Whether an error ends the session; one that was held back until it was no longer true does not.
 * @param {BridgeError} error
 */
export function endsSession(error) {
  const detail = error.detail ?? {};
  return !detail.outdated && ("attempts" in detail || ENDING.has(error.code));
}

/** @type {Readonly<Record<string, readonly [string, string]>>} */
export const WORDS = Object.freeze({
  NO_SESSION_EXISTS: ["There is no session yet", "It is being opened. What you say is kept."],
  SESSION_NOT_READY: ["The session is being reopened", "Keep speaking: nothing is lost."],
  SESSION_ALREADY_EXISTS: ["The session is open already", "There is nothing to do."],
  SESSION_INITIALIZATION_FAILED: ["The assistant couldn't be reached", "Try again in a moment."],
  AUTHENTICATION_FAILED: ["The bridge's API key was refused", "On the bridge's machine, run: sherpa-probe access"],
  ACCESS_DENIED: ["The bridge's key has no access", "On the bridge's machine, run: sherpa-probe access"],
  SESSION_NOT_FOUND: ["The session no longer exists", "A new one is opened."],
  MODEL_NOT_AVAILABLE: ["This model is not available", "Choose another model."],
  DIALECT_REFUSED: ["The service refused the bridge's request format", "The bridge needs an update."],
  RATE_LIMITED: ["Too many requests", "Wait a moment; the client tries again."],
  QUOTA_EXHAUSTED: ["The account has no credit left", "A retry doesn't help: credit has to be added."],
  UPSTREAM_UNAVAILABLE: ["The voice service is not available", "Try again in a moment."],
  UPSTREAM_ERROR: ["The voice service reported an error", "If you got no answer, ask again."],
  SESSION_EXPIRED: ["The session reached its maximum age", "A new one is opened."],
  CONNECTION_LOST: ["The bridge lost the voice service", "Try again in a moment."],
  SLOW_CONSUMER: ["This page read too slowly", "It connects again."],
  BUDGET_EXHAUSTED: ["The spending limit is reached", "Answers end here."],
  SESSION_GONE: ["The session is over", "A new one is opened."],
  INVALID_MESSAGE: ["The bridge didn't understand a message of this page", "This is a fault of the page or the bridge."],
  MESSAGE_TOO_LARGE: ["A message was too large", "Send less at once."],
  RATE_EXCEEDED: ["This page sent too fast", "It connects again."],
  SERVER_BUSY: ["The bridge is full", "Try again in a moment."],
  UNAUTHORIZED: ["The bridge needs a token", "Enter a token or a ticket: sherpa-bridge ticket"],
  ORIGIN_NOT_ALLOWED: ["The bridge doesn't accept this page", "Start it with --allow-origin and this page's address."],
  wrong_tokens: ["Too many wrong tokens came from here", "Wait a minute, then try again with a valid one."],
  readiness_timeout: ["The session didn't become ready in time", "The client connects again."],
  bridge_unreachable: ["The bridge can't be reached", "Check that it runs, and that nothing blocks WebSockets."],
});

/** @param {BridgeError} error @param {number} count @returns {Notice} */
function notice(error, count) {
  const [title, advice] = WORDS[error.code] ?? [error.message || error.code, ""];
  return { ...error, count, title, advice };
}

/** The window of 2 s, and what waits for its end. */
export class ErrorNotices {
  #until = -Infinity;
  /** @type {BridgeError | null} */
  #waiting = null;
  #count = 0;

  /** When something is due, in ms; null if nothing waits. */
  get due() {
    return this.#waiting ? this.#until : null;
  }

  /**
   * Take an error. Returns what to show now, null if it waits.
   * @param {BridgeError} error
   * @param {number} now
   * @returns {Notice | null}
   */
  take(error, now) {
    this.#count += 1 + (error.suppressed ?? 0);
    if (now < this.#until && !endsSession(error)) {
      const moreSevere = !this.#waiting || this.#waiting.retryable || !error.retryable;
      if (moreSevere) this.#waiting = error;
      return null;
    }
    return this.#show(error, now);
  }

  /**
   * Return what waited, once its time has come.
   * @param {number} now
   * @returns {Notice | null}
   */
  tick(now) {
    return this.#waiting && now >= this.#until ? this.#show(this.#waiting, now) : null;
  }

  /** @param {BridgeError} error @param {number} now */
  #show(error, now) {
    const shown = notice(error, this.#count);
    this.#until = now + WINDOW_MS;
    this.#waiting = null;
    this.#count = 0;
    return shown;
  }
}

/** Shows errors as they come, and those that wait once their time has come. */
export class NoticeReporter {
  #notices = new ErrorNotices();

  /** @param {import("./timers.js").Timers} timers @param {() => number} now @param {(notice: Notice) => void} show */
  constructor(timers, now, show) {
    this.timers = timers;
    this.now = now;
    this.show = show;
  }

  /** @param {BridgeError} error */
  report(error) {
    const now = this.now();
    this.#showAny(this.#notices.take(error, now));
    const { due } = this.#notices;
    if (due !== null) this.timers.after("notice", due - now, () => this.#showAny(this.#notices.tick(this.now())));
  }

  /** @param {Notice | null} notice */
  #showAny(notice) {
    if (notice) this.show(notice);
  }
}
