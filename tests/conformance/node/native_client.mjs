/**
 * The native endpoint, `/v1/realtime`: an unmodified client of the Realtime API, which sees only its events.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { has } from './defects.mjs';
import { CODES, Throttle, withoutKey } from './errors.mjs';
import { isKnown } from './messages.mjs';
import { Session } from './session.mjs';
import { settings } from './settings.mjs';

/** With the defect `shared-upstream`: the session that every client gets. */
let everybodys;

/** Close codes that tell a client the same as the service would. */
const CLOSE = {
  AUTHENTICATION_FAILED: 3000,
  MODEL_NOT_AVAILABLE: 4004,
  DIALECT_REFUSED: 4000,
  QUOTA_EXHAUSTED: 1013,
};

export class NativeClient {
  /** @param {import('./websocket.mjs').WebSocket} socket @param {object} server @param {URL} url */
  constructor(socket, server, url) {
    this.socket = socket;
    this.server = server;
    this.gone = false;
    this.closing = false;
    this.appends = 0;
    this.throttle = new Throttle((error) => this.#say(error));
    this.session = new Session(this, { native: true });
    socket.onText = (text) => this.#text(text);
    socket.onBinary = () => this.#invalid('Expected a text WebSocket message.');
    socket.onTooLarge = () => this.#end('MESSAGE_TOO_LARGE');
    socket.onEnd = () => this.#left();
    if (has('native-own-messages')) this.#send(JSON.stringify({ type: 'connected', clientId: randomUUID(), protocol: 1 }));
    const kind = url.searchParams.get('intent') === 'transcription' ? 'transcription' : 'conversation';
    const model = has('native-model-ignored') ? settings.model : (url.searchParams.get('model') ?? undefined);
    const key = has('client-key-upstream') ? socket.clientKey : undefined;
    if (has('shared-upstream') && everybodys?.ready) this.session = everybodys.join(this);
    else this.session.create({ kind, model, key });
    everybodys = this.session;
  }

  // To the client

  event(event, raw, { again }) {
    if (again && /session\.created$/.test(event.type)) return;
    if (has('unknown-events-dropped') && !isKnown(event.type)) return;
    this.#send(raw);
  }

  upstreamError(event) {
    if (!has('native-errors-swallowed')) this.#send(JSON.stringify(event));
  }

  /** Messages of the bridge have no place here; what is lost is said as an error. */
  tell(type, fields) {
    if (has('native-own-messages')) this.#send(JSON.stringify({ type, ...fields }));
    if (type === 'reconnected' && fields.lost.length) {
      this.error('CONNECTION_LOST', { message: `A session was lost and restored; an answer was cut: ${JSON.stringify(fields.lost)}` });
    } else if (type === 'session_closed') {
      this.error('SERVER_BUSY', { message: `The session is over: ${fields.reason}.` });
    }
  }

  error(code, { message, fatal, responseFailed } = {}) {
    if (responseFailed) return;
    const [text, retryable] = CODES[code];
    this.throttle.offer({ code, message: withoutKey(message ?? text), retryable }, { fatal });
  }

  dropped({ ms, messages, reason }) {
    const message = `Given up: ${Math.round(ms)} ms of speech and ${messages} events (${reason}).`;
    this.error('SESSION_NOT_READY', { message });
  }

  usage() {}

  /** The session can't be had. */
  failed(code, cause) {
    this.close(cause.code >= 3000 ? cause.code : (CLOSE[code] ?? 1013), code.toLowerCase());
  }

  rateExceeded() {
    this.error('RATE_EXCEEDED', { fatal: true });
    this.close(1008, 'rate exceeded');
  }

  close(code, reason) {
    if (this.closing) return;
    this.closing = true;
    this.throttle.flush();
    this.session.dispose();
    this.socket.close(code, reason);
  }

  #say({ code, message }) {
    const error = { type: has('native-error-shape') ? code : 'bridge_error', code: code.toLowerCase(), message, param: null, event_id: null };
    this.#send(JSON.stringify({ type: 'error', event_id: `event_${randomUUID()}`, error }));
  }

  #send(text) {
    if (this.socket.pendingBytes > settings.slowBytes && !has('slow-without-bound')) {
      if (this.closing) return;
      this.closing = true;
      this.session.dispose();
      this.#say({ code: 'SLOW_CONSUMER', message: CODES.SLOW_CONSUMER[0] });
      this.socket.close(1013, 'slow consumer', 30_000);
      return;
    }
    this.socket.sendText(text);
  }

  #end(code) {
    this.error(code, { fatal: true });
    this.throttle.flush();
    this.closing = true;
    this.session.dispose();
  }

  #left() {
    this.gone = true;
    this.closing = true;
    this.session.dispose();
    this.throttle.stop();
    this.server.left(this);
  }

  // From the client

  #invalid(message) {
    if (!has('native-bad-ignored')) this.error('INVALID_MESSAGE', { message });
  }

  #text(text) {
    if (this.closing) return;
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      this.#invalid('The message is not JSON.');
      return;
    }
    if (typeof event?.type !== 'string') {
      this.#invalid('type: text is needed.');
      return;
    }
    if (has('native-early-lost') && !this.session.ready) return;
    if (has('native-update-ignored') && event.type === 'session.update') return;
    if (has('native-cancel-lost') && event.type === 'response.cancel') return;
    if (has('native-append-lost') && event.type === 'input_audio_buffer.append' && (this.appends += 1) % 20 === 0) return;
    if (has('native-output-trimmed') && event.item?.output) event.item.output = event.item.output.replaceAll(' ', '');
    const raw = has('native-output-trimmed') ? JSON.stringify(event) : text;
    let item = { kind: 'native', value: event, raw, ms: 0, since: Date.now() };
    if (event.type === 'input_audio_buffer.append' && typeof event.audio === 'string') {
      const pcm = Buffer.from(event.audio, 'base64');
      item = { ...item, pcm, ms: pcm.length / 48 };
    }
    this.session.submit(item);
  }
}
