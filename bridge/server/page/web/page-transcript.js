// The transcript of both sides: a bubble for each turn, in the order of the conversation.

import { atEnd, byId, make } from "./page-elements.js";

/** Oldest turns go: a page that is open all day must not grow without end. */
const MAX_TURNS = 200;

/** @typedef {{element: HTMLElement, words: HTMLElement, text: string, role: string}} Turn */

export class Transcript {
  #list = byId("transcript");
  #box = byId("transcript-box");
  /** @type {Map<string, Turn>} */
  #turns = new Map();

  /** A turn has its place as soon as it is known, even if its words come later. @param {string} itemId @param {string} role */
  turn(itemId, role) {
    const known = this.#turns.get(itemId);
    if (known) return known;
    const words = make("span");
    const who = make("span", { class: "who", text: role === "user" ? "You" : "Assistant" });
    const element = make("li", { class: `turn ${role}` }, who, words);
    const turn = { element, words, text: "", role };
    this.#turns.set(itemId, turn);
    if (role === "user") words.textContent = "…";
    this.#append(element);
    this.#trim();
    return turn;
  }

  /** @param {{itemId: string, role: string, text: string, final: boolean}} part */
  add({ itemId, role, text, final }) {
    const turn = this.turn(itemId, role);
    turn.text = final ? text || turn.text : turn.text + text;
    turn.element.setAttribute("aria-busy", String(!final)); // read out once, when it is complete
    this.#keepingEnd(() => {
      turn.words.textContent = turn.text;
    });
    return turn;
  }

  /** What was typed. @param {string} text */
  typed(text) {
    this.add({ itemId: `typed-${crypto.randomUUID?.() ?? performance.now()}`, role: "user", text, final: true });
  }

  /** Say below an answer where it was cut. @param {string} itemId @param {string} text */
  mark(itemId, text) {
    const turn = this.#turns.get(itemId);
    turn?.element.setAttribute("aria-busy", "false");
    turn?.element.querySelector(".mark")?.remove();
    this.#keepingEnd(() => turn?.element.append(make("span", { class: "mark", text })));
  }

  /** The text of an item, empty if there is none. @param {string} itemId */
  textOf(itemId) {
    return this.#turns.get(itemId)?.text ?? "";
  }

  /** @param {HTMLElement} element */
  #append(element) {
    this.#keepingEnd(() => this.#list.append(element));
  }

  /** @param {() => void} change */
  #keepingEnd(change) {
    const follow = atEnd(this.#box);
    change();
    if (follow) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #trim() {
    if (this.#turns.size <= MAX_TURNS) return;
    const [[id, oldest]] = this.#turns;
    oldest.element.remove();
    this.#turns.delete(id);
  }
}
