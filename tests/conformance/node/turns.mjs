/**
 * The conversation so far, so that a fresh session can be told of it: turns as text, tool calls, what was heard.
 * @module
 */
import { has } from './defects.mjs';

const MAX_ITEMS = 100;
const BYTES_PER_MS = 48;

/** @typedef {{id: string, type: string, role?: string, text: string, sentMs: number, playedMs?: number, audio: boolean,
 *   part: number, callId?: string, name?: string, args?: string, output?: string}} Item */

export class History {
  constructor() {
    /** @type {Map<string, Item>} */
    this.items = new Map();
    this.forgotten = 0;
    this.unnamed = [];
    this.lastSpoken = undefined;
  }

  /** An item that the client or the bridge adds. The service may give it an id later. */
  added(item) {
    const id = item.id ?? `local_${this.unnamed.length}_${Date.now()}`;
    if (!item.id) this.unnamed.push(id);
    this.#merge(id, item);
  }

  /** @param {string} id @returns {Item | undefined} */
  get(id) {
    return this.items.get(id);
  }

  /** How much of an answer was heard. */
  played(id, ms) {
    const item = this.items.get(id);
    if (item && !has('playback-ignored')) item.playedMs = ms;
  }

  /** @param {object} event an event from the service */
  observe(event) {
    switch (event.type) {
      case 'conversation.item.added':
      case 'conversation.item.created':
        this.#named(event.item);
        this.#merge(event.item.id, event.item);
        break;
      case 'conversation.item.done':
      case 'response.output_item.added':
      case 'response.output_item.done':
        this.#merge(event.item.id, event.item);
        break;
      case 'conversation.item.deleted':
        this.items.delete(event.item_id);
        break;
      case 'conversation.item.truncated':
        this.#at(event.item_id).playedMs = event.audio_end_ms;
        break;
      case 'conversation.item.input_audio_transcription.completed':
        this.#at(event.item_id).text = event.transcript ?? '';
        break;
      case 'response.function_call_arguments.done':
        Object.assign(this.#at(event.item_id), { callId: event.call_id, args: event.arguments });
        break;
      default:
        this.#observeContent(event);
    }
  }

  #observeContent(event) {
    const match = /^response\.(?:output_)?(text|audio|audio_transcript)\.(delta|done)$/.exec(event.type);
    if (!match) return;
    const item = this.#at(event.item_id);
    const [, kind, phase] = match;
    if (kind === 'audio') {
      item.audio = true;
      item.part = event.content_index ?? 0;
      this.lastSpoken = item;
      if (phase === 'delta') item.sentMs += Buffer.byteLength(event.delta, 'base64') / BYTES_PER_MS;
    } else if (phase === 'delta') {
      item.text += event.delta;
    } else {
      item.text = event.transcript ?? event.text ?? item.text;
    }
  }

  #named(item) {
    if (this.items.has(item.id) || item.role === 'assistant' || item.type === 'function_call') return;
    const local = this.unnamed.findIndex((id) => this.items.get(id)?.type === item.type);
    if (local < 0 || item.content?.some((part) => part.type === 'input_audio')) return;
    const [id] = this.unnamed.splice(local, 1);
    this.items = new Map([...this.items].map(([key, value]) => (key === id ? [item.id, { ...value, id: item.id }] : [key, value])));
  }

  #at(id) {
    let item = this.items.get(id);
    if (!item) {
      item = { id, type: 'message', role: 'assistant', text: '', sentMs: 0, audio: false, part: 0 };
      this.items.set(id, item);
      if (this.items.size > MAX_ITEMS) {
        this.items.delete(this.items.keys().next().value);
        this.forgotten += 1;
      }
    }
    return item;
  }

  #merge(id, source) {
    const item = this.#at(id);
    item.type = source.type ?? item.type;
    item.role = source.role ?? item.role;
    item.callId = source.call_id ?? item.callId;
    item.name = source.name ?? item.name;
    item.args = source.arguments || item.args;
    item.output = source.output ?? item.output;
    const text = (source.content ?? []).map((part) => part.text ?? part.transcript ?? '').join('');
    if (text && !item.text) item.text = text;
  }

  /** @returns {string[]} calls of tools that have no result yet */
  get pendingCalls() {
    const answered = new Set([...this.items.values()].filter((item) => item.output !== undefined).map((item) => item.callId));
    return [...this.items.values()]
      .filter((item) => item.type === 'function_call' && item.callId && !answered.has(item.callId))
      .map((item) => item.callId);
  }

  /**
   * @param {string} dialect @param {string[]} without items that are sent again as speech
   * @returns {object[]} the items of the conversation, for `conversation.item.create`
   */
  restoreItems(dialect, without) {
    const skipped = new Set(without);
    return [...this.items.values()].filter((item) => !skipped.has(item.id)).flatMap((item) => asNative(item, dialect));
  }
}

