// One connection at a time to the bridge: it fetches a token, chooses the transport, and ignores what an earlier one still
// says. It decides nothing about sessions.

import { FallbackRule, tabMemory } from "./fallback-rule.js";
import { fallbackOpener } from "./fallback-transport.js";
import { openWebSocket } from "./websocket-transport.js";

/** @typedef {import("./client-options.js").ClientOptions} ClientOptions */
/** @typedef {import("./websocket-transport.js").Transport} Transport */
/** @typedef {import("./websocket-transport.js").TransportEnd} TransportEnd */

/** A network that takes nothing any more: this much waits in the browser (30 s of speech, as much as is kept here). */
const MAX_UNSENT_BYTES = 1_440_000;
/** Closes that say why, for bridges that send no error before them. */
const CLOSE_CODES = new Map([[1008, "RATE_EXCEEDED"], [1009, "MESSAGE_TOO_LARGE"]]);

/** Why a connection ended, null where that is unknown. */
/** @param {TransportEnd} end @returns {import("./error-notices.js").BridgeError | null} */
export function whyEnded({ code, reason, error }) {
  const named = CLOSE_CODES.get(code);
  return error ?? (named ? { code: named, message: reason || named, retryable: true } : null);
}

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
    this.fallbackRule = options.fallbackRule ?? new FallbackRule(tabMemory());
    this.openFallback = options.openFallback === undefined ? fallbackOpener({ clock: options.clock }) : options.openFallback;
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
    const { openTransport = openWebSocket, url } = this.options;
    const open = this.openFallback && this.fallbackRule.applies(this.now()) ? this.openFallback : openTransport;
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

  /**
   * Ask why a WebSocket could not be opened: a browser's does not say. Only what nothing explains speaks against
   * WebSockets: not a bridge that is down, nor one that refuses this page.
   */
  async explain() {
    try {
      const error = (await this.options.explainFailure?.()) ?? null;
      if (!error) this.fallbackRule.failed(false, this.now());
      return error;
    } catch {
      return null;
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
    if (!this.isFallback) this.fallbackRule.delivered();
    this.handlers.onMessage(message);
  }

  /** @param {TransportEnd} end */
  #ended(end) {
    const { isFallback } = this;
    this.#attempt = this.#transport = null;
    if (isFallback && !end.opened) this.fallbackRule.forget();
    if (!isFallback && end.opened && !end.delivered) this.fallbackRule.failed(true, this.now());
    this.handlers.onEnd(end);
  }
}
