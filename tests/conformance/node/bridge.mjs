/**
 * A voice bridge in Node, written from the client protocol alone: the conformance suite is tried on it.
 *
 *     PORT=8765 OPENAI_BASE_URL=http://127.0.0.1:8766/v1 OPENAI_API_KEY=sk-test node bridge.mjs
 *
 * `DEFECT=name[,name]` plants defects; `--list-defects` prints them as JSON. No npm packages.
 * @module
 */
import http from 'node:http';
import { spawn } from 'node:child_process';
import { DEFECTS, has } from './defects.mjs';
import { CODES } from './errors.mjs';
import { Fallback, SESSIONS } from './fallback.mjs';
import { JsonClient } from './json_client.mjs';
import { NativeClient } from './native_client.mjs';
import { RateWatch } from './rate.mjs';
import { settings } from './settings.mjs';
import { WebSocket, acceptKey } from './websocket.mjs';

const ENDPOINTS = { '/api/openai/realtime': JsonClient, '/v1/realtime': NativeClient };

/** With the defect `survives-kill`: how long the process that was left behind goes on. */
const SURVIVES_MS = 20_000;

class Bridge {
  clients = new Set();
  draining = false;
  fallback = new Fallback(this);

  constructor() {
    this.http = http.createServer((request, response) => this.#request(request, response));
    this.http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.http.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
  }

  listen() {
    this.http.listen(settings.port, settings.host, () => console.error(`listening on ${settings.host}:${this.http.address().port}`));
  }

  left(client) {
    this.clients.delete(client);
  }

  #request(request, response) {
    const url = new URL(request.url, 'http://bridge');
    const { pathname } = url;
    const answer = (status, type, body, headers = {}) => {
      response.writeHead(status, { 'Content-Type': type, ...headers });
      response.end(body);
    };
    if (pathname === '/healthz' && !has('no-healthz')) answer(200, 'text/plain', 'ok\n');
    else if (pathname === '/readyz' && !has('no-readyz')) answer(this.draining && !has('ready-while-draining') ? 503 : 200, 'text/plain', '');
    else if (pathname === '/metrics') answer(200, 'text/plain; version=0.0.4', this.#metrics());
    else if (pathname === '/') answer(200, 'text/html', '<!doctype html><title>Voice bridge</title><p>A voice bridge.\n');
    else if (pathname === SESSIONS || pathname.startsWith(`${SESSIONS}/`)) this.#fallback(request, response, url);
    else if (ENDPOINTS[pathname] && has('plain-request-answered')) answer(200, 'text/plain', 'ok\n');
    else if (ENDPOINTS[pathname]) answer(426, 'text/plain', 'This is a WebSocket.\n', { Upgrade: 'websocket' });
    else answer(404, 'text/plain', 'not found\n');
  }

  #fallback(request, response, url) {
    const refused = url.pathname === SESSIONS && this.#notAdmitted(request);
    if (!refused) {
      this.fallback.take(request, response, url);
      return;
    }
    const [status, code] = refused;
    response.writeHead(status, { 'Content-Type': 'application/problem+json' });
    response.end(JSON.stringify({ status, code }));
  }