/** @param {Item} item @param {string} dialect @returns {object[]} the item for a fresh session, or nothing */
function asNative(item, dialect) {
  switch (item.type) {
    case 'function_call':
      if (!item.callId || !item.name || has('tools-not-restored')) return [];
      return [{ type: 'function_call', call_id: item.callId, name: item.name, arguments: item.args ?? '{}' }];
    case 'function_call_output':
      if (has('tools-not-restored')) return [];
      return [{ type: 'function_call_output', call_id: item.callId, output: item.output ?? '' }];
    default: {
      const text = heardText(item);
      if (!text || has('turns-not-restored')) return [];
      const assistant = dialect === 'ga' ? 'output_text' : 'text';
      const role = item.role ?? 'user';
      return [{ type: 'message', role, content: [{ type: role === 'assistant' ? assistant : 'input_text', text }] }];
    }
  }
}

/** @param {Item} item @returns {string} its text, cut to what was heard of it */
function heardText(item) {
  const { text, playedMs, sentMs } = item;
  if (playedMs === undefined || !item.audio || playedMs >= sentMs || has('unheard-restored')) return text;
  return text.slice(0, Math.floor((text.length * playedMs) / sentMs));
}

/**
 * One response at a time: a request waits while a response is active, or asked for.
 */
export class ResponseGate {
  /** @param {(raw: string) => void} send */
  constructor(send) {
    this.send = send;
    this.waiting = [];
    this.asked = undefined;
    this.active = undefined;
  }

  /** A fresh session has no response. @returns {string | undefined} the request whose answer is owed */
  startSession() {
    const owed = this.asked ?? (this.active && !this.active.began ? this.active.raw : undefined);
    this.asked = undefined;
    this.active = undefined;
    return owed;
  }

  /** @param {string} raw a `response.create` */
  request(raw) {
    if (this.busy && !has('create-while-active')) {
      if (this.waiting.length < 100) this.waiting.push(raw);
      return;
    }
    this.asked = raw;
    this.send(raw);
  }

  get busy() {
    return this.asked !== undefined || this.active !== undefined;
  }

  created(response, covers) {
    this.active = { id: response.id, raw: this.asked, began: false, covers };
    this.asked = undefined;
  }

  /** The answer begins to reach the client. @returns {number | undefined} the position up to which speech is answered */
  began() {
    if (!this.active || this.active.began) return undefined;
    this.active.began = true;
    return this.active.covers;
  }

  done() {
    this.active = undefined;
    const next = this.waiting.shift();
    if (next !== undefined) this.request(next);
  }

  /** The service refused a request. */
  refused(code) {
    if (code === 'conversation_already_has_active_response') {
      const raw = this.asked ?? this.active?.raw;
      if (this.active) this.active.raw = undefined;
      if (raw !== undefined) this.waiting.unshift(raw);
      this.asked = undefined;
    } else if (this.asked !== undefined && !this.active) {
      this.asked = undefined;
      this.done();
    }
  }

  forget() {
    this.waiting = [];
    this.startSession();
  }
}
