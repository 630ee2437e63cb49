// Waits that grow, with jitter. Pure: chance is an argument.

/** The wait before the first retry, in ms; it doubles up to the last one. */
const FIRST_MS = 1_000;
const LAST_MS = 16_000;
/** Never less than this: a bridge that closes at once must not be asked in a tight loop. */
const LEAST_MS = 250;

/**
 * A wait with full jitter: from LEAST_MS up to a bound that doubles with each attempt.
 * @param {number} attempt from 0
 * @param {number} random from 0 to 1
 */
export function growingWait(attempt, random) {
  const bound = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return LEAST_MS + random * (bound - LEAST_MS);
}

/** Longer than the bridge's own time-out of an attempt (10 s), after which it reports the next attempt. */
export const READINESS_MS = 20_000;

/** A bridge waits no longer than this before an attempt, whatever the service asks for. */
const MAX_ANNOUNCED_MS = 60_000;

/** How much longer a bridge may be silent that has announced its next attempt. @param {unknown} delayMs */
export function announcedWait(delayMs) {
  return typeof delayMs === "number" && delayMs > 0 ? Math.min(delayMs, MAX_ANNOUNCED_MS) : 0;
}
