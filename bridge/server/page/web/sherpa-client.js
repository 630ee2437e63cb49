// A client of the Sherpa client protocol for browsers: an ES module without dependencies and without a DOM.
//
//     const client = new SherpaClient({ url: "wss://bridge.example.com/api/openai/realtime", session: { voice: "marin" } });
//     client.addEventListener("transcript", ({ detail }) => console.log(detail.role, detail.text));
//     client.start();
//
// It decides nothing by itself: `client-states.js` says what follows what, `outgoing.js` what is kept, and
// `error-notices.js` what is shown. This file carries their decisions out. Microphone and loudspeaker are in `audio.js`.

import { BROWSER_CLOCK } from "./client-options.js";
import { BADGES, SENDING, transition } from "./client-states.js";
import { Connection, whyEnded } from "./connection.js";
import { NoticeReporter, endsSession, readError, unreachable } from "./error-notices.js";
import { readNativeEvent } from "./native-events.js";
import { Outgoing } from "./outgoing.js";
import { PlaybackReports } from "./playback-reports.js";
import { SilenceWatch } from "./silence-watch.js";
import { Timers } from "./timers.js";
import { READINESS_MS, announcedWait, growingWait } from "./waits.js";

/** @typedef {import("./client-states.js").State} State */
/** @typedef {import("./client-states.js").StateEvent} StateEvent */
/** @typedef {import("./client-states.js").Action} Action */
/** @typedef {import("./client-options.js").ClientOptions} ClientOptions */
/** @typedef {import("./error-notices.js").BridgeError} BridgeError */

/** A NO_SESSION_EXISTS is answered after this wait, once, whatever number of them comes in the meantime. */
const ASK_AGAIN_MS = 1_000;
/** How often sessions may fail in a row before a person has to say "try again". */
const MAX_FAILURES = 4;

/**
 * Events, each a CustomEvent: `state` {state, badge, waitMs}, `message` (every message, as it came), `sent` (every JSON
 * message that goes out), `transcript` {role, itemId, text, final}, `audio` {itemId, pcm}, `speech` {speaking},
 * `answer` {active}, `notice` (an error in plain words, at most one in 2 s), `held` {ms, messages}, `dropped` {ms,
 * messages, by}, `ready` {sessionId, model, ...}.
 */
