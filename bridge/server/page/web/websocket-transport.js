// A WebSocket behind the few verbs that SherpaClient needs. `fallback-transport.js` implements the same.

/**
 * @typedef {{code: number, reason: string, opened: boolean, delivered: boolean,
 *   error?: import("./error-notices.js").BridgeError}} TransportEnd How it ended: whether it was open at all, whether any
 *   message came, and why, where that is known.
 *
 * @typedef {Object} TransportHandlers
 * @property {() => void} onOpen
 * @property {(message: Record<string, any>) => void} onMessage one JSON object
 * @property {(end: TransportEnd) => void} onEnd
 *
 * @typedef {Object} Transport
 * @property {"websocket" | "fallback"} kind
 * @property {(message: Record<string, unknown>) => void} send
 * @property {(pcm: Uint8Array) => void} sendAudio PCM16, 24 kHz, mono
 * @property {() => void} close
 * @property {number} unsentBytes
 *
 * @typedef {(url: string, token: string, handlers: TransportHandlers) => Transport} TransportFactory
 */

/** The subprotocol to accept, and the one that carries a credential: browsers can't set headers. */
const SUBPROTOCOL = "realtime";
const CREDENTIAL_PREFIX = "openai-insecure-api-key.";

/** @type {TransportFactory} */
export function openWebSocket(url, token, handlers) {
  const socket = token
    ? new WebSocket(url, [SUBPROTOCOL, `${CREDENTIAL_PREFIX}${token}`])
    : new WebSocket(url, [SUBPROTOCOL]);
  let opened = false;
  let delivered = false;
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    opened = true;
    handlers.onOpen();
  };
  socket.onmessage = ({ data }) => {
    delivered = true;
    const message = typeof data === "string" ? parseObject(data) : null;
    if (message) handlers.onMessage(message);
  };
  socket.onclose = ({ code, reason }) => handlers.onEnd({ code, reason, opened, delivered });
  const whenOpen = (/** @type {string | Uint8Array<ArrayBuffer>} */ data) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
  };
  return {
    kind: "websocket",
    send: (message) => whenOpen(JSON.stringify(message)),
    sendAudio: (pcm) => whenOpen(/** @type {Uint8Array<ArrayBuffer>} */ (pcm)),
    close: () => socket.close(1000),
    get unsentBytes() {
      return socket.bufferedAmount;
    },
  };
}

/**
 * Read a text frame; null for anything but a JSON object with a `type`. Never throws because of what a peer sent.
 * @param {string} text
 * @returns {Record<string, any> | null}
 */
export function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && typeof value.type === "string" ? value : null;
  } catch {
    return null;
  }
}
