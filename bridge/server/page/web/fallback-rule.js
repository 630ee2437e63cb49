// When a client leaves WebSockets for the REST fallback, and when it comes back. Time is an argument.

/** How often in a row a WebSocket may fail to open, and open and die before any message. */
const MAX_NOT_OPENED = 2;
const MAX_DIED_MUTE = 3;
/** How long the fallback is remembered, in ms; then the WebSocket gets another chance. */
export const REMEMBERED_MS = 10 * 60_000;
const KEY = "sherpa-fallback-until";

/** @typedef {{until: number}} FallbackMemory until when the fallback is remembered, in ms since 1970 */

/** What the tab remembers, over a reload too; where a browser refuses storage, the page remembers it. */
/** @returns {FallbackMemory} */
export function tabMemory() {
  let kept = 0;
  return {
    get until() {
      try {
        return Number(sessionStorage.getItem(KEY) ?? kept);
      } catch {
        return kept;
      }
    },
    set until(ms) {
      kept = ms;
      try {
        sessionStorage.setItem(KEY, String(ms));
      } catch {
        // private windows and workers have none
      }
    },
  };
}

export class FallbackRule {
  #notOpened = 0;
  #diedMute = 0;

  /** @param {FallbackMemory} [memory] */
  constructor(memory = { until: 0 }) {
    this.memory = memory;
  }

  /** Whether the next connection uses the fallback. A clock that was set back doesn't lengthen it. */
  /** @param {number} now in ms since 1970 */
  applies(now) {
    const left = this.memory.until - now;
    return left > 0 && left <= REMEMBERED_MS;
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
    if (this.#notOpened < MAX_NOT_OPENED && this.#diedMute < MAX_DIED_MUTE) return;
    this.memory.until = now + REMEMBERED_MS;
    this.delivered();
  }

  /** No session could be opened over the fallback either: it is not WebSockets that fail. */
  forget() {
    this.memory.until = 0;
  }
}
