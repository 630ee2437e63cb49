// The loudspeaker's end of the audio thread: answers at 24 kHz are queued, resampled to the device's rate and played.
//
// In: {append: pcm, itemId}, {end: itemId}, {stop: true}. Out: {event, itemId, playedMs, queuedMs}, where event is
// `started`, `progress` (ten times a second), `underrun`, `ended`, `stopped` or `overflow`. Positions are those of the item
// that plays, not of the newest one.

import { Resampler } from "./resampler.js";

export const RATE = 24_000;
/** Played only once this much is there: a start, or a new start after an underrun, that does not stutter. */
export const PREROLL_MS = 50;
/** The service sends faster than it speaks. The longest answer that is kept; further speech is dropped, and said. */
export const MAX_QUEUED_MS = 600_000;
/** How long the end of a stopped answer takes to fade: no click, and gone long before 50 ms. */
const FADE_MS = 5;

/** @typedef {{itemId: string, playedMs: number, queuedMs: number}} Position */
/** @typedef {{id: string, chunks: Int16Array[], complete: boolean, resampler: Resampler, played: number}} Item */

/** What is played next. `render` is called by the audio thread, everything else between two calls of it. */
export class PlaybackQueue {
  /** @type {Item[]} */
  #items = [];
  /** @type {Float32Array<ArrayBufferLike>} resampled, of the first item */
  #ready = new Float32Array(0);
  #queued = 0;
  #playing = false;
  #fade = 0;

  /** @param {number} rate in Hz @param {(event: string, position: Position) => void} onEvent */
  constructor(rate, onEvent) {
    this.rate = rate;
    this.onEvent = onEvent;
  }

  /** @param {string} itemId @param {Int16Array} pcm */
  append(itemId, pcm) {
    let item = this.#items.find((one) => one.id === itemId);
    if (!item) {
      item = { id: itemId, chunks: [], complete: false, resampler: new Resampler(RATE, this.rate), played: 0 };
      this.#items.push(item);
    }
    if (this.#queued + pcm.length > (MAX_QUEUED_MS * RATE) / 1000) {
      this.#tell("overflow", item);
      return;
    }
    item.chunks.push(pcm);
    this.#queued += pcm.length;
  }

  /** Nothing more comes of this item. @param {string} itemId */
  end(itemId) {
    const item = this.#items.find((one) => one.id === itemId);
    if (item) item.complete = true;
  }

  /** Silence, at once, and forget what is queued. */
  stop() {
    const [item] = this.#items;
    if (!item) return;
    this.#fade = this.#playing ? Math.ceil((FADE_MS * this.rate) / 1000) : 0;
    this.#tell("stopped", item);
    this.#items = [];
    this.#queued = 0;
    this.#playing = false;
    this.#ready = this.#ready.slice(0, this.#fade);
  }

  /** Where playback is; null where nothing is queued. */
  get position() {
    return this.#items.length ? this.#positionOf(this.#items[0]) : null;
  }

  get playing() {
    return this.#playing;
  }

  /** Fill one block of output. @param {Float32Array} output */
  render(output) {
    output.fill(0);
    if (this.#fade) this.#fadeOut(output);
    let at = 0;
    while (at < output.length && this.#items.length) {
      const [item] = this.#items;
      if (!this.#playing && !this.#start(item)) return;
      this.#resample(item, output.length - at);
      const part = this.#ready.subarray(0, output.length - at);
      output.set(part, at);
      at += part.length;
      item.played += part.length;
      this.#ready = this.#ready.slice(part.length);
      if (!this.#ready.length && !item.chunks.length) this.#runDry(item);
    }
  }

  /** @param {Item} item */
  #start(item) {
    const ms = this.#queuedOf(item) / (RATE / 1000) + (this.#ready.length * 1000) / this.rate;
    this.#close(item);
    if (ms < PREROLL_MS && !item.complete) return false;
    this.#playing = true;
    if (!item.played) this.#tell("started", item);
    return true;
  }

  /** An item is complete, too, when another one follows it. @param {Item} item */
  #close(item) {
    if (this.#items.length > 1) item.complete = true;
  }

  /** @param {Item} item @param {number} wanted */
  #resample(item, wanted) {
    while (this.#ready.length < wanted && item.chunks.length) {
      const chunk = /** @type {Int16Array} */ (item.chunks.shift());
      this.#queued -= chunk.length;
      this.#add(item.resampler.process(Float32Array.from(chunk, (value) => value / 32_768)));
      this.#close(item);
      if (!item.chunks.length && item.complete) this.#add(item.resampler.flush());
    }
  }

  /** @param {Float32Array<ArrayBufferLike>} samples */
  #add(samples) {
    const joined = new Float32Array(this.#ready.length + samples.length);
    joined.set(this.#ready);
    joined.set(samples, this.#ready.length);
    this.#ready = joined;
  }

  /** @param {Item} item */
  #runDry(item) {
    this.#close(item);
    this.#playing = false; // the next item begins, or this one goes on, as soon as enough is there
    this.#tell(item.complete ? "ended" : "underrun", item);
    if (item.complete) this.#items.shift();
  }

  /** @param {Float32Array} output */
  #fadeOut(output) {
    const part = this.#ready.subarray(0, output.length);
    part.forEach((sample, index) => {
      output[index] = sample * Math.max(0, (this.#fade - index) / ((FADE_MS * this.rate) / 1000));
    });
    this.#fade = Math.max(0, this.#fade - output.length);
    this.#ready = this.#fade ? this.#ready.slice(part.length) : new Float32Array(0);
  }

  /** @param {Item} item */
  #queuedOf(item) {
    return item.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** @param {Item} item @returns {Position} */
  #positionOf(item) {
    return {
      itemId: item.id,
      playedMs: (item.played * 1000) / this.rate,
      queuedMs: (this.#queued * 1000) / RATE + (this.#ready.length * 1000) / this.rate,
    };
  }

  /** @param {string} event @param {Item} item */
  #tell(event, item) {
    this.onEvent(event, this.#positionOf(item));
  }
}

if (typeof registerProcessor === "function") {
  registerProcessor(
    "sherpa-player",
    class extends AudioWorkletProcessor {
      #frames = 0;
      #queue = new PlaybackQueue(sampleRate, (event, position) => this.port.postMessage({ event, ...position }));

      constructor() {
        super();
        this.port.onmessage = ({ data }) => {
          if (data.append) this.#queue.append(data.itemId, data.append);
          else if (data.end) this.#queue.end(data.end);
          else if (data.stop) this.#queue.stop();
        };
      }

      /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
      process(_inputs, [channels]) {
        this.#queue.render(channels[0]);
        for (const other of channels.slice(1)) other.set(channels[0]);
        this.#frames += channels[0].length;
        if (this.#frames >= sampleRate / 10) {
          this.#frames = 0;
          const position = this.#queue.playing ? this.#queue.position : null;
          if (position) this.port.postMessage({ event: "progress", ...position });
        }
        return true;
      }
    },
  );
}
