// The REST fallback behind the same verbs as a WebSocket, for networks that block those. Needs `fetch`, and no DOM.
//
// `create_session` begins a session by POST. Then messages come down as `fallback-events.js` says, and go up as
// `fallback-posts.js` says. It never begins a second session: when one is over it ends, and SherpaClient opens another.

import { BROWSER_CLOCK } from "./client-options.js";
import { unreachable } from "./error-notices.js";
import { EventFeed } from "./fallback-events.js";
import { Posts } from "./fallback-posts.js";
import { FallbackEnd, Requests, problem, readAnswer } from "./fallback-requests.js";

/** @typedef {import("./client-options.js").Clock} Clock */
/** @typedef {import("./websocket-transport.js").Transport} Transport */
/** @typedef {import("./websocket-transport.js").TransportFactory} TransportFactory */
/** @typedef {import("./websocket-transport.js").TransportHandlers} TransportHandlers */

/**
 * Return what opens a fallback transport.
 * @param {{send?: typeof fetch, clock?: Clock}} [means]
 * @returns {TransportFactory}
 */
export function fallbackOpener({ send = (...given) => fetch(...given), clock = BROWSER_CLOCK } = {}) {
  return (url, token, handlers) => new FallbackTransport(new Requests(sessionsUrl(url), token, send, clock), handlers);
}

/** Where sessions begin, by the URL of the client endpoint. Throws if it is none. @param {string} url */
export function sessionsUrl(url) {
  const sessions = new URL(url);
  sessions.protocol = sessions.protocol.replace(/^ws/, "http");
  sessions.pathname = `${sessions.pathname.replace(/\/$/, "")}/sessions`;
  sessions.search = sessions.hash = "";
  return sessions.href;
}

/** @implements {Transport} */
class FallbackTransport {
  /** @readonly */
  kind = /** @type {const} */ ("fallback");
  #begun = false;
  #delivered = false;
  #closed = false;
  /** The session's own requests. @type {Requests | null} */
  #session = null;
  /** @type {Posts | null} */
  #posts = null;

  /** @param {Requests} sessions @param {TransportHandlers} handlers */
  constructor(sessions, handlers) {
    this.sessions = sessions;
    this.handlers = handlers;
    queueMicrotask(() => this.#closed || handlers.onOpen()); // it opens with its first message
  }

  get unsentBytes() {
    return this.#posts?.unsentBytes ?? 0;
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    if (this.#begun) this.#posts?.add({ line: JSON.stringify(message) });
    else if (message.type === "create_session") void this.#begin(message);
  }

  /** @param {Uint8Array} pcm */
  sendAudio(pcm) {
    this.#posts?.add({ audio: pcm });
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#session?.stop();
    this.#session?.leave("DELETE");
  }

  /** @param {Record<string, unknown>} message */
  async #begin({ type: _, ...options }) {
    this.#begun = true;
    try {
      const session = await this.#create(options);
      this.#session = session;
      if (this.#closed) {
        session.leave("DELETE");
        return;
      }
      const onMessage = (/** @type {Record<string, any>} */ message) => this.#receive(message);
      this.#posts = new Posts(session, onMessage, (failure) => this.#end(failure));
      await new EventFeed(session, onMessage).run();
    } catch (failure) {
      this.#end(failure);
    }
  }

  /** @param {Record<string, unknown>} options */
  async #create(options) {
    const parts = { headers: { "content-type": "application/json" }, body: JSON.stringify(options) };
    const { base, send, clock } = this.sessions;
    const answer = await this.sessions.once("POST", "", parts, (response) => readAnswer(response, clock.now()));
    const { sessionId, token } = answer.body;
    if (answer.status !== 201 || typeof sessionId !== "string" || typeof token !== "string") {
      throw new FallbackEnd(problem(answer));
    }
    return new Requests(`${base}/${encodeURIComponent(sessionId)}`, token, send, clock);
  }

  /** @param {Record<string, any>} message */
  #receive(message) {
    if (this.#closed) return;
    this.#delivered = true;
    this.handlers.onMessage(message);
  }

  /** @param {unknown} failure */
  #end(failure) {
    if (this.#closed) return;
    const error = failure instanceof FallbackEnd ? failure.error : unreachable(String(failure));
    this.close();
    const [opened, delivered] = [this.#session !== null, this.#delivered];
    this.handlers.onEnd({ code: 1006, reason: error.message, opened, delivered, error });
  }
}
