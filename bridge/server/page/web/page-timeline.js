// The list of events: what went between page and bridge, with a filter, a pause, and a download.
//
// Streams are counted, not listed: pieces of speech and of texts become one line for each stream, until another event.

import { atEnd, byId, make } from "./page-elements.js";

const MAX_ROWS = 500;
/** Lines are drawn at most this often; a flood of events must not stop the page. */
const DRAW_MS = 100;

/** @typedef {{at: number, who: string, type: string, detail: string, count: number, ms: number}} Line */

/** What is worth reading of a message, in its own words. */
const SHOWN = ["code", "message", "reason", "attempt", "delayMs", "bufferedMs", "heldMs", "resentMs", "ms", "model", "text"];

/** @param {Record<string, any>} message */
function details(message) {
  const status = message.response?.status;
  const found = SHOWN.filter((name) => ["string", "number", "boolean"].includes(typeof message[name]));
  const shown = found.map((name) => (["message", "text"].includes(name) ? message[name] : `${name} ${message[name]}`));
  return [...(status ? [`status ${status}`] : []), ...shown].join(", ").slice(0, 240);
}

/** @param {string} type */
const isStream = (type) => type === "audio" || type.endsWith(".delta");

export class Timeline {
  #body = byId("events");
  #filter = /** @type {HTMLInputElement} */ (byId("filter"));
  #pause = byId("pause");
  /** @type {Line[]} */
  #lines = [];
  #startedAt = performance.now();
  #paused = false;
  #scheduled = false;

  constructor() {
    this.#filter.addEventListener("input", () => this.#draw());
    this.#pause.addEventListener("click", () => this.#togglePause());
    byId("clear").addEventListener("click", () => {
      this.#lines = [];
      this.#draw();
    });
  }

  /** @param {string} who @param {Record<string, any>} message */
  message(who, message) {
    const type = String(message.type);
    const ms = /audio\.delta$/.test(type) ? Math.round((String(message.delta ?? "").length * 3) / 4 / 48) : 0;
    this.#add(who, type, ms ? "" : details(message), ms);
  }

  /** Speech that went up. @param {number} ms */
  audio(ms) {
    this.#add("client", "audio", "", ms);
  }

  /** A line of the page's own. @param {string} type @param {string} detail */
  note(type, detail) {
    this.#add("page", type, detail, 0);
  }

  /** @param {string} who @param {string} type @param {string} detail @param {number} ms */
  #add(who, type, detail, ms) {
    const running = isStream(type) ? this.#running(who, type) : null;
    if (running) {
      running.count += 1;
      running.ms += ms;
    } else {
      this.#lines.push({ at: performance.now() - this.#startedAt, who, type, detail, count: 1, ms });
      this.#lines = this.#lines.slice(-MAX_ROWS);
    }
    if (this.#paused || this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      if (!this.#paused) this.#draw();
    }, DRAW_MS);
  }

  /** The line of a stream, if nothing but streams came since. @param {string} who @param {string} type */
  #running(who, type) {
    for (let index = this.#lines.length - 1; index >= 0 && isStream(this.#lines[index].type); index -= 1) {
      if (this.#lines[index].type === type && this.#lines[index].who === who) return this.#lines[index];
    }
    return null;
  }

  #togglePause() {
    this.#paused = !this.#paused;
    this.#pause.setAttribute("aria-pressed", String(this.#paused));
    if (!this.#paused) this.#draw();
  }

  #draw() {
    const box = /** @type {HTMLElement} */ (this.#body.closest(".scroll"));
    const follow = atEnd(box);
    const wanted = this.#filter.value.trim().toLowerCase();
    const chosen = this.#lines.filter(({ type, who }) => `${who} ${type}`.toLowerCase().includes(wanted));
    this.#body.replaceChildren(...chosen.map(row));
    byId("no-events").hidden = chosen.length > 0;
    if (follow) box.scrollTop = box.scrollHeight;
  }
}

/** @param {Line} line */
function row({ at, who, type, detail, count, ms }) {
  const summed = ms ? `${count === 1 ? "" : `${count} pieces, `}${Math.round(ms)} ms of speech` : "";
  const times = !ms && count > 1 ? `${count} pieces` : "";
  const cells = [(at / 1000).toFixed(3), who, type, detail || summed || times].map((text) => make("td", { text }));
  return make("tr", { class: `${who}${type === "error" ? " error" : ""}` }, ...cells);
}
