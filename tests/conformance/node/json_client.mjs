/**
 * The client endpoint, `/api/openai/realtime`: one voice client and its messages.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { block, has } from './defects.mjs';
import { CODES, Throttle, withoutKey } from './errors.mjs';
import { DropNotices } from './held.mjs';
import { InvalidMessage, isKnown, readMessage } from './messages.mjs';
import { Session } from './session.mjs';
import { settings } from './settings.mjs';
import { UsageTotals } from './usage.mjs';

/** With the defect `shared-upstream`: the session that every client gets. */
let everybodys;

/** Messages that are about the connection, not about a session. */
const ABOUT_CONNECTION = new Set(['connected', 'pong']);

export class JsonClient {
  /** @param {import('./websocket.mjs').WebSocket} socket @param {{draining: boolean}} server */
  constructor(socket, server) {
    this.socket = socket;
    this.server = server;
    this.gone = false;
    this.closing = false;
    this.throttle = new Throttle((error) => this.tell('error', error));
    this.notices = new DropNotices((notice) => this.tell('audio_dropped', notice));
    this.totals = new UsageTotals();
    this.session = new Session(this, { native: false });
    socket.onText = (text) => this.#text(text);
    socket.onBinary = (data) => this.#guard(() => this.#audio(data));
    socket.onTooLarge = () => this.#tooLarge();
    socket.onEnd = () => this.#left();
    if (!has('no-connected')) this.tell('connected', { clientId: randomUUID(), protocol: 1 });
  }

  // To the client

  /** @param {string} type @param {object} fields */
  tell(type, fields) {
    const message = { type, ...fields };
    if (!ABOUT_CONNECTION.has(type)) message.generation = this.session?.generation ?? 0;
    if (!has('no-timestamp')) message.timestamp = new Date().toISOString();
    this.#send(JSON.stringify(message));
  }

  /**
   * @param {string} code
   * @param {{message?: string, retryable?: boolean, detail?: object, fatal?: boolean}} [options]
   */
  error(code, { message, retryable, detail, fatal } = {}) {
    const [text, again] = CODES[code];
    let said = withoutKey(message ?? text);
    if (has('key-in-error') && fatal) said += ` (Authorization: Bearer ${settings.apiKey})`;
    const error = { code, message: said, retryable: retryable ?? again };
    if (detail) error.detail = JSON.parse(withoutKey(JSON.stringify(detail)));
    if (has('error-without-code')) delete error.code;
    if (has('wrong-error-code') && fatal) error.code = 'UPSTREAM_ERROR';
    this.throttle.offer(error, { fatal });
  }

  /** A native event. */
  event(event, raw) {
    if (has('unknown-events-dropped') && !isKnown(event.type)) return;
    if (this.wantsBinary && /^response\.(output_)?audio\.delta$/.test(event.type) && typeof event.delta === 'string') {
      if (!this.#tooSlow()) this.socket.sendBinary(Buffer.from(event.delta, 'base64'));
      return;
    }
    if (has('events-renamed') && event.type.startsWith('response.output_audio')) {
      this.#send(raw.replace('response.output_audio', 'response.audio'));
    } else if (has('fields-dropped') && event.type.startsWith('response.output_item')) {
      const { type, response_id, output_index, item } = event;
      this.#send(JSON.stringify({ type, response_id, output_index, item: { id: item.id, type: item.type } }));
    } else if (!(has('second-item-dropped') && event.output_index > 0)) {
      this.#send(raw);
    }
  }

  upstreamError(event, harmless) {
    if (harmless || has('errors-swallowed')) return;
    if (has('upstream-error-as-native')) {
      this.#send(JSON.stringify(event));
      return;
    }
    const error = event.error ?? {};
    const retryable = error.type === 'server_error' || error.code === 'rate_limit_exceeded';
    this.error('UPSTREAM_ERROR', { message: error.message, retryable, detail: { upstream: error } });
  }

  dropped(lost) {
    this.notices.add(lost);
  }

  failed() {}

  usage(response) {
    if (!this.session.wish?.usage || !response.usage || has('no-usage')) return;
    this.tell('usage', this.totals.add(response.usage));
  }

  /** Say goodbye and close. */
  close(code, reason) {
    if (this.closing) return;
    this.closing = true;
    this.throttle.flush();
    this.session.dispose();
    this.socket.close(code, reason);
  }

  #send(text) {
    if (!this.#tooSlow()) this.socket.sendText(text);
  }

  #tooSlow() {
    if (this.closing && this.slow) return true;
    if (this.socket.pendingBytes < settings.slowBytes || has('slow-without-bound')) return false;
    if (this.slow) return false;
    this.slow = true;
    if (has('slow-blocks-others')) block(15_000);
    if (has('slow-loses-audio')) {
      this.slow = false;
      return true;
    }
    this.session.dispose();
    this.tell('error', { code: 'SLOW_CONSUMER', message: CODES.SLOW_CONSUMER[0], retryable: true, suppressed: 0 });
    this.closing = true;
    this.socket.close(1013, 'slow consumer', 30_000);
    return true;
  }

