// The two level meters. Levels fall slowly, so that a syllable can be seen.

import { byId } from "./page-elements.js";

const FALL = 0.85;
const DRAW_MS = 50;

export class Meters {
  #levels = { "mic-level": 0, "speaker-level": 0 };
  /** @type {number | undefined} */
  #timer;

  /** @param {"mic-level" | "speaker-level"} meter @param {number} peak from 0 to 1 */
  peak(meter, peak) {
    this.#levels[meter] = Math.max(this.#levels[meter], Math.sqrt(peak));
    this.#timer ??= setInterval(() => this.#draw(), DRAW_MS);
  }

  #draw() {
    let moving = false;
    for (const [id, level] of Object.entries(this.#levels)) {
      /** @type {HTMLMeterElement} */ (byId(id)).value = level;
      const next = level < 0.01 ? 0 : level * FALL;
      this.#levels[/** @type {"mic-level"} */ (id)] = next;
      moving ||= level > 0;
    }
    if (moving) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
