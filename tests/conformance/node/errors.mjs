/**
 * What a failure means (code, whether to try again), and the throttle in front of a client.
 * @module
 */
import { has } from './defects.mjs';
import { settings } from './settings.mjs';

/**
 * Why an upstream connection failed or ended.
 * @typedef {{status?: number, code?: number, reason?: string, error?: object, retryAfterMs?: number,
 *   network?: string, timeout?: boolean}} Cause
 */

/** Error codes of the client protocol: [message, whether trying again can help]. */
export const CODES = {
  NO_SESSION_EXISTS: ['There is no session. Send create_session first.', true],
  SESSION_NOT_READY: ['The session is not ready. Wait for session_ready or reconnected.', true],
  SESSION_ALREADY_EXISTS: ['This connection has a session already.', false],
  SESSION_INITIALIZATION_FAILED: ['The session could not be created.', true],
  AUTHENTICATION_FAILED: ['The service refused the key of the bridge.', false],
  ACCESS_DENIED: ['The key of the bridge has no access to the Realtime API.', false],
  SESSION_NOT_FOUND: ['The service does not know this session.', true],
  MODEL_NOT_AVAILABLE: ['The model is not available.', false],
  DIALECT_REFUSED: ['The service refused the shape of the session.', false],
  RATE_LIMITED: ['The service limits the rate of requests.', true],
  QUOTA_EXHAUSTED: ['The account of the bridge has no credit.', false],
  UPSTREAM_UNAVAILABLE: ['The service is not available.', true],
  UPSTREAM_ERROR: ['The service reported an error.', true],
  SESSION_EXPIRED: ['The session reached its maximum duration.', true],
  CONNECTION_LOST: ['The connection to the service was lost and could not be restored.', true],
  SLOW_CONSUMER: ['The client reads too slowly.', true],
  INVALID_MESSAGE: ['The message is not valid.', false],
  MESSAGE_TOO_LARGE: ['The message is too large.', false],
  RATE_EXCEEDED: ['The client sends too much.', true],
  SERVER_BUSY: ['The bridge takes no new sessions.', true],
};

const QUOTA = new Set([
  ...['insufficient_quota', 'credit_balance_exhausted', 'project_spend_limit_exceeded'],
  ...['organization_spend_limit_exceeded', 'organization_usage_limit_exceeded'],
]);
const BY_UPSTREAM_CODE = {
  invalid_api_key: 'AUTHENTICATION_FAILED',
  model_not_found: 'MODEL_NOT_AVAILABLE',
  invalid_model: 'MODEL_NOT_AVAILABLE',
  beta_api_shape_disabled: 'DIALECT_REFUSED',
  missing_model: 'DIALECT_REFUSED',
  invalid_intent: 'DIALECT_REFUSED',
  unknown_parameter: 'DIALECT_REFUSED',
  missing_required_parameter: 'DIALECT_REFUSED',
  invalid_parameter: 'DIALECT_REFUSED',
  invalid_value: 'DIALECT_REFUSED',
  integer_below_min_value: 'DIALECT_REFUSED',
  string_above_max_length: 'DIALECT_REFUSED',
  rate_limit_exceeded: 'RATE_LIMITED',
  inference_rate_limit_exceeded: 'RATE_LIMITED',
};
const BY_STATUS = {
  400: 'DIALECT_REFUSED',
  401: 'AUTHENTICATION_FAILED',
  403: 'ACCESS_DENIED',
  404: 'MODEL_NOT_AVAILABLE',
  429: 'RATE_LIMITED',
};
const BY_CLOSE = { 3000: 'AUTHENTICATION_FAILED', 4000: 'DIALECT_REFUSED', 4004: 'MODEL_NOT_AVAILABLE' };
/** Upstream errors that say nothing a client could use. */
export const HARMLESS = new Set([
  'response_cancel_not_active',
  'conversation_already_has_active_response',
  'item_create_duplicate_item_id',
]);

