// What was sent and has no answer yet: speech and typed turns. Pure.
//
// If the connection breaks, exactly this is sent again, in order: the new session has never heard it. Speech counts as
// answered once its turn was committed and an answer has begun. Without speech, only the last second is kept.

import { MAX_HELD_MS, lengthMs } from "./held-audio.js";

/** @typedef {import("./held-audio.js").Held} Held */

/** How much is kept without speech, in ms: what the service hears just before it reports that speech started. */
const QUIET_MS = 1_000;
/** Typed turns that are kept at most. */
const MAX_MESSAGES = 100;
/** Messages that are a turn or end one; others, such as the result of a tool, mean nothing to a new session. */
const TURNS = new Set(["text", "audio_commit"]);

export class Unanswered {
  /** @type {Held[]} */
  #items = [];
  #ms = 0;
  #speaking = false;
  /** How many items belong to turns that are complete. */
  #committed = 0;

  /** Whether the service reports no start of speech (manual turns), so that everything may be speech. */
  manual = false;

  /** @param {Uint8Array} pcm */
  speechSent(pcm) {
    this.#items.push({ kind: "audio", pcm });
    this.#ms += lengthMs(pcm);
    this.#trim();
  }

  /** @param {Record<string, unknown>} message */
  messageSent(message) {
    if (!TURNS.has(String(message.type))) return;
    this.#items.push({ kind: "message", message });
    this.committed();
    while (this.#items.length > MAX_MESSAGES && this.#items[0].kind === "message") this.#drop(1);
  }

  speechStarted() {
    this.#speaking = true;
  }

  /** The turn is complete: what was sent up to now belongs to it. */
  committed() {
    this.#committed = this.#items.length;
    this.#speaking = false;
  }

  /** An answer has begun: what was complete before it needs no second hearing. */
  answered() {
    this.#drop(this.#committed);
    this.#trim();
  }

  /** Take everything that has no answer, in order. */
  take() {
    const items = this.#items;
    this.#items = [];
    this.#ms = this.#committed = 0;
    this.#speaking = false;
    return items;
  }

  #trim() {
    const most = this.manual || this.#speaking || this.#committed ? MAX_HELD_MS : QUIET_MS;
    while (this.#ms > most) this.#drop(1);
  }

  /** @param {number} count */
  #drop(count) {
    for (const item of this.#items.splice(0, count)) if (item.kind === "audio") this.#ms -= lengthMs(item.pcm);
    this.#committed = Math.max(0, this.#committed - count);
  }
}
