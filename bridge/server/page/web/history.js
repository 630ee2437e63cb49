// The text of earlier turns, for a session that replaces one whose connection broke. Pure.
//
// The bridge restores the turns of a session that *it* lost. If the page lost the bridge, only the page still knows them.

/** How much is remembered: enough to go on with a conversation, little enough to be no burden of every new session. */
const MAX_TURNS = 40;
const MAX_CHARACTERS = 12_000;

/** @typedef {{role: "user" | "assistant", text: string, complete: boolean, answered: boolean}} Turn */

export class History {
  /** @type {Map<string, Turn>} in the order of the conversation */
  #turns = new Map();
  #typed = 0;

  /** A turn has its place, even if its words come later. @param {string} itemId @param {"user" | "assistant"} role */
  begin(itemId, role) {
    if (!this.#turns.has(itemId)) this.#turns.set(itemId, { role, text: "", complete: false, answered: role === "assistant" });
    while (this.#turns.size > MAX_TURNS) this.#turns.delete(/** @type {string} */ (this.#turns.keys().next().value));
  }

  /** @param {{itemId: string, role: "user" | "assistant", text: string, final: boolean}} part */
  transcript({ itemId, role, text, final }) {
    this.begin(itemId, role);
    if (final) Object.assign(/** @type {Turn} */ (this.#turns.get(itemId)), { text, complete: true });
  }

  /** @param {string} text */
  typed(text) {
    this.#typed += 1;
    this.transcript({ itemId: `typed ${this.#typed}`, role: "user", text, final: true });
  }

  /** An answer has begun: the turns before it will not be sent again. */
  answered() {
    for (const turn of this.#turns.values()) turn.answered = true;
  }

  /** The connection broke: turns without an answer are sent again as they were, half-spoken answers are lost. */
  lost() {
    for (const [itemId, turn] of this.#turns) if (!turn.answered || !turn.complete) this.#turns.delete(itemId);
  }

  clear() {
    this.#turns.clear();
  }

  /** The events that tell a new session of the turns. @param {string} dialect */
  items(dialect) {
    let left = MAX_CHARACTERS;
    const kept = [...this.#turns.values()].reverse().filter(({ text }) => text && (left -= text.length) >= 0);
    return kept.reverse().map(({ role, text }) => {
      const type = role === "user" ? "input_text" : dialect === "beta" ? "text" : "output_text";
      return { type: "conversation.item.create", item: { type: "message", role, content: [{ type, text }] } };
    });
  }
}
