// Everything that a caller says and types, on its way to the bridge: held while there is no session, remembered until it is
// answered, told again to a session that replaces a broken one. It sends through two functions, and emits `held` and
// `dropped`; when to send is the state's decision.

import { HeldQueue } from "./held-audio.js";
import { History } from "./history.js";
import { Unanswered } from "./unanswered.js";

/** @typedef {import("./held-audio.js").Dropped} Dropped */
/** @typedef {import("./held-audio.js").Held} Held */
/** @typedef {import("./native-events.js").Reading} Reading */

/**
 * @typedef {Object} Outlets
 * @property {(message: Record<string, unknown>) => void} send
 * @property {(pcm: Uint8Array) => void} sendAudio
 * @property {() => boolean} isOpen whether there is a connection to send through
 * @property {(name: "held" | "dropped", detail: Record<string, unknown>) => void} emit
 */

export class Outgoing {
  #held = new HeldQueue();
  #unanswered = new Unanswered();
  #history = new History();
  /** Whether the session that opens replaces one whose connection broke. */
  #replaces = false;

  /** @param {Outlets} outlets */
  constructor(outlets) {
    this.outlets = outlets;
  }

  /** Whether nothing waits: what comes now would overtake nothing. */
  get isEmpty() {
    return this.#held.ms === 0 && this.#held.messages === 0;
  }

  /** A conversation begins, or goes on where it failed. @param {{manual: boolean, fresh: boolean}} how */
  begin({ manual, fresh }) {
    this.#unanswered.manual = manual;
    if (fresh) this.#history.clear();
  }

  /** A connection is opened: its session knows nothing. */
  connecting() {
    this.#replaces = true;
  }

  /** @param {Held} item */
  hold(item) {
    this.#tellDropped(this.#held.add(item));
    this.outlets.emit("held", { ms: this.#held.ms, messages: this.#held.messages });
  }

  /** Send one. It is remembered first: sending may show that the connection is stuck. @param {Held} item */
  send(item) {
    if (item.kind === "audio") {
      this.#unanswered.speechSent(item.pcm);
      this.outlets.sendAudio(item.pcm);
      return;
    }
    if (item.message.type === "text") this.#history.typed(String(item.message.text));
    this.#unanswered.messageSent(item.message);
    this.outlets.send(item.message);
  }

  /** What cannot be sent nor held. @param {Held} item */
  refuse(item) {
    if (item.kind === "message") this.#tellDropped({ ms: 0, messages: 1 });
  }

  /** Send what was held, in order. */
  flush() {
    if (this.isEmpty) return;
    for (const item of this.#held.takeAll()) {
      if (this.outlets.isOpen()) this.send(item);
      else this.#tellDropped(this.#held.add(item)); // lost on the way: behind what was just sent in vain
    }
    if (!this.isEmpty) return;
    this.outlets.emit("held", { ms: 0, messages: 0 });
  }

  /** The session is lost: hold what had no answer yet, in front of what is held already. */
  keep() {
    this.#tellDropped(this.#held.addInFront(this.#unanswered.take()));
    this.#history.lost();
  }

  /** Tell a session that replaces one whose connection broke of the earlier turns. @param {string} dialect */
  restore(dialect) {
    if (this.#replaces) for (const event of this.#history.items(dialect)) this.outlets.send(event);
    this.#replaces = false;
  }

  /** Give up what is held. */
  drop() {
    this.#unanswered.take();
    const { ms, messages } = this.#held;
    this.#held.takeAll();
    this.#tellDropped({ ms, messages });
    if (ms || messages) this.outlets.emit("held", { ms: 0, messages: 0 });
  }

  /** What the service said, as far as it is about turns. @param {Reading} reading */
  heard({ name, detail, speech }) {
    if (speech) this.#unanswered[speech]();
    if (speech === "answered") this.#history.answered();
    if (name === "turn") this.#history.begin(detail.itemId, detail.role);
    if (name === "transcript") this.#history.transcript(/** @type {any} */ (detail));
  }

  /** @param {Dropped} dropped */
  #tellDropped(dropped) {
    if (dropped.ms || dropped.messages) this.outlets.emit("dropped", { ...dropped, by: "client" });
  }
}
