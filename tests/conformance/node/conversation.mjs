/**
 * What happens inside a ready session: speech, turns, tools, barge-in; and what must be known when it is lost.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { has } from './defects.mjs';
import { HARMLESS, classify, isRetried } from './errors.mjs';
import { merge } from './configuration.mjs';
import { Speech } from './speech.mjs';
import { History, ResponseGate } from './turns.mjs';

const CONTENT = /^response\.((output_)?(text|audio|audio_transcript)|function_call_arguments|mcp_call_arguments)\.delta$/;
const RESPOND = JSON.stringify({ type: 'response.create' });
/** Asks for the answer to committed speech; a commit that is sent again asks for it again. */
const ANSWER_SPEECH = JSON.stringify({ type: 'response.create', event_id: 'answer_speech' });
/** With the defect `long-chunk-cut`: 100 ms. */
const LONG_CHUNK = 4800;
const newId = () => `item_${randomBytes(10).toString('hex')}`;

export class Conversation {
  /** @param {import('./session.mjs').Session} session */
  constructor(session) {
    this.session = session;
    this.speech = new Speech();
    this.history = new History();
    this.gate = new ResponseGate((raw) => this.#up(raw));
    this.chunks = 0;
    this.turn = [];
    this.again = undefined;
    this.owedSince = undefined;
  }

  forget() {
    this.forgetHistory();
    this.speech = new Speech();
    this.gate.forget();
  }

  forgetHistory() {
    this.history = new History();
  }

  /** A fresh upstream session begins. */
  startSession() {
    this.speech.startSession();
    this.owedSince = undefined;
  }

  /** @returns {boolean} whether a rollover would cut nothing */
  get inPause() {
    return !this.gate.busy && !this.speech.inSentence && (!this.#manual || this.speech.keptMs === 0);
  }

  get #manual() {
    return this.session.wish?.turnDetection === 'none' || this.session.update?.audio?.input?.turn_detection === null;
  }

  #up(raw) {
    this.session.upstream?.send(raw);
  }

  // To the service

  /** @param {import('./held.mjs').HeldItem} item */
  deliver(item) {
    switch (item.kind) {
      case 'audio':
        this.#audio(item.pcm);
        break;
      case 'commit':
        this.#commit('{"type":"input_audio_buffer.commit"}', this.session.wish.kind !== 'transcription');
        break;
      case 'text':
        this.#add({ type: 'message', role: 'user', content: [{ type: 'input_text', text: item.value.text }] });
        if (!has('text-not-answered')) this.gate.request(RESPOND);
        break;
      case 'tool':
        this.#add({ type: 'function_call_output', call_id: item.value.callId, output: item.value.output });
        if (!has('tool-result-not-answered')) this.gate.request(RESPOND);
        break;
      default:
        this.#native(item.value, item.raw);
    }
    this.#noteOwed();
  }

