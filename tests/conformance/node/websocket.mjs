/**
 * RFC 6455 framing over a connected socket, for either side of a connection. No extensions.
 *
 * It checks what the peer sends (masking, reserved bits, lengths, UTF-8, close codes) and ends the connection with
 * 1002, 1007 or 1009 when something is wrong.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { has } from './defects.mjs';

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** How long the peer gets to answer a close frame. */
const CLOSE_MS = 2000;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** @param {string} key the `Sec-WebSocket-Key` @returns {string} the `Sec-WebSocket-Accept` that answers it */
export function acceptKey(key) {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** @param {number} code @returns {boolean} whether a peer may send this code in a close frame */
function legalCloseCode(code) {
  return (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code));
}

/**
 * One connection. Set the handlers before the first turn of the event loop ends.
 * @property {(text: string) => void} onText
 * @property {(data: Buffer) => void} onBinary
 * @property {(code: number, reason: string) => void} onEnd called once, when the connection is over; 1006 without a close frame
 * @property {(bytes: number) => void} onTooLarge called before the connection ends with 1009
 */
export class WebSocket {
  onText = () => {};
  onBinary = () => {};
  onEnd = () => {};
  onTooLarge = () => {};

  /**
   * @param {import('node:net').Socket} socket
   * @param {{masks: boolean, maxMessage: number, pingMs: number, head?: Buffer, quiet?: boolean}} options
   *   `masks`: this side is the client. `quiet`: doesn't answer pings (a defect).
   */
  constructor(socket, options) {
    this.socket = socket;
    this.options = options;
    this.buffered = Buffer.alloc(0);
    this.parts = [];
    this.partBytes = 0;
    this.opcode = 0;
    this.frames = 0;
    this.closeSent = false;
    this.ended = false;
    this.received = { code: 1006, reason: '' };
    this.awaitsPong = false;
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on('data', (data) => this.#take(data));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(this.closeTimer);
      this.#finish();
    });
    this.pinger = setInterval(() => this.#keepAlive(), options.pingMs);
    if (options.head?.length) queueMicrotask(() => this.#take(options.head));
  }

  /** @returns {number} bytes that the peer hasn't taken yet */
  get pendingBytes() {
    return this.socket.writableLength;
  }

  /** @param {string} text */
  sendText(text) {
    if (!this.closeSent) this.#write(TEXT, Buffer.from(text));
  }

  /** @param {Buffer} data */
  sendBinary(data) {
    if (!this.closeSent) this.#write(BINARY, data);
  }

  /** Send a close frame; the connection is cut when the peer doesn't answer it in time. */
  close(code = 1000, reason = '', patienceMs = CLOSE_MS) {
    if (this.closeSent || this.ended) return;
    const text = Buffer.from(reason).subarray(0, 123);
    const body = Buffer.alloc(2 + text.length);
    body.writeUInt16BE(code);
    text.copy(body, 2);
    this.#write(CLOSE, body);
    this.closeSent = true;
    clearInterval(this.pinger);
    this.closeTimer = setTimeout(() => this.socket.destroy(), patienceMs);
  }

  destroy() {
    this.socket.destroy();
  }

  #keepAlive() {
    if (this.awaitsPong) {
      this.received = { code: 1006, reason: 'ping timeout' };
      this.socket.destroy();
      return;
    }
    this.awaitsPong = true;
    this.#write(PING, Buffer.from('ka'));
  }

