/**
 * Token counts as clients are told. This bridge knows no prices, so the cost is always null.
 * @module
 */
import { has } from './defects.mjs';

export class UsageTotals {
  constructor() {
    this.total = counts({});
  }

  /** @param {object} usage of one response @returns {object} the fields of a `usage` message */
  add(usage) {
    const own = counts(usage);
    const base = has('usage-total-wrong') ? counts({}) : this.total;
    this.total = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, base[name] + value]));
    return { ...own, costUsd: null, total: { ...this.total, costUsd: null } };
  }
}

function counts(usage) {
  const input = usage.input_token_details ?? {};
  const output = usage.output_token_details ?? {};
  return {
    inputTokens: usage.input_tokens ?? 0,
    outputTokens: usage.output_tokens ?? 0,
    cachedTokens: input.cached_tokens ?? 0,
    audioInputTokens: input.audio_tokens ?? 0,
    audioOutputTokens: output.audio_tokens ?? 0,
  };
}