  #audio(pcm, again = false) {
    this.chunks += 1;
    if (has('long-chunk-cut')) pcm = pcm.subarray(0, LONG_CHUNK);
    if (has('answered-speech-again')) pcm = this.#withAnswered(pcm);
    if (has('chunk-lost') && this.chunks % 20 === 0) return;
    if (has('audio-as-binary')) this.session.upstream?.sendBinary(pcm);
    else this.#up(`{"type":"input_audio_buffer.append","audio":"${pcm.toString('base64')}"}`);
    if (!again || !has('resent-once-only')) this.speech.sent(pcm);
  }

  /** With the defect `answered-speech-again`: the speech of the last turn in front of the next one. */
  #withAnswered(pcm) {
    this.turn.push(pcm);
    if (!this.again) return pcm;
    const both = Buffer.concat([...this.again, pcm]);
    this.again = undefined;
    return both;
  }

  #commit(raw, answer = false) {
    this.#up(raw);
    this.speech.commitSent(answer);
  }

  #add(item) {
    const named = { id: newId(), ...item };
    this.history.added(named);
    this.#up(JSON.stringify({ type: 'conversation.item.create', item: named }));
  }

  #native(event, raw) {
    switch (event.type) {
      case 'response.create':
        this.gate.request(raw);
        return;
      case 'input_audio_buffer.append':
        if (typeof event.audio === 'string') this.speech.sent(Buffer.from(event.audio, 'base64'));
        break;
      case 'input_audio_buffer.commit':
        this.#commit(raw);
        return;
      case 'input_audio_buffer.clear':
        this.speech.cleared();
        break;
      case 'conversation.item.create':
        if (event.item && typeof event.item === 'object') this.history.added(event.item);
        break;
      case 'session.update':
        this.session.update = merge(this.session.update ?? {}, event.session ?? {});
        break;
      default:
    }
    this.#up(has('native-rewritten') ? JSON.stringify({ type: event.type, ...event, event_id: undefined }) : raw);
  }

  /** Barge-in. @param {string} [itemId] @param {number} [playedMs] */
  interrupt(itemId, playedMs) {
    const item = itemId ? this.history.get(itemId) : this.history.lastSpoken;
    if (this.gate.busy && !has('no-cancel')) this.#up('{"type":"response.cancel"}');
    if (!item?.audio || has('no-truncate')) return;
    let heard = playedMs ?? item.playedMs;
    if (has('truncates-at-sent')) heard = item.sentMs;
    if (heard === undefined) return;
    const end = Math.floor(Math.min(heard, item.sentMs));
    item.playedMs = end;
    if (end >= item.sentMs && !this.gate.busy && !has('truncates-at-sent')) return;
    this.#up(JSON.stringify({ type: 'conversation.item.truncate', item_id: item.id, content_index: item.part, audio_end_ms: end }));
  }

  // From the service

  /** @param {object} event @param {string} raw */
  observe(event, raw) {
    const answer = event.type === 'input_audio_buffer.committed' && this.speech.wantsAnswer && !has('commit-not-answered');
    this.speech.observe(event);
    this.history.observe(event);
    if (event.type === 'response.created' && event.response?.conversation_id !== null) {
      this.gate.created(event.response ?? {}, this.speech.committedTo);
    } else if (CONTENT.test(event.type)) {
      this.#answered(this.gate.began());
    } else if (event.type === 'conversation.item.input_audio_transcription.completed' && this.session.wish.kind === 'transcription') {
      this.#answered(this.speech.endOf(event.item_id));
    }
    this.session.client.event(event, raw, { opening: false, again: false });
    if (event.type === 'response.done') this.#responseDone(event.response ?? {});
    if (answer || (has('asks-after-detection') && event.type === 'input_audio_buffer.committed')) this.gate.request(ANSWER_SPEECH);
    this.#noteOwed();
  }

  #answered(position) {
    if (position !== undefined) this.speech.answered(position);
  }

  #responseDone(response) {
    const { client } = this.session;
    const cancelled = response.status === 'cancelled';
    if (!cancelled) this.#answered(this.gate.began());
    if (has('answered-speech-again')) [this.again, this.turn] = [this.turn, []];
    client.usage(response);
    if (response.status === 'failed' && !has('failed-response-silent')) {
      const error = response.status_details?.error ?? {};
      client.error('UPSTREAM_ERROR', {
        message: error.message ?? 'The response failed.',
        retryable: isRetried(classify({ error })),
        detail: { upstream: error, responseId: response.id },
        responseFailed: true,
      });
    }
    this.gate.done();
  }

  /** @param {object} event an `error` event in a ready session */
  upstreamError(event) {
    const error = event.error ?? {};
    if (this.gate.asked !== undefined) this.gate.refused(error.code);
    else if (error.code === 'conversation_already_has_active_response') this.gate.refused(error.code);
    if (error.code === 'input_audio_buffer_commit_empty') this.speech.unconfirmed.shift();
    this.#noteOwed();
    this.session.client.upstreamError(event, HARMLESS.has(error.code) && !has('harmless-shown'));
  }

  #noteOwed() {
    const owed = this.gate.busy || this.speech.owesCommit;
    if (!owed) this.owedSince = undefined;
    else this.owedSince ??= Date.now();
  }

  // Recovery

  /**
   * The session is lost: what the next one must get.
   * @param {string} reason @param {object} [earlier] the plan of a loss that isn't mended yet
   */
  planRecovery(reason, earlier) {
    if (earlier) return { ...earlier, reason };
    const { active } = this.gate;
    const lost = [];
    if (active?.began) lost.push({ what: 'answer', responseId: active.id });
    const without = this.speech.keptItems;
    const parts = this.speech.take();
    const resentMs = parts.reduce((sum, part) => sum + (part.pcm?.length ?? 0) / 48, 0);
    let owed = this.gate.startSession();
    if (parts.some((part) => part.answer)) {
      if (owed === ANSWER_SPEECH) owed = undefined;
      this.gate.waiting = this.gate.waiting.filter((raw) => raw !== ANSWER_SPEECH);
    }
    if (this.history.forgotten) lost.push({ what: 'turns', count: this.history.forgotten });
    return { reason, lost, without, parts, resentMs, owed: has('owed-answer-not-asked') ? undefined : owed };
  }

  /** @returns {object[]} items for a fresh session */
  itemsToRestore(recovery) {
    return this.history.restoreItems(this.session.dialect, recovery.without);
  }

  /** Send what the lost session didn't answer. */
  resend({ parts, owed }) {
    for (const part of parts) {
      if (part.pcm) this.#audio(part.pcm, true);
      else this.#commit('{"type":"input_audio_buffer.commit"}', part.answer);
    }
    if (owed !== undefined) this.gate.request(owed);
    else if (this.gate.waiting.length && !this.gate.busy) this.gate.done();
    this.#noteOwed();
  }
}