  #write(opcode, payload) {
    if (this.ended || this.socket.destroyed) return;
    const mask = this.options.masks ? 0x80 : 0;
    const size = payload.length;
    let header;
    if (size < 126) {
      header = Buffer.from([0x80 | opcode, mask | size]);
    } else if (size < 65536) {
      header = Buffer.from([0x80 | opcode, mask | 126, size >> 8, size & 255]);
    } else {
      header = Buffer.alloc(10);
      header[0] = 0x80 | opcode;
      header[1] = mask | 127;
      header.writeBigUInt64BE(BigInt(size), 2);
    }
    if (!mask) {
      this.socket.cork();
      this.socket.write(header);
      this.socket.write(payload);
      this.socket.uncork();
      return;
    }
    const key = randomBytes(4);
    const masked = Buffer.allocUnsafe(size);
    for (let i = 0; i < size; i += 1) masked[i] = payload[i] ^ key[i & 3];
    this.socket.write(Buffer.concat([header, key, masked]));
  }

  #take(data) {
    if (this.ended || this.failed) return;
    this.buffered = this.buffered.length ? Buffer.concat([this.buffered, data]) : data;
    try {
      while (!this.failed && this.#frame());
    } catch (error) {
      this.#fail(1011, `internal error: ${error.message}`);
      console.error(error);
    }
  }

  /** Take one frame from what was read. @returns {boolean} whether there was a whole one */
  #frame() {
    const data = this.buffered;
    if (data.length < 2) return false;
    const final = (data[0] & 0x80) !== 0;
    const opcode = data[0] & 15;
    const masked = (data[1] & 0x80) !== 0;
    let size = data[1] & 127;
    let at = 2;
    if (data[0] & 0x70) return this.#fail(1002, 'reserved bits are set');
    if (masked === this.options.masks) return this.#fail(1002, 'wrong masking');
    if (opcode >= 8 && (!final || size > 125)) return this.#fail(1002, 'malformed control frame');
    if (size === 126) {
      if (data.length < 4) return false;
      size = data.readUInt16BE(2);
      at = 4;
    } else if (size === 127) {
      if (data.length < 10) return false;
      size = Number(data.readBigUInt64BE(2));
      at = 10;
    }
    if (opcode < 8 && this.partBytes + size > this.options.maxMessage) {
      this.onTooLarge(this.partBytes + size);
      return this.#fail(1009, 'message too large');
    }
    const start = masked ? at + 4 : at;
    if (data.length < start + size) return false;
    const payload = Buffer.from(data.subarray(start, start + size));
    if (masked) for (let i = 0; i < size; i += 1) payload[i] ^= data[at + (i & 3)];
    this.buffered = data.subarray(start + size);
    this.frames += 1;
    return this.#act(opcode, final, payload);
  }

  #act(opcode, final, payload) {
    switch (opcode) {
      case 0:
        if (!this.opcode) return this.#fail(1002, 'continuation of nothing');
        return this.#part(final, payload);
      case TEXT:
      case BINARY:
        if (this.opcode) return this.#fail(1002, 'a message inside a fragmented message');
        this.opcode = opcode;
        return this.#part(final, payload);
      case CLOSE:
        return this.#closed(payload);
      case PING:
        if (!this.options.quiet && !this.closeSent) this.#write(PONG, payload);
        return true;
      case PONG:
        this.awaitsPong = false;
        return true;
      default:
        return this.#fail(1002, 'unknown opcode');
    }
  }

  #part(final, payload) {
    this.parts.push(payload);
    this.partBytes += payload.length;
    if (!final) return true;
    const message = this.parts.length === 1 ? payload : Buffer.concat(this.parts);
    const { opcode } = this;
    this.parts = [];
    this.partBytes = 0;
    this.opcode = 0;
    if (this.closeSent) return true;
    if (opcode === BINARY) {
      this.onBinary(message);
      return true;
    }
    let text;
    try {
      text = has('utf8-unchecked') ? message.toString('utf8') : decoder.decode(message);
    } catch {
      return this.#fail(1007, 'invalid UTF-8');
    }
    this.onText(text);
    return true;
  }

  #closed(payload) {
    const code = payload.length >= 2 ? payload.readUInt16BE() : 1005;
    if (payload.length === 1 || (payload.length >= 2 && !legalCloseCode(code))) return this.#fail(1002, 'bad close frame');
    this.received = { code, reason: payload.subarray(2).toString() };
    if (!this.closeSent && !has('close-not-answered')) {
      this.#write(CLOSE, payload.subarray(0, 2));
      this.closeSent = true;
    }
    this.failed = true;
    clearInterval(this.pinger);
    if (has('tcp-left-open') && !this.options.masks) return false;
    if (!this.options.masks && this.closeSent) this.socket.end();
    this.closeTimer ??= setTimeout(() => this.socket.destroy(), CLOSE_MS);
    this.#finish();
    return false;
  }

  #fail(code, reason) {
    if (!this.failed) this.received = { code: this.closeSent ? this.received.code : 1006, reason };
    this.close(code, reason);
    this.failed = true;
    this.buffered = Buffer.alloc(0);
    return false;
  }

  #finish() {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.pinger);
    this.onEnd(this.received.code, this.received.reason);
  }
}
