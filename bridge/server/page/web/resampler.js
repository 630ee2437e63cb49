// Changes the sample rate of a stream: a polyphase low-pass filter (windowed sinc). Pure; used by both worklets.
//
// Browsers run audio at the rate of the device, and Safari plays at the wrong speed where a context is told another one.
// So the context keeps the device's rate, and speech is resampled here, to and from 24 kHz.

/** Zero crossings on each side of the filter: 16 keep aliases about 70 dB down, for 0.7 ms of delay. */
const CROSSINGS = 16;
/** The pass band, as a part of the lower rate's half: the rest is the filter's slope. */
const PASS = 0.92;

/** @param {number} a @param {number} b @returns {number} */
const commonDivisor = (a, b) => (b ? commonDivisor(b, a % b) : a);

/** @param {number} x @param {number} half the filter's reach */
function tap(x, half) {
  if (Math.abs(x) >= half) return 0;
  const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / half) + 0.08 * Math.cos((2 * Math.PI * x) / half); // Blackman
  return window * (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
}

/** One stream of samples from one rate to another. */
export class Resampler {
  /** @type {Float32Array<ArrayBufferLike>} */
  #input;
  /** The place of the next sample in `#input`: whole, and in parts of `#up`. */
  #at;
  #phase = 0;

  /** @param {number} from in Hz @param {number} to in Hz */
  constructor(from, to) {
    const divisor = commonDivisor(Math.round(from), Math.round(to));
    this.up = Math.round(to) / divisor;
    this.down = Math.round(from) / divisor;
    const band = Math.min(1, to / from) * PASS;
    this.reach = this.up === this.down ? 0 : Math.ceil(CROSSINGS / band);
    this.filters = this.reach ? this.#makeFilters(band) : [];
    this.#input = new Float32Array(this.reach);
    this.#at = this.reach;
  }

  /** One filter for each place between two samples that occurs; each passes a constant unchanged. */
  /** @param {number} band */
  #makeFilters(band) {
    return Array.from({ length: this.up }, (_, phase) => {
      const taps = Float32Array.from({ length: 2 * this.reach }, (_, index) =>
        tap((index - this.reach + 1 - phase / this.up) * band, CROSSINGS),
      );
      const sum = taps.reduce((all, one) => all + one, 0);
      return taps.map((one) => one / sum);
    });
  }

  /**
   * Take samples, and return those that can be computed from what came so far.
   * @param {Float32Array<ArrayBufferLike>} samples
   * @returns {Float32Array<ArrayBufferLike>}
   */
  process(samples) {
    if (!this.reach) return samples;
    const input = new Float32Array(this.#input.length + samples.length);
    input.set(this.#input);
    input.set(samples, this.#input.length);
    const output = [];
    while (this.#at + this.reach < input.length) {
      output.push(this.#sample(input));
      this.#phase += this.down;
      this.#at += Math.floor(this.#phase / this.up);
      this.#phase %= this.up;
    }
    const done = Math.min(input.length, this.#at - this.reach);
    this.#input = input.slice(done);
    this.#at -= done;
    return Float32Array.from(output);
  }

  /** Return the last samples. The stream is over. */
  flush() {
    return this.process(new Float32Array(this.reach));
  }

  /** @param {Float32Array} input */
  #sample(input) {
    const filter = this.filters[this.#phase];
    const first = this.#at - this.reach + 1;
    let sum = 0;
    for (let index = 0; index < filter.length; index += 1) sum += filter[index] * input[first + index];
    return sum;
  }
}
