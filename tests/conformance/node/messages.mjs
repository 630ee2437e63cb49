/**
 * Messages of a client: which there are, and which fields they take.
 * @module
 */
import { has } from './defects.mjs';

export class InvalidMessage extends Error {}

const isText = (value) => typeof value === 'string';
const isMs = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const oneOf = (...values) => Object.assign((value) => values.includes(value), { says: `one of ${values.join(', ')}` });
const says = (check, text) => Object.assign(check, { says: text });
const TEXT = says(isText, 'text');
const MS = says(isMs, 'a number of milliseconds');
const FLAG = says((value) => typeof value === 'boolean', 'true or false');
const TOOLS = says((value) => Array.isArray(value) && value.every((tool) => tool && typeof tool === 'object'), 'a list of objects');
const ANY_ID = says((value) => isText(value) || typeof value === 'number', 'text or a number');

/** Fields by message; a name with `?` may be left out. */
const MESSAGES = {
  create_session: {
    'model?': TEXT,
    'voice?': TEXT,
    'instructions?': TEXT,
    'customerId?': ANY_ID,
    'customerName?': TEXT,
    'kind?': oneOf('conversation', 'transcription'),
    'turnDetection?': oneOf('server_vad', 'semantic_vad', 'none'),
    'tools?': TOOLS,
    'audioOut?': oneOf('base64', 'binary'),
    'usage?': FLAG,
  },
  audio: { audio: TEXT },
  audio_commit: {},
  text: { text: TEXT },
  interrupt: { 'itemId?': TEXT, 'playedMs?': MS },
  tool_result: { callId: TEXT, output: TEXT },
  playback: { itemId: TEXT, playedMs: MS },
  restart_session: {},
  end_session: {},
  ping: { 'id?': ANY_ID },
};

/** @param {string} text @returns {object} a valid message; throws InvalidMessage */
export function readMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new InvalidMessage('The message is not JSON.');
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new InvalidMessage('The message is not a JSON object.');
  }
  if (!isText(message.type)) throw new InvalidMessage('type: text is needed.');
  if (message.type.includes('.')) return message;
  const fields = Object.hasOwn(MESSAGES, message.type) ? MESSAGES[message.type] : undefined;
  if (!fields) {
    if (has('unknown-type-ignored')) return { type: 'playback', itemId: '', playedMs: 0 };
    throw new InvalidMessage(`Unknown type: ${message.type.slice(0, 100)}`);
  }
  if (!has('fields-unchecked')) checkFields(message, fields);
  return message;
}

function checkFields(message, fields) {
  for (const [declared, check] of Object.entries(fields)) {
    const optional = declared.endsWith('?');
    const name = optional ? declared.slice(0, -1) : declared;
    const value = message[name];
    if (value === undefined || value === null) {
      if (!optional) throw new InvalidMessage(`${name}: ${check.says} is needed.`);
      delete message[name];
    } else if (!check(value)) {
      throw new InvalidMessage(`${name}: must be ${check.says}.`);
    }
  }
}

const KNOWN = /^(session\.(created|updated)$|transcription_session\.|conversation\.|input_audio_buffer\.|rate_limits\.|response\.(created|done|output|content|function|mcp|audio|text)|error$)/;

/** @param {string} type @returns {boolean} whether it is an event of the service that existed when this was written */
export function isKnown(type) {
  return KNOWN.test(type);
}
