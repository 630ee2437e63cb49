// What goes up over the REST fallback: numbered POSTs, one in flight. What gathers meanwhile goes into the next one.

import { FallbackEnd, problem } from "./fallback-requests.js";
import { join } from "./held-audio.js";

/** @typedef {import("./fallback-requests.js").Requests} Requests */
/** @typedef {{audio: Uint8Array} | {line: string}} Outgoing speech, or a message as JSON */

/** What one POST has at most: a bridge takes 1 MiB and 1,000 messages. */
const MAX_BYTES = 480_000;
const MAX_MESSAGES = 1_000;
/** Answers that reject this POST alone: its number is free for the next one. */
const REJECTED = new Set([400, 413, 415, 422]);

/** @param {Outgoing} item */
const sizeOf = (item) => ("audio" in item ? item.audio.byteLength : item.line.length);

export class Posts {
  /** @type {Outgoing[]} */
  #waiting = [];
  #waitingBytes = 0;
  #bytesInFlight = 0;
  #seq = 0;
  #busy = false;

  /**
   * @param {Requests} requests
   * @param {(message: Record<string, any>) => void} onRejected gets an `error` of the client protocol
   * @param {(failure: unknown) => void} onEnd the session is over
   */
  constructor(requests, onRejected, onEnd) {
    this.requests = requests;
    this.onRejected = onRejected;
    this.onEnd = onEnd;
  }

  get unsentBytes() {
    return this.#waitingBytes + this.#bytesInFlight;
  }

  /** @param {Outgoing} item */
  add(item) {
    this.#waiting.push(item);
    this.#waitingBytes += sizeOf(item);
    if (!this.#busy) void this.#run();
  }

  async #run() {
    this.#busy = true;
    try {
      while (this.#waiting.length) await this.#post(this.#take());
    } catch (failure) {
      this.onEnd(failure);
      return; // busy for ever: nothing more goes out
    }
    this.#busy = false;
  }

  /** Take neighbours of one kind, as many as fit; the first in any case. @returns {Outgoing[]} */
  #take() {
    const isAudio = "audio" in this.#waiting[0];
    let count = 0;
    let size = 0;
    for (const item of this.#waiting) {
      size += sizeOf(item);
      if ("audio" in item !== isAudio || (count > 0 && size > MAX_BYTES) || count >= MAX_MESSAGES) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** @param {Outgoing[]} items */
  async #post(items) {
    const size = items.reduce((sum, item) => sum + sizeOf(item), 0);
    this.#waitingBytes -= size;
    this.#bytesInFlight = size;
    const { path, type, body } = request(items);
    const parts = { headers: { "content-type": type }, body };
    const answer = await this.requests.untilAnswered("POST", `${path}?seq=${this.#seq}`, parts);
    this.#bytesInFlight = 0;
    if (answer.status === 202) this.#seq += 1;
    else if (REJECTED.has(answer.status)) this.#rejected(answer);
    else throw new FallbackEnd(retryable(problem(answer)));
  }

  /** @param {import("./fallback-requests.js").Answer} answer */
  #rejected(answer) {
    const code = answer.status === 413 ? "MESSAGE_TOO_LARGE" : "INVALID_MESSAGE";
    this.onRejected({ type: "error", code, message: problem(answer).message, retryable: false, suppressed: 0 });
  }
}

/** Whatever ended the session, a new one may work. @param {import("./error-notices.js").BridgeError} error */
export const retryable = (error) => ({ ...error, retryable: true });

/** @param {Outgoing[]} items @returns {{path: string, type: string, body: BodyInit}} */
function request(items) {
  const speech = items.flatMap((item) => ("audio" in item ? [item.audio] : []));
  if (speech.length) return { path: "/audio", type: "audio/pcm", body: /** @type {BodyInit} */ (join(speech)) };
  const lines = items.flatMap((item) => ("line" in item ? [item.line] : []));
  if (lines.length === 1) return { path: "/messages", type: "application/json", body: lines[0] };
  return { path: "/messages", type: "application/x-ndjson", body: lines.join("\n") };
}
