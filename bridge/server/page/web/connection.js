// One connection at a time to the bridge: it fetches a token, chooses the transport, and ignores what an earlier one still
// says. It decides nothing about sessions.

import { FallbackRule } from "./waits.js";
import { openWebSocket } from "./websocket-transport.js";

/** @typedef {import("./client-options.js").ClientOptions} ClientOptions */
/** @typedef {import("./websocket-transport.js").Transport} Transport */
/** @typedef {import("./websocket-transport.js").TransportEnd} TransportEnd */

/** A network that takes nothing any more: this much waits in the browser (30 s of speech, as much as is kept here). */
const MAX_UNSENT_BYTES = 1_440_000;

/**
 * @typedef {Object} ConnectionHandlers
 * @property {() => void} onOpen
 * @property {(message: Record<string, any>) => void} onMessage
 * @property {(end: TransportEnd) => void} onEnd
 * @property {(error: unknown) => void} onImpossible the URL or the page's policy allows no connection
 */

export class Connection {
  /** @type {Transport | null} */
  #transport = null;
  /** Which attempt is the current one. @type {object | null} */
  #attempt = null;

  /** @param {ClientOptions} options @param {() => number} now @param {ConnectionHandlers} handlers */
  constructor(options, now, handlers) {
    this.options = options;
    this.now = now;
    this.handlers = handlers;
    this.fallbackRule = options.fallbackRule ?? new FallbackRule();
  }

  get isOpen() {
    return this.#transport !== null;
  }

  get isFallback() {
    return this.#transport?.kind === "fallback";
  }

  /** Whether so much waits to be sent that the network must be stuck. */
  get isStuck() {
    return (this.#transport?.unsentBytes ?? 0) > MAX_UNSENT_BYTES;
  }

  async open() {
    const attempt = {};
    this.#attempt = attempt;
    const token = await this.#token();
    const mine = () => this.#attempt === attempt;
    if (!mine()) return; // closed while the token was fetched
    const { openFallback, openTransport = openWebSocket, url } = this.options;
    const open = openFallback && this.fallbackRule.applies(this.now()) ? openFallback : openTransport;
    try {
      this.#transport = open(url, token, {
        onOpen: () => void (mine() && this.handlers.onOpen()),
        onMessage: (message) => void (mine() && this.#received(message)),
        onEnd: (end) => void (mine() && this.#ended(end)),
      });
    } catch (error) {
      this.handlers.onImpossible(error);
    }
  }

  close() {
    this.#attempt = null;
    this.#transport?.close();
    this.#transport = null;
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    this.#transport?.send(message);
  }

  /** @param {Uint8Array} pcm */
  sendAudio(pcm) {
    this.#transport?.sendAudio(pcm);
  }

  async #token() {
    try {
      return (await this.options.token?.()) ?? "";
    } catch {
      return ""; // the bridge says what is missing
    }
  }

  /** @param {Record<string, any>} message */
  #received(message) {
    this.fallbackRule.delivered();
    this.handlers.onMessage(message);
  }

  /** @param {TransportEnd} end */
  #ended(end) {
    this.#attempt = this.#transport = null;
    if (!end.delivered) this.fallbackRule.failed(end.opened, this.now());
    this.handlers.onEnd(end);
  }
}
