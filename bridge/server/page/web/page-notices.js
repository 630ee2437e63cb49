// Messages above the conversation: errors and problems in plain words, and what to do.

import { byId, make } from "./page-elements.js";

const MAX_NOTICES = 3;
/** Warnings go by themselves; errors stay until they are dismissed or no longer true. */
const WARNING_MS = 8_000;

/** @typedef {{title: string, advice?: string, kind?: "error" | "info" | "warning", action?: {label: string, run: () => void}}} Shown */

export class Notices {
  #box = byId("notices");
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();

  /** Show a notice; one with the same key is replaced. @param {string} key @param {Shown} shown */
  show(key, { title, advice = "", kind = "warning", action }) {
    this.dismiss(key);
    const text = make("p", {}, make("strong", { text: /[.!?]$/.test(title) ? title : `${title}.` }));
    text.append(" ", advice);
    const element = make("div", { class: `notice ${kind}` }, text);
    if (action) element.append(this.#button(key, action.label, action.run));
    element.append(this.#button(key, "Dismiss"));
    this.#box.append(element);
    this.#shown.set(key, element);
    if (this.#shown.size > MAX_NOTICES) this.dismiss([...this.#shown.keys()][0]);
    if (kind === "warning") setTimeout(() => this.#shown.get(key) === element && this.dismiss(key), WARNING_MS);
  }

  /** @param {string} key */
  dismiss(key) {
    this.#shown.get(key)?.remove();
    this.#shown.delete(key);
  }

  /** @param {string} key @param {string} label @param {() => void} [run] */
  #button(key, label, run) {
    const button = make("button", { text: label });
    button.type = "button";
    button.addEventListener("click", () => {
      this.dismiss(key);
      run?.();
    });
    return button;
  }
}
