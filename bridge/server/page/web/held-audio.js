// Speech and other messages that wait for a session. Pure.
//
// Bounded: 30 s of speech and 100 other messages, as the bridge's own queue. The oldest goes first, and what goes is counted,
// so that the client can say so.

/** PCM16, mono, 24 kHz. */
export const BYTES_PER_MS = 48;
/** Speech that is held at most, in ms. Longer than any restart of a bridge that people wait for. */
export const MAX_HELD_MS = 30_000;
/** Other messages that are held at most. */
export const MAX_HELD_MESSAGES = 100;
/** Held speech goes up in pieces of this length, so that a burst is not taken for a flood of frames. */
const MERGED_MS = 200;

/** @typedef {{kind: "audio", pcm: Uint8Array} | {kind: "message", message: Record<string, unknown>}} Held */
/** @typedef {{ms: number, messages: number}} Dropped */

/** @param {Uint8Array} pcm */
export const lengthMs = (pcm) => pcm.byteLength / BYTES_PER_MS;

/** What waits for a session, in the order in which it came. */
export class HeldQueue {
  /** @type {Held[]} */
  #items = [];
  #ms = 0;
  #messages = 0;

  get ms() {
    return this.#ms;
  }

  get messages() {
    return this.#messages;
  }

  /**
   * Hold one more. Returns what had to go for it.
   * @param {Held} item
   * @returns {Dropped}
   */
  add(item) {
    this.#items.push(item);
    this.#count(item, 1);
    return this.#trim();
  }

  /**
   * Hold these in front of everything else. Returns what had to go for them.
   * @param {Held[]} items
   * @returns {Dropped}
   */
  addInFront(items) {
    this.#items.unshift(...items);
    for (const item of items) this.#count(item, 1);
    return this.#trim();
  }

  /**
   * Take everything, in order; neighbouring chunks of speech are joined.
   * @returns {Held[]}
   */
  takeAll() {
    const items = this.#items;
    this.#items = [];
    this.#ms = this.#messages = 0;
    return merge(items);
  }

  /** @param {Held} item @param {1 | -1} sign */
  #count(item, sign) {
    if (item.kind === "audio") this.#ms += sign * lengthMs(item.pcm);
    else this.#messages += sign;
  }

  #trim() {
    const dropped = { ms: 0, messages: 0 };
    while (this.#ms > MAX_HELD_MS) dropped.ms += this.#dropOldest("audio");
    while (this.#messages > MAX_HELD_MESSAGES) dropped.messages += this.#dropOldest("message");
    return dropped;
  }

  /** @param {Held["kind"]} kind */
  #dropOldest(kind) {
    const [item] = this.#items.splice(
      this.#items.findIndex((one) => one.kind === kind),
      1,
    );
    this.#count(item, -1);
    return item.kind === "audio" ? lengthMs(item.pcm) : 1;
  }
}

/** @param {Held[]} items @returns {Held[]} */
function merge(items) {
  /** @type {Held[]} */
  const merged = [];
  /** @type {Uint8Array[]} */
  let run = [];
  const close = () => {
    if (run.length) merged.push({ kind: "audio", pcm: join(run) });
    run = [];
  };
  for (const item of items) {
    if (item.kind === "audio" && run.reduce((sum, pcm) => sum + lengthMs(pcm), 0) < MERGED_MS) {
      run.push(item.pcm);
      continue;
    }
    close();
    if (item.kind === "audio") run.push(item.pcm);
    else merged.push(item);
  }
  close();
  return merged;
}

/** @param {Uint8Array[]} chunks */
export function join(chunks) {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
