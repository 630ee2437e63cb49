/**
 * The REST fallback: a client without a WebSocket posts its messages and polls for those of the bridge.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { has } from './defects.mjs';
import { JsonClient } from './json_client.mjs';

export const SESSIONS = '/api/openai/realtime/sessions';
const MAX_BODY = 2 ** 20;
const MAX_WAIT_SECONDS = 25;
const IDLE_MS = 60_000;

/** What a `JsonClient` takes for its WebSocket: what it is told is kept until it is polled. */
class PolledSocket {
  events = [];
  given = 0;
  last = 0;
  poll = undefined;
  over = false;
  pendingBytes = 0;

  sendText(text) {
    this.last += 1;
    if (has('rest-greeting-lost') && this.last === 1) return;
    this.events.push({ seq: this.last, message: JSON.parse(text) });
    this.#answer();
  }

  sendBinary() {}

  close() {
    if (this.over) return;
    this.over = true;
    this.#answer();
    this.onEnd();
  }

  /** Answer at once if there is anything to tell, or else when there is, or when the wait is over. */
  wait(after, seconds, answer) {
    if (!has('rest-polls-pile-up')) this.poll?.done([]);
    this.events = this.events.filter((event) => event.seq > (has('rest-events-once') ? this.given : after));
    const poll = { after };
    poll.done = (events) => {
      clearTimeout(poll.timer);
      if (this.poll === poll) this.poll = undefined;
      this.given = events.at(-1)?.seq ?? this.given;
      answer({ events, next: events.at(-1)?.seq ?? after });
    };
    poll.timer = setTimeout(() => poll.done([]), seconds * 1000);
    this.poll = poll;
    this.#answer();
  }

  #answer() {
    if (this.events.length || this.over) this.poll?.done(this.events);
  }
}

export class Fallback {
  sessions = new Map();

  /** @param {{left: (client: object) => void, clients: Set<object>}} server */
  constructor(server) {
    this.server = server;
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response @param {URL} url */
  async take(request, response, url) {
    const body = await read(request);
    const answer = (status, value, headers = {}) => {
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'Content-Type': type, ...headers });
      response.end(value === undefined ? '' : JSON.stringify(value));
    };
    const [id, kind] = url.pathname.slice(SESSIONS.length + 1).split('/');
    if (!id) {
      if (request.method === 'POST') this.#create(body, answer);
      else answer(405, { status: 405, code: 'INVALID_MESSAGE' });
      return;
    }
    const session = this.sessions.get(id);
    if (!session) {
      const status = has('rest-unknown-404') ? 404 : 410;
      answer(status, { status, code: 'SESSION_GONE' });
    } else if (request.headers.authorization !== `Bearer ${session.token}` && !has('rest-token-unchecked')) {
      answer(401, { status: 401, code: 'UNAUTHORIZED' });
    } else if (request.method === 'DELETE') {
      if (!has('rest-delete-forgotten')) this.#end(session);
      answer(204);
    } else if (session.socket.over) {
      answer(410, { status: 410, code: 'SESSION_GONE' });
    } else {
      this.#use(session, kind, { url, body, json: /json/.test(request.headers['content-type']), answer });
    }
  }

  #create(body, answer) {
    const id = randomBytes(12).toString('hex');
    const socket = new PolledSocket();
    const session = { id, token: randomBytes(24).toString('hex'), socket, next: 0 };
    this.sessions.set(id, session);
    session.client = new JsonClient(socket, this.server);
    this.server.clients.add(session.client);
    this.#alive(session);
    socket.onText(JSON.stringify({ ...(body.length ? JSON.parse(body) : {}), type: 'create_session' }));
    const at = `${SESSIONS}/${id}`;
    const urls = { eventsUrl: `${at}/events`, audioUrl: `${at}/audio`, messagesUrl: `${at}/messages` };
    answer(201, { sessionId: id, token: session.token, ...urls }, { Location: at });
  }

  #use(session, kind, { url, body, json, answer }) {
    this.#alive(session);
    if (kind === 'events') {
      const seconds = Math.min(MAX_WAIT_SECONDS, Number(url.searchParams.get('wait') ?? MAX_WAIT_SECONDS));
      session.socket.wait(Number(url.searchParams.get('after') ?? 0), seconds, (value) => answer(200, value));
      return;
    }
    const seq = Number(url.searchParams.get('seq'));
    if (seq > session.next && !has('rest-gap-taken')) {
      answer(409, { status: 409, code: 'INVALID_MESSAGE', expected: session.next });
      return;
    }
    if (seq >= session.next || has('rest-repeat-taken')) {
      session.next = seq + 1;
      post(session.socket, kind, body, json);
    }
    answer(202, { next: session.next });
  }

  #alive(session) {
    clearTimeout(session.idle);
    session.idle = setTimeout(() => this.#end(session), IDLE_MS);
  }

  #end(session) {
    clearTimeout(session.idle);
    session.socket.close();
  }
}

/** Hand what was posted to the client, as its WebSocket would. */
function post(socket, kind, body, json) {
  if (kind === 'audio' && !json) {
    socket.onBinary(body);
  } else if (kind === 'audio') {
    if (!has('rest-json-audio-lost')) socket.onText(JSON.stringify({ ...JSON.parse(body), type: 'audio' }));
  } else {
    const lines = body.toString().split('\n').filter(Boolean);
    for (const line of has('rest-first-line-only') ? lines.slice(0, 1) : lines) socket.onText(line);
  }
}

function read(request) {
  return new Promise((resolve) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
  });
}
