/**
 * Settings of this bridge, read once from the environment. Every default is the one of the client protocol.
 * @module
 */

const MS = 1000;

/** @param {string} name @param {number} fallback @returns {number} */
function number(name, fallback) {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} isn't a number: ${text}`);
  return value;
}

export const settings = Object.freeze({
  port: number('PORT', 8765),
  host: process.env.HOST ?? '127.0.0.1',
  baseUrl: (process.env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1').replace(/\/+$/, ''),
  apiKey: process.env.OPENAI_API_KEY ?? '',
  model: process.env.OPENAI_MODEL ?? 'gpt-realtime-2.1',
  transcriptionModel: process.env.TRANSCRIPTION_MODEL ?? 'gpt-4o-mini-transcribe',
  betaHeader: process.env.OPENAI_DIALECT === 'beta',
  clientToken: process.env.CLIENT_TOKEN ?? '',
  allowedOrigins: (process.env.ALLOW_ORIGINS ?? '').split(',').filter(Boolean),
  maxSessions: number('MAX_SESSIONS', 1000),

  readinessMs: number('READINESS_SECONDS', 10) * MS,
  attempts: number('ATTEMPTS', 3),
  reconnectAttempts: number('RECONNECT_ATTEMPTS', 5),
  maxReconnections: 50,
  backoffMs: 1000,
  backoffCapMs: 8000,
  stallMs: number('STALL_SECONDS', 15) * MS,
  drainMs: number('DRAIN_SECONDS', 10) * MS,

  heldMs: 30_000,
  heldOthers: 100,
  heldAgeMs: 60_000,
  replayMs: 120_000,

  maxMessageBytes: 16 * 2 ** 20,
  maxUpstreamMessageBytes: 32 * 2 ** 20,
  slowBytes: 4 * 2 ** 20,
  bytesPerSecond: 2 ** 20,
  bytesBurst: 8 * 2 ** 20,
  messagesPerSecond: 500,
  messagesBurst: 4000,
  rateSustainedMs: 5000,
  pingMs: 20_000,
  throttleMs: 2000,
  dropNoticeMs: 1000,
});
