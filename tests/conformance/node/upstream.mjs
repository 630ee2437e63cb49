/**
 * One connection to the service. It reports what comes and, once, how it ended; it decides nothing.
 * @module
 */
import http from 'node:http';
import https from 'node:https';
import { randomBytes } from 'node:crypto';
import { settings } from './settings.mjs';
import { has } from './defects.mjs';
import { WebSocket, acceptKey } from './websocket.mjs';

const MAX_BODY = 65_536;

/** @typedef {import('./errors.mjs').Cause} Cause */

export class Upstream {
  /**
   * @param {{model?: string, kind: string}} wish which session is asked for
   * @param {{event: (event: object, raw: string) => void, open: () => void, end: (cause: Cause) => void}} handlers
   *   `end` is called once, and not after `close`
   */
  constructor({ model, kind, key: clientKey }, handlers) {
    this.handlers = handlers;
    this.over = false;
    const query = kind === 'transcription' ? 'intent=transcription' : `model=${encodeURIComponent(model)}`;
    const url = new URL(`${settings.baseUrl}/realtime?${query}`);
    url.protocol = url.protocol.replace('ws', 'http');
    const key = randomBytes(16).toString('base64');
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      Authorization: `Bearer ${clientKey ?? settings.apiKey}`,
    };
    if (settings.betaHeader || has('beta-header')) headers['OpenAI-Beta'] = 'realtime=v1';
    this.request = (url.protocol === 'https:' ? https : http).request(url, { headers, agent: false });
    this.request.on('upgrade', (response, socket, head) => this.#opened(response, socket, head, key));
    this.request.on('response', (response) => this.#refused(response));
    this.request.on('error', (error) => this.#end({ network: error.code ?? error.message }));
    this.request.end();
  }

  /** @param {string} text one event */
  send(text) {
    this.socket?.sendText(text);
  }

  sendBinary(data) {
    this.socket?.sendBinary(data);
  }

  get pendingBytes() {
    return this.socket?.pendingBytes ?? 0;
  }

  /** End it on purpose; nothing is reported any more. */
  close(code = 1000) {
    this.over = true;
    if (this.socket) this.socket.close(code);
    else this.request.destroy();
  }

  #opened(response, socket, head, key) {
    if (this.over || response.headers['sec-websocket-accept'] !== acceptKey(key)) {
      socket.destroy();
      this.#end({ network: 'wrong Sec-WebSocket-Accept' });
      return;
    }
    this.socket = new WebSocket(socket, { masks: true, maxMessage: settings.maxUpstreamMessageBytes, pingMs: settings.pingMs, head });
    this.socket.onText = (text) => this.#event(text);
    this.socket.onEnd = (code, reason) => this.#end({ code, reason, error: this.lastError });
    this.handlers.open();
  }

  #event(text) {
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      console.error('the service sent a message that is not JSON');
    }
    if (typeof event?.type !== 'string') {
      if (has('bad-event-forwarded')) this.handlers.event({ type: 'unreadable' }, text);
      return;
    }
    if (event.type === 'error') this.lastError = event.error;
    else this.lastError = undefined;
    if (!this.over || has('late-events')) this.handlers.event(event, text);
  }

  #refused(response) {
    const chunks = [];
    let size = 0;
    response.on('data', (chunk) => {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
      else response.destroy();
    });
    response.on('close', () => {
      let error;
      try {
        error = JSON.parse(Buffer.concat(chunks).toString()).error;
      } catch {
        // Proxies answer with pages; the status says enough.
      }
      this.#end({
        status: response.statusCode,
        error,
        retryAfterMs: retryAfter(response.headers),
        requestId: response.headers['x-request-id'],
      });
    });
  }

  #end(cause) {
    if (this.over) return;
    this.over = true;
    this.handlers.end(cause);
  }
}

/** @param {Record<string, string>} headers @returns {number | undefined} milliseconds to wait */
function retryAfter(headers) {
  if (headers['retry-after-ms']) return Number(headers['retry-after-ms']) || undefined;
  const value = headers['retry-after'];
  if (!value) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
