/**
 * What arrives while there is no ready session: one queue in one order, bounded by audio length, count and age.
 * @module
 */
import { has } from './defects.mjs';
import { settings } from './settings.mjs';

/**
 * One thing that waits: speech (`pcm`), or anything else, as it will be given to the session again.
 * @typedef {{pcm?: Buffer, ms: number, since: number, kind: string, value?: object, raw?: string}} HeldItem
 */

export class Held {
  /** @param {(lost: {chunks: number, ms: number, messages: number, reason: string}) => void} onDropped */
  constructor(onDropped) {
    this.items = [];
    this.onDropped = onDropped;
    this.ager = setInterval(() => this.#dropOld(), 1000);
  }

  /** @param {HeldItem} item */
  push(item) {
    if (has('audio-and-events-apart') && item.pcm === undefined) {
      const speech = this.items.findIndex((held) => held.pcm);
      this.items.splice(speech < 0 ? this.items.length : speech, 0, item);
    } else {
      this.items.push(item);
    }
    while (!has('hold-without-bound') && this.ms > settings.heldMs) this.#drop((held) => held.pcm, 'buffer_full');
    while (!has('hold-without-bound') && this.others > settings.heldOthers) this.#drop((held) => !held.pcm, 'buffer_full');
  }

  /** @returns {HeldItem[]} all of it, oldest first; nothing is held any more */
  take() {
    this.#dropOld();
    const { items } = this;
    this.items = [];
    return items;
  }

  /** Give up all of it. */
  clear(reason) {
    const { items } = this;
    this.items = [];
    this.#report(items, reason);
  }

  get chunks() {
    return this.items.filter((item) => item.pcm).length;
  }

  get ms() {
    return this.items.reduce((sum, item) => sum + item.ms, 0);
  }

  get others() {
    return this.items.length - this.chunks;
  }

  stop() {
    clearInterval(this.ager);
  }

  #drop(kind, reason) {
    const at = has('newest-dropped') ? this.items.findLastIndex(kind) : this.items.findIndex(kind);
    this.#report(this.items.splice(at, 1), reason);
  }

  #dropOld() {
    if (has('hold-forever')) return;
    const oldest = Date.now() - settings.heldAgeMs;
    const old = this.items.filter((item) => item.since < oldest);
    if (!old.length) return;
    this.items = this.items.filter((item) => item.since >= oldest);
    this.#report(old, 'too_old');
  }

  #report(items, reason) {
    if (!items.length || has('drop-silently')) return;
    const chunks = items.filter((item) => item.pcm).length;
    const ms = items.reduce((sum, item) => sum + item.ms, 0);
    this.onDropped({ chunks, ms, messages: items.length - chunks, reason });
  }
}

/** At most one `audio_dropped` a second, with sums for each reason. */
export class DropNotices {
  /** @param {(notice: object) => void} send */
  constructor(send) {
    this.send = send;
    this.waiting = new Map();
    this.timer = undefined;
  }

  add({ chunks, ms, messages, reason }) {
    const sum = this.waiting.get(reason) ?? { chunks: 0, ms: 0, messages: 0 };
    this.waiting.set(reason, { chunks: sum.chunks + chunks, ms: sum.ms + ms, messages: sum.messages + messages });
    if (has('notice-for-each-chunk') || !this.timer) this.#next();
  }

  #next() {
    const [entry] = this.waiting;
    this.timer = undefined;
    if (!entry) return;
    const [reason, sums] = entry;
    this.waiting.delete(reason);
    this.send({ ...sums, ms: Math.round(sums.ms), reason });
    this.timer = setTimeout(() => this.#next(), settings.dropNoticeMs);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
