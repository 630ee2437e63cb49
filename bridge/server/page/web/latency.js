// The latency figures of a call, from what happened and when. Pure: times are arguments, in ms.

/** Cancelled this soon after its start, an answer was hardly meant to be: often the assistant heard itself. */
export const SELF_INTERRUPTION_MS = 300;
/** Longer than this, and people notice that the assistant goes on talking. */
export const SLOW_BARGE_IN_MS = 300;
/** How many answers the plot shows. */
const MAX_ANSWERS = 20;

/** What was measured so far; null where nothing was yet. */
export class LatencyFigures {
  /** @type {number | null} */ ready = null;
  /** @type {number | null} */ firstAudio = null;
  /** @type {number | null} */ gap = null;
  /** @type {number | null} */ bargeIn = null;
  /** First audio of the last answers. */
  /** @type {number[]} */ answers = [];

  /** @type {number | null} */ #startedAt = null;
  /** @type {number | null} */ #askedAt = null;
  /** @type {number | null} */ #dryAt = null;
  /** @type {number | null} */ #spokeUpAt = null;
  /** @type {number | null} */ #answerAt = null;
  /** The item whose speech came last. */
  #spoken = "";

  /** The client begins to connect. @param {number} now */
  started(now) {
    this.#startedAt = now;
  }

  /** @param {number} now */
  sessionReady(now) {
    if (this.#startedAt !== null) this.ready = now - this.#startedAt;
    this.#startedAt = null;
  }

  /** The caller's turn is over: spoken or typed. @param {number} now */
  asked(now) {
    this.#askedAt = now;
  }

  /** An answer begins, or is over; `cancelled` tells how. Returns whether the assistant may have interrupted itself. */
  /** @param {boolean} active @param {string} status @param {number} now */
  answer(active, status, now) {
    const began = this.#answerAt;
    this.#answerAt = active ? now : null;
    return !active && status === "cancelled" && began !== null && now - began < SELF_INTERRUPTION_MS;
  }

  /** Speech of an answer arrived; what is left of the last answer is not the next one. */
  /** @param {string} itemId @param {number} now */
  audio(itemId, now) {
    const begins = itemId !== this.#spoken;
    this.#spoken = itemId;
    if (this.#askedAt === null || !begins) return;
    this.firstAudio = now - this.#askedAt;
    this.#askedAt = null;
    this.answers = [...this.answers, this.firstAudio].slice(-MAX_ANSWERS);
  }

  /** What the loudspeaker reports. @param {string} event @param {number} now */
  playback(event, now) {
    if (event === "underrun") this.#dryAt = now;
    if (event === "progress" && this.#dryAt !== null) {
      this.gap = Math.max(this.gap ?? 0, now - this.#dryAt);
      this.#dryAt = null;
    }
    if (event === "stopped" || event === "ended" || event === "started") this.#dryAt = null;
    if (event === "stopped" && this.#spokeUpAt !== null) {
      this.bargeIn = now - this.#spokeUpAt;
      this.#spokeUpAt = null;
    }
    if (event === "started") this.gap ??= 0;
  }

  /** The caller speaks while an answer plays. @param {number} now */
  spokeUp(now) {
    this.#spokeUpAt = now;
  }
}

/** How many words at least, and what part of them, make two texts the same speech. */
const MIN_WORDS = 3;
const SAME_PART = 0.6;

/** @param {string} text */
const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];

/**
 * Whether a caller's transcript repeats an answer: then the microphone heard the loudspeaker.
 * @param {string} said @param {string} answer
 */
export function soundsLikeEcho(said, answer) {
  const heard = words(said);
  const known = new Set(words(answer));
  return heard.length >= MIN_WORDS && heard.filter((word) => known.has(word)).length / heard.length >= SAME_PART;
}