  #metrics() {
    return `# TYPE bridge_sessions gauge\nbridge_sessions ${this.clients.size}\n`;
  }

  #upgrade(request, socket, head) {
    socket.on('error', () => {});
    const url = new URL(request.url, 'http://bridge');
    const Client = has('any-path') ? (ENDPOINTS[url.pathname] ?? JsonClient) : ENDPOINTS[url.pathname];
    const refusal = this.#refusal(request, Client);
    if (refusal) {
      refuse(socket, ...refusal);
      return;
    }
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const protocol = protocols.includes('realtime') && !has('no-subprotocol') ? 'Sec-WebSocket-Protocol: realtime\r\n' : '';
    const accept = `Sec-WebSocket-Accept: ${acceptKey(request.headers['sec-websocket-key'])}\r\n`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}${protocol}\r\n`);
    const maxMessage = has('no-size-limit') ? 2 ** 30 : settings.maxMessageBytes;
    const link = new WebSocket(socket, { masks: false, maxMessage, pingMs: settings.pingMs, head, quiet: has('no-pong') });
    link.clientKey = keyOf(request);
    const client = new Client(link, this, url);
    this.clients.add(client);
    if (!has('no-rate-limit')) new RateWatch(link, () => client.rateExceeded());
  }

  /** @returns {[number, string, string?] | undefined} status and code of a refusal before the upgrade */
  #refusal(request, Client) {
    const { headers } = request;
    if (!Client) return [404, 'NOT_FOUND'];
    if (headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET') return [400, 'INVALID_MESSAGE'];
    if (headers['sec-websocket-version'] !== '13') return [426, 'INVALID_MESSAGE', 'Sec-WebSocket-Version: 13\r\n'];
    if (Buffer.from(headers['sec-websocket-key'] ?? '', 'base64').length !== 16) return [400, 'INVALID_MESSAGE'];
    return this.#notAdmitted(request);
  }

  /** @returns {[number, string] | undefined} why this client gets no session, with a WebSocket or without */
  #notAdmitted(request) {
    if (!originAllowed(request.headers) && !has('any-origin')) return [403, 'ORIGIN_NOT_ALLOWED'];
    if (settings.clientToken && keyOf(request) !== settings.clientToken) return [401, 'UNAUTHORIZED'];
    if (this.draining && !has('drain-takes-new')) return [503, 'SERVER_BUSY'];
    if (this.clients.size >= settings.maxSessions) return [503, 'SERVER_BUSY'];
    return undefined;
  }

  /** No new sessions; those that run end when they pause, at the latest when the grace time is over. */
  drain() {
    if (this.draining) return;
    this.draining = true;
    if (has('drain-ignored')) return;
    if (has('drain-cuts')) process.exit(0);
    const deadline = Date.now() + settings.drainMs;
    const step = setInterval(() => {
      for (const client of this.clients) {
        const { session } = client;
        if (Date.now() >= deadline || !session.exists || (session.ready && session.talk.inPause)) this.#farewell(client);
      }
      if (this.clients.size) return;
      clearInterval(step);
      this.http.close();
      setTimeout(() => process.exit(0), 200);
    }, 100);
  }

  #farewell(client) {
    if (client.closing) return;
    if (client.session.exists && !has('drain-silent')) client.session.end('draining');
    client.close(has('drain-close-code') ? 1000 : 1001, 'draining');
  }
}

function originAllowed({ origin, host }) {
  if (!origin) return true;
  if (settings.allowedOrigins.length) return settings.allowedOrigins.includes(origin);
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** @returns {string | undefined} what the client shows as its key or token */
function keyOf({ headers }) {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const subprotocol = offered.find((name) => name.startsWith('openai-insecure-api-key.'));
  return headers.authorization?.replace(/^Bearer /, '') ?? subprotocol?.replace('openai-insecure-api-key.', '');
}

function refuse(socket, status, code, headers = '') {
  const body = JSON.stringify({ type: 'about:blank', status, code, detail: CODES[code]?.[0] ?? code });
  const head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n`;
  socket.end(`${head}${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

if (process.argv.includes('--list-defects')) {
  process.stdout.write(`${JSON.stringify(DEFECTS, null, 1)}\n`);
} else if (has('survives-kill') && !process.connected) {
  spawn(process.execPath, process.argv.slice(1), { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
} else {
  if (has('survives-kill')) process.on('disconnect', () => setTimeout(() => process.exit(0), SURVIVES_MS));
  const bridge = new Bridge();
  process.on('SIGTERM', () => bridge.drain());
  process.on('SIGINT', () => process.exit(0));
  bridge.listen();
}
