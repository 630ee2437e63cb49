// The microphone's end of the audio thread: the device's rate to PCM16 at 24 kHz, in blocks of 20 ms.
//
// Out: {pcm, peak} for each block, {ended: true} after the last one. In: "flush" ends it; the last block is cut short, not
// lost.

import { Resampler } from "./resampler.js";

export const RATE = 24_000;
const BLOCK = RATE / 50;

/** Collects samples of any rate into blocks of PCM16. */
export class BlockMaker {
  #block = new Int16Array(BLOCK);
  #filled = 0;

  /** @param {number} rate in Hz @param {(pcm: Int16Array<ArrayBuffer>, peak: number) => void} onBlock `peak` from 0 to 1 */
  constructor(rate, onBlock) {
    this.resampler = new Resampler(rate, RATE);
    this.onBlock = onBlock;
  }

  /** @param {Float32Array<ArrayBufferLike>} samples from -1 to 1 */
  add(samples) {
    this.#collect(this.resampler.process(samples));
  }

  /** Give what is left, as a short block. */
  flush() {
    this.#collect(this.resampler.flush());
    if (this.#filled) this.#give();
  }

  /** @param {Float32Array<ArrayBufferLike>} samples */
  #collect(samples) {
    for (const sample of samples) {
      this.#block[this.#filled] = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768)));
      this.#filled += 1;
      if (this.#filled === BLOCK) this.#give();
    }
  }

  #give() {
    const pcm = this.#block.slice(0, this.#filled);
    this.#filled = 0;
    this.onBlock(pcm, pcm.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0) / 32_768);
  }
}

/** @param {Float32Array[]} channels @returns {Float32Array<ArrayBufferLike>} */
export function mixDown(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, index) => channels.reduce((sum, one) => sum + one[index], 0) / channels.length);
}

if (typeof registerProcessor === "function") {
  registerProcessor(
    "sherpa-mic",
    class extends AudioWorkletProcessor {
      #running = true;
      #blocks = new BlockMaker(sampleRate, (pcm, peak) => this.port.postMessage({ pcm, peak }, [pcm.buffer]));

      constructor() {
        super();
        this.port.onmessage = () => {
          if (this.#running) this.#blocks.flush();
          this.#running = false;
          this.port.postMessage({ ended: true });
        };
      }

      /** @param {Float32Array[][]} inputs */
      process([channels]) {
        if (this.#running && channels.length) this.#blocks.add(mixDown(channels));
        return this.#running;
      }
    },
  );
}
