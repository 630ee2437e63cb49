/**
 * How fast a client may send: first it is read more slowly, and after five seconds of that its connection ends.
 * @module
 */
import { block, has } from './defects.mjs';
import { settings } from './settings.mjs';

const STEP_MS = 100;

/** Tokens of one kind: so many a second, and so many at once. */
class Bucket {
  constructor(perSecond, burst, used) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.used = used;
    this.left = burst;
    this.seen = 0;
  }

  step() {
    const used = this.used();
    this.left = Math.min(this.burst, this.left + (this.perSecond * STEP_MS) / 1000 - (used - this.seen));
    this.seen = used;
  }
}

export class RateWatch {
  /** @param {import('./websocket.mjs').WebSocket} link @param {() => void} onExceeded */
  constructor(link, onExceeded) {
    this.socket = link.socket;
    this.buckets = [
      new Bucket(settings.bytesPerSecond, settings.bytesBurst, () => link.socket.bytesRead),
      new Bucket(settings.messagesPerSecond, settings.messagesBurst, () => link.frames),
    ];
    this.slowSince = undefined;
    this.onExceeded = onExceeded;
    const timer = setInterval(() => this.#step(), STEP_MS);
    this.socket.on('close', () => clearInterval(timer));
  }

  #step() {
    for (const bucket of this.buckets) bucket.step();
    if (this.buckets.every((bucket) => bucket.left >= 0)) {
      if (this.socket.isPaused()) this.socket.resume();
      if (this.buckets.every((bucket) => bucket.left > bucket.perSecond)) this.slowSince = undefined;
      return;
    }
    if (has('flood-blocks-others') && this.slowSince === undefined) block(30_000);
    this.slowSince ??= Date.now();
    this.socket.pause();
    if (Date.now() - this.slowSince > settings.rateSustainedMs) {
      this.slowSince = Infinity;
      this.onExceeded();
      this.socket.resume();
    }
  }
}
