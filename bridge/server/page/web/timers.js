// Timers by name: a new one of a name replaces the old one.

/** @typedef {import("./client-options.js").Clock} Clock */

export class Timers {
  /** @type {Map<string, any>} */
  #running = new Map();

  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  /** @param {string} name @param {number} ms @param {() => void} run */
  after(name, ms, run) {
    this.cancel(name);
    this.#running.set(name, this.clock.setTimeout(run, ms));
  }

  /** @param {...string} names */
  cancel(...names) {
    for (const name of names) this.clock.clearTimeout(this.#running.get(name));
  }
}
