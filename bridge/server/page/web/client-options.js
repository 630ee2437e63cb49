// What a SherpaClient is made with, and the clock that it uses unless it is given another one.

/** @typedef {import("./fallback-rule.js").FallbackRule} FallbackRule */
/** @typedef {import("./websocket-transport.js").TransportFactory} TransportFactory */

/**
 * @typedef {Object} SessionOptions The fields of `create_session`; all are optional.
 * @property {string} [model]
 * @property {string} [voice]
 * @property {string} [instructions]
 * @property {string | number} [customerId]
 * @property {string} [customerName]
 * @property {"conversation" | "transcription"} [kind]
 * @property {"server_vad" | "semantic_vad" | "none"} [turnDetection]
 * @property {Record<string, unknown>[]} [tools]
 * @property {boolean} [usage] whether the bridge reports usage and cost
 *
 * @typedef {Object} Clock
 * @property {() => number} now milliseconds since 1970
 * @property {(run: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random from 0 to 1
 *
 * @typedef {Object} ClientOptions
 * @property {string} url the client endpoint of a bridge: ws: or wss:
 * @property {SessionOptions} [session]
 * @property {() => string | Promise<string>} [token] gives a token or a fresh ticket for each connection
 * @property {number} [readinessMs] how long a session may take to show a sign of life while it opens
 * @property {() => Promise<import("./error-notices.js").BridgeError | null>} [explainFailure] says why a
 *   WebSocket could not be opened, null where that is unknown; rejects where the bridge can't be asked. Only what it
 *   can't explain counts as a network that blocks WebSockets
 * @property {TransportFactory} [openTransport]
 * @property {TransportFactory | null} [openFallback] for networks that block WebSockets: by
 *   default the REST fallback, null for none
 * @property {FallbackRule} [fallbackRule] when the fallback is used; by default the tab remembers it
 * @property {Clock} [clock]
 */

/** @type {Clock} */
export const BROWSER_CLOCK = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random(),
};

