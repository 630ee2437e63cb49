// Waits that grow, with jitter, and the rule for the fallback. Pure: time and chance are arguments.

/** The wait before the first retry, in ms; it doubles up to the last one. */
const FIRST_MS = 1_000;
const LAST_MS = 16_000;
/** Never less than this: a bridge that closes at once must not be asked in a tight loop. */
const LEAST_MS = 250;

/**
 * A wait with full jitter: from LEAST_MS up to a bound that doubles with each attempt.
 * @param {number} attempt from 0
 * @param {number} random from 0 to 1
 */
export function growingWait(attempt, random) {
  const bound = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return LEAST_MS + random * (bound - LEAST_MS);
}

/** How often in a row a WebSocket may fail to open, and open and die before any message. */
const MAX_NOT_OPENED = 2;
const MAX_DIED_MUTE = 3;
/** How long the fallback is remembered, in ms; then the WebSocket gets another chance. */
const REMEMBERED_MS = 10 * 60_000;

/** When a client leaves WebSockets for the fallback, and when it comes back. One per tab. */
export class FallbackRule {
  #notOpened = 0;
  #diedMute = 0;

  /** @param {number} [until] until when the fallback was remembered, in ms since 1970 */
  constructor(until = 0) {
    this.until = until;
  }

  /** Whether the next connection uses the fallback. @param {number} now in ms since 1970 */
  applies(now) {
    return now < this.until;
  }

  /** A WebSocket delivered a message: it works. */
  delivered() {
    this.#notOpened = this.#diedMute = 0;
  }

  /**
   * A WebSocket ended without a message.
   * @param {boolean} opened whether it was open at all
   * @param {number} now in ms since 1970
   */
  failed(opened, now) {
    if (opened) this.#diedMute += 1;
    else this.#notOpened += 1;
    if (this.#notOpened >= MAX_NOT_OPENED || this.#diedMute >= MAX_DIED_MUTE) {
      this.until = now + REMEMBERED_MS;
      this.#notOpened = this.#diedMute = 0;
    }
  }
}
