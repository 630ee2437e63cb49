// Figures of the page: latency with its plot, the session's ids, usage and cost.

import { SLOW_BARGE_IN_MS } from "./latency.js";
import { byId } from "./page-elements.js";

/** @typedef {import("./latency.js").LatencyFigures} LatencyFigures */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const BASE = 80;

/** @param {string} tag @param {Record<string, string | number>} attributes @param {string} [text] */
function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @param {LatencyFigures} figures */
export function showLatency(figures) {
  for (const cell of byId("latency").querySelectorAll("dd")) {
    const value = figures[/** @type {"ready" | "firstAudio" | "gap" | "bargeIn"} */ (cell.dataset.figure)];
    cell.textContent = value === null ? "–" : `${Math.round(value)} ms`;
    cell.classList.toggle("slow", cell.dataset.figure === "bargeIn" && (value ?? 0) > SLOW_BARGE_IN_MS);
  }
  plot(figures.answers);
}

/** A bar for each answer; the newest is on the right. @param {number[]} answers */
function plot(answers) {
  const svg = byId("plot");
  const top = Math.max(500, ...answers);
  const bars = answers.map((ms, index) => {
    const height = Math.max(2, (ms / top) * (BASE - 16));
    return shape("rect", { class: "bar", x: 40 + index * 14, y: BASE - height, width: 10, height, rx: 2 });
  });
  svg.replaceChildren(
    shape("line", { class: "axis", x1: 36, x2: WIDTH, y1: BASE, y2: BASE }),
    shape("line", { class: "axis", x1: 36, x2: WIDTH, y1: 16, y2: 16 }),
    shape("text", { x: 32, y: 20, "text-anchor": "end" }, String(Math.round(top))),
    shape("text", { x: 32, y: BASE + 3, "text-anchor": "end" }, "0"),
    ...(bars.length ? bars : [shape("text", { x: (36 + WIDTH) / 2, y: (BASE + 24) / 2, "text-anchor": "middle" }, "No answers yet")]),
  );
  const told = answers.length ? answers.map((ms) => `${Math.round(ms)} ms`).join(", ") : "none yet";
  svg.setAttribute("aria-label", `First audio of the last answers: ${told}`);
}

/** Show facts of the session; those that can be copied get their button. @param {Record<string, string | number | undefined>} facts */
export function showSession(facts) {
  for (const [name, value] of Object.entries(facts)) {
    const field = byId("session").querySelector(`[data-field="${name}"]`);
    if (!field || value === undefined || value === "") continue;
    field.textContent = String(value);
    const button = /** @type {HTMLElement | null} */ (byId("session").querySelector(`[data-copy="${name}"]`));
    if (button) button.hidden = value === "–";
  }
}

/** Make the buttons copy; where nothing may be copied, the text is selected. */
export function enableCopying() {
  byId("session").addEventListener("click", async (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("[data-copy]");
    if (!(button instanceof HTMLElement)) return;
    const field = /** @type {HTMLElement} */ (byId("session").querySelector(`[data-field="${button.dataset.copy}"]`));
    try {
      await navigator.clipboard.writeText(field.textContent ?? "");
      byId("hint").textContent = "Copied.";
    } catch {
      getSelection()?.selectAllChildren(field);
    }
  });
}

/** Tokens and cost of the socket: as the bridge reports them, or added up from `response.done`. */
export class Usage {
  #input = 0;
  #output = 0;
  #reported = false;

  /** @param {Record<string, any>} response */
  response(response) {
    if (this.#reported || !response.usage) return;
    this.#input += response.usage.input_tokens ?? 0;
    this.#output += response.usage.output_tokens ?? 0;
    showSession({ tokens: `${this.#input} in, ${this.#output} out`, cost: "not reported by this bridge" });
  }

  /** @param {Record<string, any>} message the bridge's `usage` */
  report({ total }) {
    if (!total) return;
    this.#reported = true;
    const cost = typeof total.costUsd === "number" ? `$${total.costUsd.toFixed(4)}` : "no price known";
    showSession({ tokens: `${total.inputTokens} in, ${total.outputTokens} out`, cost });
  }
}

