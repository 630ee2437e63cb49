// The states of a SherpaClient, and every transition, in one table. Pure: no timers, no sockets, no DOM.
//
// An event that a state does not list changes nothing: late messages and timers of an earlier state are harmless.
// `sherpa-client.js` carries out the actions; `badgeFor` says what people see.

/**
 * @typedef {"idle" | "connecting" | "initializing" | "asking" | "ready" | "fallback" | "recovering" | "waiting"
 *   | "reopening" | "reinitializing" | "offline" | "frozen" | "failed_later" | "failed"} State
 * @typedef {"start" | "stop" | "opened" | "lost" | "initializing" | "ready" | "fallback_ready" | "reconnecting"
 *   | "closed" | "no_session" | "failed_later" | "failed" | "late" | "stalled" | "due" | "offline" | "online" | "freeze"
 *   | "resume"} StateEvent
 * @typedef {"open" | "close" | "create" | "watch" | "settle" | "restore" | "flush" | "keep" | "drop" | "wait" | "wait_second"
 *   | "wait_retry"} Action
 * @typedef {"Initializing…" | "Connected" | "Reconnecting" | "Fallback" | "Error"} Badge
 * @typedef {readonly [State, readonly Action[]]} Transition
 */

/** What each action does; a table, so that a test can hold both sides to it. */
export const ACTIONS = Object.freeze({
  open: "open a transport",
  close: "close the transport",
  create: "send create_session",
  watch: "restart the readiness time-out",
  settle: "cancel every timer and reset the waits",
  restore: "tell a session that replaces one whose connection broke of the earlier turns",
  flush: "send what was held, in order",
  keep: "hold the speech that had no answer yet, in front of what is held already",
  drop: "give up what is held, and say so",
  wait: "wait before the transport is opened again; the wait grows",
  wait_second: "wait 1 s before create_session is sent again",
  wait_retry: "wait before create_session is sent again; the wait grows",
});

/** What ends or suspends a client, from any state that has a transport or waits for one. */
/** @type {Readonly<Record<string, Transition>>} */
const LEAVING = Object.freeze({
  stop: ["idle", ["close", "settle", "drop"]],
  failed: ["failed", ["close", "settle", "drop"]],
  offline: ["offline", ["close", "keep", "settle"]],
  freeze: ["frozen", ["close", "keep", "settle"]],
  lost: ["waiting", ["keep", "settle", "wait"]],
});

/** Nothing came in time, or nothing goes out: a fresh connection. @type {Transition} */
const LATE = ["waiting", ["close", "keep", "settle", "wait"]];

/** While a session is being opened: from the first `create_session`, or once more after a lost transport. */
/** @param {State} self @returns {Readonly<Record<string, Transition>>} */
const opening = (self) =>
  Object.freeze({
    ...LEAVING,
    initializing: [self, ["watch"]],
    ready: ["ready", ["settle", "restore", "flush"]],
    fallback_ready: ["fallback", ["settle", "restore", "flush"]],
    reconnecting: ["recovering", ["watch"]],
    closed: ["idle", ["close", "settle", "drop"]],
    no_session: ["asking", ["wait_second"]],
    failed_later: ["failed_later", ["settle", "wait_retry"]],
    late: LATE,
  });

/** While a session is live, over the WebSocket or over the fallback. */
/** @param {State} self @returns {Readonly<Record<string, Transition>>} */
const live = (self) =>
  Object.freeze({
    ...LEAVING,
    ready: [self, ["settle", "restore", "flush"]],
    fallback_ready: [self, ["settle", "restore", "flush"]],
    initializing: ["initializing", ["watch"]],
    reconnecting: ["recovering", ["watch"]],
    closed: ["idle", ["close", "settle", "drop"]],
    no_session: ["asking", ["wait_second"]],
    failed_later: ["failed_later", ["keep", "settle", "wait_retry"]],
    stalled: LATE,
  });

/** @type {Readonly<Record<State, Readonly<Record<string, Transition>>>>} */
export const TRANSITIONS = Object.freeze({
  idle: { start: ["connecting", ["open", "watch"]] },
  connecting: { ...LEAVING, late: LATE, opened: ["initializing", ["create", "watch"]] },
  initializing: opening("initializing"),
  asking: {
    ...opening("initializing"),
    no_session: ["asking", []],
    due: ["initializing", ["create", "watch"]],
  },
  ready: live("ready"),
  fallback: live("fallback"),
  recovering: { ...opening("recovering"), stalled: LATE },
  waiting: {
    ...LEAVING,
    lost: ["waiting", []],
    due: ["reopening", ["open", "watch"]],
    start: ["reopening", ["settle", "open", "watch"]],
    online: ["reopening", ["settle", "open", "watch"]],
  },
  reopening: { ...LEAVING, late: LATE, opened: ["reinitializing", ["create", "watch"]] },
  reinitializing: opening("reinitializing"),
  offline: {
    stop: ["idle", ["settle", "drop"]],
    freeze: ["frozen", []],
    online: ["reopening", ["open", "watch"]],
    start: ["reopening", ["open", "watch"]], // browsers are sometimes wrong about being offline
  },
  frozen: { stop: ["idle", ["settle", "drop"]], resume: ["reopening", ["open", "watch"]], start: ["reopening", ["open", "watch"]] },
  failed_later: {
    ...LEAVING,
    due: ["initializing", ["create", "watch"]],
    start: ["initializing", ["settle", "create", "watch"]],
    ready: ["ready", ["settle", "restore", "flush"]],
    fallback_ready: ["fallback", ["settle", "restore", "flush"]],
    initializing: ["initializing", ["watch"]],
  },
  failed: { stop: ["idle", []], start: ["connecting", ["open", "watch"]] },
});

/** What is shown in each state; null where the client is not meant to be connected. */
/** @type {Readonly<Record<State, Badge | null>>} */
export const BADGES = Object.freeze({
  idle: null,
  connecting: "Initializing…",
  initializing: "Initializing…",
  asking: "Initializing…",
  ready: "Connected",
  fallback: "Fallback",
  recovering: "Reconnecting",
  waiting: "Reconnecting",
  reopening: "Reconnecting",
  reinitializing: "Reconnecting",
  offline: "Reconnecting",
  frozen: "Reconnecting",
  failed_later: "Error",
  failed: "Error",
});

/**
 * States in which speech goes to the bridge at once. The bridge holds it while it reconnects; in every other state the
 * client holds it, so that nothing is lost at a bridge that drops early audio.
 * @type {ReadonlySet<State>}
 */
export const SENDING = new Set(/** @type {State[]} */ (["ready", "fallback", "recovering"]));

/**
 * The next state, and what to do on the way there, in order.
 * @param {State} state
 * @param {StateEvent} event
 * @returns {Transition}
 */
export function transition(state, event) {
  return TRANSITIONS[state][event] ?? [state, []];
}