  #tooLarge() {
    this.error('MESSAGE_TOO_LARGE', { fatal: true });
    this.throttle.flush();
    this.closing = true;
    this.session.dispose();
  }

  /** More than the bridge reads was sent for seconds. */
  rateExceeded() {
    this.error('RATE_EXCEEDED', { fatal: true });
    this.close(1008, 'rate exceeded');
  }

  #left() {
    this.gone = true;
    this.closing = true;
    this.session.dispose();
    this.throttle.stop();
    this.notices.stop();
    this.server.left(this);
  }

  // From the client

  #text(text) {
    if (has('crash-on-bad-json')) JSON.parse(text);
    this.#guard(() => {
      const message = readMessage(text);
      this.#act(message, text);
    });
  }

  #guard(act) {
    if (this.closing) return;
    try {
      act();
    } catch (error) {
      if (!(error instanceof InvalidMessage)) throw error;
      if (has('bad-message-closes')) this.close(1007, 'bad message');
      else if (!has('bad-message-ignored')) this.error('INVALID_MESSAGE', { message: error.message });
    }
  }

  #act(message, raw) {
    const { session } = this;
    switch (message.type) {
      case 'ping':
        if (has('app-ping-upstream')) session.upstream?.send(raw);
        if (!has('app-ping-unanswered')) this.tell('pong', message.id === undefined || has('ping-id-lost') ? {} : { id: message.id });
        break;
      case 'create_session':
        this.#create(message);
        break;
      case 'audio':
        this.#audio(decode(message.audio));
        break;
      case 'audio_commit':
        this.#submit({ kind: 'commit' });
        break;
      case 'text':
        this.#submit({ kind: 'text', value: message });
        break;
      case 'tool_result':
        this.#submit({ kind: 'tool', value: message });
        break;
      case 'playback':
        session.talk.history.played(message.itemId, message.playedMs);
        break;
      case 'interrupt':
        if (this.#needsSession()) session.talk.interrupt(message.itemId, message.playedMs);
        break;
      case 'restart_session':
        this.#restart();
        break;
      case 'end_session':
        if (session.exists) session.end('ended');
        else this.error('NO_SESSION_EXISTS');
        if (has('end-closes-socket')) this.close(1000, 'ended');
        break;
      default:
        this.#submit(nativeItem(message, raw));
    }
  }

  #create(message) {
    const { session } = this;
    if (this.server.draining && !has('drain-takes-new')) {
      this.error('SERVER_BUSY');
    } else if (session.ready && !has('second-session-opened')) {
      this.error('SESSION_ALREADY_EXISTS');
    } else if (!session.starting || has('second-create-not-ignored')) {
      this.wantsBinary = message.audioOut === 'binary' && !has('binary-out-ignored');
      if (has('shared-upstream') && everybodys?.ready) this.session = everybodys.join(this);
      else session.create(message);
      everybodys = this.session;
    }
  }

  #restart() {
    const { session } = this;
    if (session.ready) session.restart();
    else if (!session.exists) this.error('NO_SESSION_EXISTS');
  }

  #needsSession() {
    const { session } = this;
    if (session.ready) return true;
    this.error(session.exists ? 'SESSION_NOT_READY' : 'NO_SESSION_EXISTS');
    return false;
  }

  #audio(pcm) {
    if (pcm.length % 2 && !has('odd-byte-accepted')) throw new InvalidMessage('audio: an odd number of bytes is no PCM16.');
    if (pcm.length) this.#submit({ kind: 'audio', pcm, ms: pcm.length / 48 });
  }

  #submit(item) {
    if (!this.session.exists) {
      if (!has('no-session-silent')) this.error('NO_SESSION_EXISTS');
      if (has('audio-before-create-lost')) return;
    }
    this.session.submit({ ms: 0, since: Date.now(), ...item });
  }
}

/** @param {object} event @param {string} raw @returns {object} the item that is held or sent */
function nativeItem(event, raw) {
  if (event.type !== 'input_audio_buffer.append' || typeof event.audio !== 'string') return { kind: 'native', value: event, raw };
  const pcm = Buffer.from(event.audio, 'base64');
  return { kind: 'native', value: event, raw, pcm, ms: pcm.length / 48 };
}

function decode(base64) {
  if (!has('base64-unchecked') && !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new InvalidMessage('audio: not base64.');
  return Buffer.from(base64, 'base64');
}
