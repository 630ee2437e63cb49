// Notices a connection that is dead although nothing closed it: first it asks for a sign of life, then it gives it up.

/** After this long without a message the bridge is asked for one; after twice as long the connection is given up. */
const SILENCE_MS = 15_000;

/**
 * @typedef {Object} Watched
 * @property {() => boolean} isLive whether there is a session to watch
 * @property {() => void} ask
 * @property {() => void} giveUp
 */

export class SilenceWatch {
  #heardAt = 0;

  /** @param {import("./timers.js").Timers} timers @param {() => number} now @param {Watched} watched */
  constructor(timers, now, watched) {
    this.timers = timers;
    this.now = now;
    this.watched = watched;
  }

  /** A message came. */
  heard() {
    this.#heardAt = this.now();
  }

  start() {
    this.timers.after("silence", SILENCE_MS, () => this.#check());
  }

  #check() {
    const { isLive, ask, giveUp } = this.watched;
    if (!isLive()) return;
    const silent = this.now() - this.#heardAt;
    if (silent >= 2 * SILENCE_MS) giveUp();
    else if (silent >= SILENCE_MS) ask();
    if (isLive()) this.start();
  }
}
