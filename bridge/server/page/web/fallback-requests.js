// The HTTP requests of one session of the REST fallback: with its token, with a time limit, repeated where that may help.
// It doesn't know what they mean.

import { unreachable } from "./error-notices.js";
import { growingWait } from "./waits.js";

/** @typedef {import("./client-options.js").Clock} Clock */
/** @typedef {import("./error-notices.js").BridgeError} BridgeError */
/** @typedef {{status: number, retryAfterMs: number, body: Record<string, any>}} Answer */
/** @typedef {{headers?: Record<string, string>, body?: BodyInit, limitMs?: number}} RequestParts */

/** How long a request may take. The bridge answers at once, except those that wait for events. */
const LIMIT_MS = 15_000;
/** How often in a row requests may fail: with the waits in between, some 15 s. */
const MAX_FAILURES = 6;
/** A `retry-after` counts up to this: timers bear no more than 24 days. */
const LONGEST_WAIT_MS = 10 * 60_000;
/** Answers that may be others later: too many requests, a bridge or proxy that is busy or restarts. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** Why a session of the fallback is over. */
export class FallbackEnd extends Error {
  /** @param {BridgeError} error */
  constructor(error) {
    super(error.message);
    this.error = error;
  }
}

/** Read an answer whole. A body that is no JSON object, as those of proxies, is an empty one. */
/** @param {Response} response @param {number} now @returns {Promise<Answer>} */
export async function readAnswer(response, now) {
  const value = await response.json().catch(() => null);
  const body = value && typeof value === "object" ? value : {};
  return { status: response.status, retryAfterMs: retryAfter(response.headers.get("retry-after"), now), body };
}

/** @param {string | null} header seconds or a date @param {number} now */
function retryAfter(header, now) {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Math.min(Math.max(ms || 0, 0), LONGEST_WAIT_MS);
}

/** What an answer says as an error. One without a code is a proxy's. @param {Answer} answer @returns {BridgeError} */
export function problem({ status, retryAfterMs, body }) {
  const detail = retryAfterMs ? { retryAfterMs } : {};
  if (typeof body.code !== "string") return { ...unreachable(`HTTP status ${status}`), detail };
  const retryable = PASSING.has(status) || status === 409 || status === 410;
  return { code: body.code, message: String(body.detail ?? ""), retryable, detail };
}

/** Failures in a row: how long to wait after each, and when to give up. */
export class Patience {
  #failures = 0;

  /** @param {Requests} requests */
  constructor(requests) {
    this.requests = requests;
  }

  worked() {
    this.#failures = 0;
  }

  /** Wait before it is tried again. Throws FallbackEnd when there were too many. @param {BridgeError} error */
  async failed(error) {
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES) throw new FallbackEnd(error);
    const { random } = this.requests.clock;
    await this.requests.pause(Math.max(growingWait(this.#failures - 1, random()), error.detail?.retryAfterMs ?? 0));
  }
}

export class Requests {
  /** @type {Set<AbortController>} */
  #running = new Set();
  #stopped = false;

  /** @param {string} base @param {string} token @param {typeof fetch} send @param {Clock} clock */
  constructor(base, token, send, clock) {
    this.base = base;
    this.token = token;
    this.send = send;
    this.clock = clock;
  }

  /**
   * Make one request, and read its response within the time limit; `extend` begins the limit again. Rejects if the network
   * fails, the time is over, or `stop` is called.
   * @template T
   * @param {string} method @param {string} path @param {RequestParts} parts
   * @param {(response: Response, extend: (limitMs: number) => void) => Promise<T>} read
   * @returns {Promise<T>}
   */
  async once(method, path, { headers = {}, body, limitMs = LIMIT_MS }, read) {
    const cut = new AbortController();
    if (this.#stopped) cut.abort();
    this.#running.add(cut);
    /** @type {any} */
    let timer;
    const extend = (/** @type {number} */ ms) => {
      this.clock.clearTimeout(timer);
      timer = this.clock.setTimeout(() => cut.abort(), ms);
    };
    extend(limitMs);
    try {
      const response = await this.send(`${this.base}${path}`, { ...this.#init(method, headers), body, signal: cut.signal });
      return await read(response, extend);
    } finally {
      this.clock.clearTimeout(timer);
      this.#running.delete(cut);
    }
  }

  /** Make a request until it has an answer that repeating it doesn't change. Throws FallbackEnd when there is none. */
  /** @param {string} method @param {string} path @param {RequestParts} parts @returns {Promise<Answer>} */
  async untilAnswered(method, path, parts) {
    const patience = new Patience(this);
    for (;;) {
      let error;
      try {
        const answer = await this.once(method, path, parts, (response) => readAnswer(response, this.clock.now()));
        if (!PASSING.has(answer.status)) return answer;
        error = problem(answer);
      } catch (failure) {
        if (this.#stopped) throw failure;
        error = unreachable(String(failure));
      }
      await patience.failed(error);
    }
  }

  /** Make a request that may outlive the page, and that nobody waits for. @param {string} method */
  leave(method) {
    this.send(this.base, { ...this.#init(method, {}), keepalive: true }).catch(() => {});
  }

  /** Wait. Rejects once `stop` is called. @param {number} ms @returns {Promise<void>} */
  pause(ms) {
    const cut = new AbortController();
    if (this.#stopped) cut.abort();
    this.#running.add(cut);
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimeout(() => {
        this.#running.delete(cut);
        resolve();
      }, ms);
      const stop = () => {
        this.clock.clearTimeout(timer);
        reject(cut.signal.reason);
      };
      if (cut.signal.aborted) stop();
      else cut.signal.addEventListener("abort", stop);
    });
  }

  /** Abort what is under way. */
  stop() {
    this.#stopped = true;
    for (const cut of this.#running) cut.abort();
    this.#running.clear();
  }

  get stopped() {
    return this.#stopped;
  }

  /** @param {string} method @param {Record<string, string>} headers @returns {RequestInit} */
  #init(method, headers) {
    const credential = this.token ? { authorization: `Bearer ${this.token}` } : {};
    return { method, headers: /** @type {Record<string, string>} */ ({ ...headers, ...credential }), cache: "no-store" };
  }
}
