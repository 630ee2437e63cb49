// What comes down over the REST fallback: server-sent events, or long polls where a proxy holds streams back. Each message
// comes once and in order, however often a response is lost: the next request says what has arrived.

import { unreachable } from "./error-notices.js";
import { retryable } from "./fallback-posts.js";
import { FallbackEnd, Patience, problem, readAnswer } from "./fallback-requests.js";

/** @typedef {import("./fallback-requests.js").Requests} Requests */

/** A stream that brings nothing this soon is held back by a proxy: at its start, the bridge has something to say. */
const FIRST_BYTES_MS = 5_000;
/** The bridge writes a comment every 15 s: a stream without one is dead. */
const SILENT_MS = 20_000;
/** How long a poll waits for events, in s, and may take. */
const POLL_SECONDS = 25;
const POLL_LIMIT_MS = 35_000;
/** A request that brought nothing and was answered this soon is not made again at once. */
const HASTY_MS = 1_000;

export class EventFeed {
  /** The number of the newest message that came. */
  #after = 0;
  #streams = true;

  /** @param {Requests} requests @param {(message: Record<string, any>) => void} onMessage */
  constructor(requests, onMessage) {
    this.requests = requests;
    this.onMessage = onMessage;
    this.patience = new Patience(requests);
  }

  /** Receive until the session is over: throws FallbackEnd. @returns {Promise<never>} */
  async run() {
    let streamed = false;
    for (;;) {
      const before = this.#after;
      const began = this.requests.clock.now();
      /** @type {boolean} */
      const stream = this.#streams && !streamed;
      const error = await (stream ? this.#stream() : this.#poll()).catch((failure) => this.#readFailure(failure));
      const worked = this.#after > before;
      // A stream that ends without a message may be that of a session that is over: a poll tells.
      streamed = stream && !worked;
      if (worked) this.patience.worked();
      if (error) await this.patience.failed(error);
      else if (!worked && this.requests.clock.now() - began < HASTY_MS && !streamed) await this.requests.pause(HASTY_MS);
    }
  }

  /** @param {unknown} failure @returns {import("./error-notices.js").BridgeError} */
  #readFailure(failure) {
    if (failure instanceof FallbackEnd || this.requests.stopped) throw failure;
    return unreachable(String(failure));
  }

  /** Follow one stream to its end. Returns what went wrong, if it may be tried again. */
  async #stream() {
    /** @type {Record<string, string>} */
    const headers = { accept: "text/event-stream" };
    if (this.#after) headers["last-event-id"] = String(this.#after);
    let begun = false;
    try {
      return await this.requests.once("GET", "/events", { headers, limitMs: FIRST_BYTES_MS }, async (response, extend) => {
        if (response.status !== 200) return this.#refusal(await readAnswer(response, this.requests.clock.now()));
        if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
          this.#streams = false;
          return null;
        }
        await readStream(response.body, () => {
          begun = true;
          extend(SILENT_MS);
        }, (id, data) => this.#take(id, data));
        return null;
      });
    } catch (failure) {
      if (!begun && this.#after === 0) this.#streams = false; // held back, or cut by what lies between
      if (begun && !(failure instanceof FallbackEnd) && !this.requests.stopped) return null; // cut: resume
      throw failure;
    }
  }

  async #poll() {
    const path = `/events?after=${this.#after}&wait=${POLL_SECONDS}`;
    const read = (/** @type {Response} */ response) => readAnswer(response, this.requests.clock.now());
    const answer = await this.requests.once("GET", path, { limitMs: POLL_LIMIT_MS }, read);
    if (answer.status !== 200) return this.#refusal(answer);
    const events = Array.isArray(answer.body.events) ? answer.body.events : [];
    for (const { seq, message } of events) this.#deliver(seq, message);
    return null;
  }

  /** @param {import("./fallback-requests.js").Answer} answer */
  #refusal(answer) {
    const error = problem(answer);
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) return error;
    throw new FallbackEnd(retryable(error));
  }

  /** @param {string} id @param {string} data */
  #take(id, data) {
    try {
      this.#deliver(Number(id), JSON.parse(data));
    } catch (failure) {
      if (!(failure instanceof SyntaxError)) throw failure;
    }
  }

  /** @param {number} seq @param {any} message */
  #deliver(seq, message) {
    if (!(seq > this.#after) || this.requests.stopped) return;
    this.#after = seq;
    if (message && typeof message === "object" && typeof message.type === "string") this.onMessage(message);
  }
}

/**
 * Read server-sent events to the end of a stream. An event that is cut is none.
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} onBytes
 * @param {(id: string, data: string) => void} onEvent
 */
export async function readStream(body, onBytes, onEvent) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    const blocks = (rest + decoder.decode(value, { stream: true }).replaceAll("\r", "")).split("\n\n");
    rest = /** @type {string} */ (blocks.pop());
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (/** @type {string} */ name) =>
        lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
      const data = field("data");
      if (data.length) onEvent(field("id").at(-1) ?? "", data.join("\n"));
    }
  }
}