export class SherpaClient extends EventTarget {
  /** @type {State} */
  #state = "idle";
  #connection;
  #outgoing = new Outgoing({
    send: (message) => this.#send(message),
    sendAudio: (pcm) => this.#sendAudio(pcm),
    isOpen: () => this.#connection.isOpen,
    emit: (name, detail) => this.#emit(name, detail),
  });
  #notices;
  #timers;
  #reports = new PlaybackReports();
  #attempts = 0;
  #failures = 0;
  #announcedMs = 0;
  #generation = 0;
  #dialect = "";
  #silence;
  /** @type {BridgeError | null} */
  #lastError = null;
  /** Why the last connection ended, where that is known. @type {BridgeError | null} */
  #lostFor = null;

  /** @param {ClientOptions} options */
  constructor(options) {
    super();
    this.options = options;
    this.session = options.session ?? {};
    this.clock = options.clock ?? BROWSER_CLOCK;
    this.#timers = new Timers(this.clock);
    this.#notices = new NoticeReporter(this.#timers, this.clock.now, (notice) => this.#emit("notice", notice));
    this.#silence = new SilenceWatch(this.#timers, this.clock.now, {
      isLive: () => SENDING.has(this.#state),
      ask: () => this.#connection.send({ type: "ping" }),
      giveUp: () => this.#handle("stalled"),
    });
    this.#connection = new Connection(options, () => this.clock.now(), {
      onOpen: () => this.#handle("opened"),
      onMessage: (message) => this.#receive(message),
      onEnd: (end) => this.#ended(end),
      onImpossible: (error) => this.#impossible(error),
    });
  }

  get state() {
    return this.#state;
  }

  get badge() {
    return BADGES[this.#state];
  }

  /** The newest generation that the bridge reported for this socket. */
  get generation() {
    return this.#generation;
  }

  // What a page calls

  /** Connect, or try again after an error. */
  start() {
    this.#failures = this.#attempts = 0;
    this.#outgoing.begin({ manual: this.session.turnDetection === "none", fresh: this.#state === "idle" });
    this.#handle("start");
  }

  /** End the session and close the connection. */
  stop() {
    if (SENDING.has(this.#state)) this.#send({ type: "end_session" });
    this.#handle("stop");
  }

  /** The network went away or came back, the page is frozen or shown again: see `page-lifecycle.js`. */
  /** @param {"offline" | "online" | "freeze" | "resume"} event */
  lifecycle(event) {
    this.#handle(event);
  }

  /** Speech: PCM16, 24 kHz, mono, whole samples. Held while there is no session. @param {Uint8Array} pcm */
  sendAudio(pcm) {
    this.#post({ kind: "audio", pcm });
  }

  /** A typed turn. @param {string} text */
  sendText(text) {
    this.#post({ kind: "message", message: { type: "text", text } });
  }

  /** End of speech, where `turnDetection` is `none`. */
  commitAudio() {
    this.#post({ kind: "message", message: { type: "audio_commit" } });
  }

  /** The result of a tool call. @param {string} callId @param {string} output */
  sendToolResult(callId, output) {
    this.#post({ kind: "message", message: { type: "tool_result", callId, output } });
  }

  /** Any event of the Realtime API. @param {{type: string, [field: string]: unknown}} event */
  sendEvent(event) {
    this.#post({ kind: "message", message: event });
  }

  /** Barge-in: what was not heard is cut from the answer. @param {string} [itemId] @param {number} [playedMs] */
  interrupt(itemId, playedMs) {
    if (!SENDING.has(this.#state)) return;
    const heard = itemId === undefined ? {} : { itemId, playedMs: Math.round(playedMs ?? 0) };
    this.#send({ type: "interrupt", ...heard });
  }

  /** Give up the upstream session and open a fresh one, with its context. */
  restart() {
    if (SENDING.has(this.#state)) this.#send({ type: "restart_session" });
  }

  /** Give up: the page knows why no connection can work, such as a refused token. @param {BridgeError} error */
  fail(error) {
    this.#notices.report(error);
    this.#handle("failed");
  }

  /** How much of an answer was heard; sent at most every 250 ms, and always where playback `ended`. */
  /** @param {string} itemId @param {number} playedMs @param {boolean} [ended] */
  playback(itemId, playedMs, ended = false) {
    if (!SENDING.has(this.#state) || !this.#reports.isDue(ended, this.clock.now())) return;
    this.#send({ type: "playback", itemId, playedMs: Math.round(playedMs) });
  }

  // The state machine

  /** @param {StateEvent} event */
  #handle(event) {
    const before = this.#state;
    const [state, actions] = transition(before, event);
    this.#state = state;
    let waitMs = 0;
    for (const action of actions) waitMs = this.#perform[action]() ?? waitMs;
    if (state !== before || waitMs) this.#emit("state", { state, badge: this.badge, waitMs, event });
  }

  /** @type {Readonly<Record<Action, () => number | void>>} */
  #perform = Object.freeze({
    open: () => this.#open(),
    close: () => this.#connection.close(),
    create: () => this.#send({ type: "create_session", usage: true, ...this.session }),
    watch: () =>
      this.#timers.after("watch", (this.options.readinessMs ?? READINESS_MS) + this.#announcedMs, () => this.#late()),
    settle: () => this.#settle(),
    restore: () => this.#outgoing.restore(this.#dialect),
    flush: () => this.#outgoing.flush(),
    keep: () => this.#outgoing.keep(),
    drop: () => this.#outgoing.drop(),
    wait: () => this.#wait(this.#attempts++, this.#lostFor?.detail?.retryAfterMs),
    wait_second: () => this.#timers.after("due", ASK_AGAIN_MS, () => this.#handle("due")),
    wait_retry: () => this.#wait(this.#failures, this.#lastError?.detail?.retryAfterMs),
  });

  /** @param {number} attempt @param {number} [atLeastMs] */
  #wait(attempt, atLeastMs = 0) {
    const ms = Math.max(growingWait(attempt, this.clock.random()), atLeastMs);
    this.#timers.after("due", ms, () => this.#handle("due"));
    return ms;
  }

  #settle() {
    this.#timers.cancel("watch", "due", "silence");
    if (SENDING.has(this.#state)) this.#attempts = this.#failures = 0;
  }

  #open() {
    this.#generation = 0;
    this.#lostFor = null;
    this.#outgoing.connecting();
    void this.#connection.open();
  }

  /** @param {import("./websocket-transport.js").TransportEnd} end */
  #ended(end) {
    const error = whyEnded(end);
    this.#lostFor = error;
    this.#emit("closed", end);
    if (error && !error.retryable) {
      this.fail(error);
      return;
    }
    if (error && error.code !== this.#lastError?.code) this.#notices.report(error);
    else if (!error && !end.opened && this.#attempts > 0) this.#notices.report(unreachable("The connection could not be opened"));
    this.#handle("lost");
    if (!error && !end.opened) void this.#explain();
  }

  /** @param {unknown} error */
  #impossible(error) {
    this.fail({ ...unreachable(String(error)), retryable: false });
  }

  async #explain() {
    const error = await this.#connection.explain();
    if (!error || this.#connection.isOpen) return;
    if (error.retryable) this.#notices.report(error);
    else this.fail(error);
  }

  #late() {
    this.#failures += 1;
    const retryable = this.#failures < MAX_FAILURES;
    this.#notices.report({ code: "readiness_timeout", message: "No session in time", retryable });
    this.#handle(retryable ? "late" : "failed");
  }

  // In

  /** @param {Record<string, any>} message */
  #receive(message) {
    this.#silence.heard();
    const { type } = message;
    const native = type.includes(".");
    const stale = !native && this.#isStale(message.generation);
    this.#emit("message", message);
    if (native) this.#native(message);
    else if (!stale && Object.hasOwn(this.#own, type)) this.#own[type](message);
  }

  /** Whether a message is about an earlier session than the newest. @param {unknown} generation */
  #isStale(generation) {
    if (typeof generation !== "number") return false;
    const stale = generation < this.#generation;
    this.#generation = Math.max(this.#generation, generation);
    return stale;
  }

  /** @type {Readonly<Record<string, (message: Record<string, any>) => void>>} */
  #own = Object.freeze({
    session_initializing: () => this.#handle("initializing"),
    session_ready: (message) => this.#ready(message),
    reconnected: (message) => this.#ready(message),
    reconnecting: ({ delayMs }) => {
      this.#announcedMs = announcedWait(delayMs);
      this.#handle("reconnecting");
      this.#announcedMs = 0;
    },
    session_closed: ({ reason }) => {
      if (reason === "expired") this.#handle("no_session");
      else if (reason !== "draining") this.#handle("closed"); // draining: the socket closes, and is opened again
    },
    audio_dropped: ({ ms, messages }) => this.#emit("dropped", { ms, messages, by: "bridge" }),
    usage: (message) => this.#emit("usage", message),
    error: (message) => this.#error(readError(message)),
  });

  /** @param {Record<string, any>} message */
  #ready(message) {
    this.#dialect = message.dialect ?? "";
    this.#live();
    this.#emit("ready", message);
  }

  #live() {
    this.#handle(this.#connection.isFallback ? "fallback_ready" : "ready");
    this.#silence.start();
  }

  /** @param {BridgeError} error */
  #error(error) {
    if (this.#reports.refusedBy(error)) return;
    if (error.code === "SESSION_ALREADY_EXISTS") {
      this.#live();
      return;
    }
    this.#lastError = error;
    if (error.code === "NO_SESSION_EXISTS") this.#handle("no_session");
    else if (endsSession(error)) {
      this.#failures += 1;
      const again = error.retryable && this.#failures < MAX_FAILURES;
      this.#handle(again ? "failed_later" : "failed");
    }
    this.#notices.report(error);
  }

  /** @param {Record<string, any>} event */
  #native(event) {
    for (const reading of readNativeEvent(event)) {
      this.#outgoing.heard(reading);
      this.#emit(reading.name, reading.detail);
    }
  }

  // Out

  /** @param {Record<string, unknown>} message */
  #send(message) {
    this.#connection.send(message);
    this.#emit("sent", message);
  }

  /** @param {Uint8Array} pcm */
  #sendAudio(pcm) {
    this.#connection.sendAudio(pcm);
    this.#emit("audio_sent", pcm);
    if (this.#connection.isStuck) this.#handle("stalled");
  }

  /** @param {import("./held-audio.js").Held} item */
  #post(item) {
    if (SENDING.has(this.#state) && this.#outgoing.isEmpty) this.#outgoing.send(item);
    else if (this.#state === "idle" || this.#state === "failed") this.#outgoing.refuse(item);
    else this.#outgoing.hold(item);
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
