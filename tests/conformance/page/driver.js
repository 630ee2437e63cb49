// In the page: clients of the conformance suite's cases, each a SherpaClient. A case's words become calls of the client's
// own methods, and what the client received goes back to the suite.
//
// One thing is held back: when a socket has opened, the client is told so once the case asks for a session. Otherwise it
// would ask at once, and no case could choose when, or with which options.

import { SherpaClient } from "./sherpa-client.js";
import { openWebSocket } from "./websocket-transport.js";

/** @type {Map<number, {client: SherpaClient, asked: boolean, whenAsked: () => void, sockets: number}>} */
const subjects = new Map();

const CALLS = {
  text: (client, { text }) => client.sendText(text),
  audio_commit: (client) => client.commitAudio(),
  tool_result: (client, { callId, output }) => client.sendToolResult(callId, output),
  interrupt: (client, { itemId, playedMs }) => client.interrupt(itemId, playedMs),
  playback: (client, { itemId, playedMs }) => client.playback(itemId, playedMs),
  restart_session: (client) => client.restart(),
  end_session: (client) => client.stop(),
  ping: (client, fields) => client.sendEvent({ type: "ping", ...fields }),
};

/** Make a client and let it connect. */
export function open(id, url, token) {
  const subject = { client: null, asked: false, whenAsked: () => {}, sockets: 0 };
  subject.client = new SherpaClient({
    url,
    token: () => token,
    openFallback: null,
    openTransport: (...given) => openTransport(id, subject, ...given),
  });
  subject.client.addEventListener("message", ({ detail }) => report(id, "message", JSON.stringify(detail)));
  subjects.set(id, subject);
  subject.client.start();
}

function openTransport(id, subject, url, token, handlers) {
  const socket = (subject.sockets += 1);
  return openWebSocket(url, token, {
    onMessage: handlers.onMessage,
    onOpen: () => {
      report(id, "open");
      if (subject.asked) handlers.onOpen();
      else subject.whenAsked = handlers.onOpen;
    },
    onEnd: (end) => {
      if (socket === subject.sockets) report(id, "end", end);
      handlers.onEnd(end);
    },
  });
}

/** Ask for a session: with the socket that is open, or else with a fresh one. */
export function ask(id, options) {
  const subject = subjects.get(id);
  subject.client.session = options;
  if (subject.asked) {
    report(id, "asked"); // how the last socket ended matters no more
    subject.client.start();
    return;
  }
  subject.asked = true;
  subject.whenAsked();
}

/** Send a message of the client protocol. */
export function say(id, type, fields) {
  CALLS[type](subjects.get(id).client, fields);
}

/** Send an event of the Realtime API. */
export function sendEvent(id, event) {
  subjects.get(id).client.sendEvent(event);
}

/** Speak: pieces of PCM16 in base64. */
export function speak(id, pieces) {
  const { client } = subjects.get(id);
  for (const piece of pieces) client.sendAudio(Uint8Array.from(atob(piece), (letter) => letter.charCodeAt(0)));
}

/** Leave, and forget the client. */
export function close(id) {
  subjects.get(id)?.client.stop();
  subjects.delete(id);
}

function report(...one) {
  void globalThis.suiteHears(one);
}