/** @param {Cause} cause @returns {string} the error code of the client protocol */
export function classify(cause) {
  const { error } = cause;
  if (QUOTA.has(error?.code) || QUOTA.has(error?.type) || cause.reason?.includes('insufficient_quota')) {
    return has('quota-as-rate-limit') ? 'RATE_LIMITED' : 'QUOTA_EXHAUSTED';
  }
  if (BY_UPSTREAM_CODE[error?.code]) return BY_UPSTREAM_CODE[error.code];
  return BY_STATUS[cause.status] ?? BY_CLOSE[cause.code] ?? 'UPSTREAM_UNAVAILABLE';
}

/** @param {string} code @returns {boolean} whether the bridge tries again after this failure */
export function isRetried(code) {
  if (has('retry-bad-key') && code === 'AUTHENTICATION_FAILED') return true;
  if (has('retry-no-credit') && code === 'QUOTA_EXHAUSTED') return true;
  if (has('retry-no-model') && code === 'MODEL_NOT_AVAILABLE') return true;
  if (has('retry-refused-shape') && code === 'DIALECT_REFUSED') return true;
  if (has('retry-no-access') && code === 'ACCESS_DENIED') return true;
  if (has('no-retry-unavailable') && code === 'UPSTREAM_UNAVAILABLE') return false;
  if (has('no-retry-rate-limit') && code === 'RATE_LIMITED') return false;
  return CODES[code][1];
}

/** @param {string} text @returns {string} the text without the key */
export function withoutKey(text) {
  const { apiKey } = settings;
  return apiKey && !has('key-in-error') ? text.replaceAll(apiKey, '***') : text;
}

/** Not retryable beats retryable; later beats earlier. @returns {boolean} whether `other` replaces `held` */
function outranks(other, held) {
  return Number(!other.retryable) >= Number(!held.retryable);
}

/** Lets one error pass in any window of two seconds; of those held back the most severe goes out when it opens again. */
export class Throttle {
  /** @param {(error: object) => void} send */
  constructor(send) {
    this.send = send;
    this.held = undefined;
    this.count = 0;
    this.fatal = [];
    this.timer = undefined;
  }

  /** @param {{code: string, retryable: boolean}} error @param {{fatal?: boolean}} options `fatal`: it ends the session */
  offer(error, { fatal = false } = {}) {
    if (has('error-flood')) {
      this.send({ ...error, suppressed: 0 });
    } else if (!this.timer) {
      this.#pass({ ...error, suppressed: 0 });
    } else if (fatal) {
      this.fatal.push(error);
    } else {
      this.count += 1;
      const replaces = has('throttle-keeps-first') ? !this.held : !this.held || outranks(error, this.held);
      if (replaces) this.held = error;
    }
  }

  /** Send what is held back now: the connection is about to be closed. */
  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (has('throttled-lost')) return;
    const last = this.fatal.pop() ?? this.held;
    if (!last) return;
    const others = this.count + this.fatal.length - (last === this.held ? 1 : 0);
    this.send({ ...last, suppressed: others });
    this.#forget();
  }

  stop() {
    clearTimeout(this.timer);
  }

  #pass(error) {
    this.send(has('suppressed-always-zero') ? { ...error, suppressed: 0 } : error);
    this.timer = setTimeout(() => this.#open(), has('throttle-too-short') ? 500 : settings.throttleMs);
  }

  #open() {
    this.timer = undefined;
    const fatal = this.fatal.shift();
    if (fatal) {
      const suppressed = this.count;
      this.#forgetHeld();
      this.#pass({ ...fatal, suppressed });
    } else if (this.held) {
      const error = { ...this.held, suppressed: this.count - 1 };
      this.#forgetHeld();
      if (!has('throttled-lost')) this.#pass(error);
    }
  }

  #forgetHeld() {
    this.held = undefined;
    this.count = 0;
  }

  #forget() {
    this.#forgetHeld();
    this.fatal = [];
  }
}
