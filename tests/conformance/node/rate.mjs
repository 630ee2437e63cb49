/**
 * How fast a client may send: first it is read more slowly, and after five seconds of that its connection ends.
 * @module
 */
import { settings } from './settings.mjs';

const STEP_MS = 100;

export class RateWatch {
  /** @param {import('node:net').Socket} socket @param {() => void} onExceeded */
  constructor(socket, onExceeded) {
    this.socket = socket;
    this.tokens = settings.rateBurst;
    this.seen = 0;
    this.slowSince = undefined;
    this.onExceeded = onExceeded;
    const timer = setInterval(() => this.#step(), STEP_MS);
    socket.on('close', () => clearInterval(timer));
  }

  #step() {
    const read = this.socket.bytesRead;
    this.tokens = Math.min(settings.rateBurst, this.tokens + (settings.ratePerSecond * STEP_MS) / 1000 - (read - this.seen));
    this.seen = read;
    if (this.tokens >= 0) {
      if (this.socket.isPaused()) this.socket.resume();
      if (this.tokens > settings.ratePerSecond) this.slowSince = undefined;
      return;
    }
    this.slowSince ??= Date.now();
    this.socket.pause();
    if (Date.now() - this.slowSince > settings.rateSustainedMs) {
      this.slowSince = Infinity;
      this.onExceeded();
      this.socket.resume();
    }
  }
}
