/**
 * Speech that was sent and not answered yet, so that it can be sent again to a fresh session.
 *
 * Positions are milliseconds of audio sent in the current upstream session, as the service counts them.
 * @module
 */
import { has } from './defects.mjs';
import { settings } from './settings.mjs';

const BYTES_PER_MS = 48;

export class Speech {
  constructor() {
    this.parts = [];
    this.startSession();
  }

  /** A fresh upstream session counts from zero; what is kept is taken with `take` before. */
  startSession() {
    this.sentMs = 0;
    this.stoppedAt = undefined;
    this.commits = [];
    this.unconfirmed = [];
    this.speaking = false;
  }

  /** @param {Buffer} pcm */
  sent(pcm) {
    const ms = pcm.length / BYTES_PER_MS;
    this.parts.push({ pcm, start: this.sentMs, end: this.sentMs + ms });
    this.sentMs += ms;
    while (this.keptMs > settings.replayMs) this.parts.shift();
  }

  /** @param {boolean} answer whether a response is asked for when it is confirmed */
  commitSent(answer) {
    this.parts.push({ commit: true, answer, start: this.sentMs, end: this.sentMs });
    this.unconfirmed.push({ end: this.sentMs, answer });
  }

  /** The client or the service emptied the input buffer. */
  cleared() {
    const from = this.commits.at(-1)?.end ?? 0;
    this.parts = this.parts.filter((part) => part.end <= from);
  }

  get keptMs() {
    return this.parts.reduce((sum, part) => sum + (part.pcm ? part.pcm.length / BYTES_PER_MS : 0), 0);
  }

  /** @returns {boolean} whether a commit was sent that the service hasn't confirmed */
  get owesCommit() {
    return this.unconfirmed.length > 0;
  }

  /** @returns {boolean} whether the next commit that is confirmed asks for a response */
  get wantsAnswer() {
    return this.unconfirmed[0]?.answer ?? false;
  }

  /** @returns {boolean} whether somebody is speaking, or spoke and wasn't committed */
  get inSentence() {
    return this.speaking || this.owesCommit;
  }

  /** @returns {string[]} items made of speech that is still kept: it is sent again, so their text isn't */
  get keptItems() {
    return this.commits.map((commit) => commit.item);
  }

  /** @param {{type: string, item_id?: string, audio_end_ms?: number}} event from the service */
  observe(event) {
    switch (event.type) {
      case 'input_audio_buffer.speech_started':
        this.speaking = true;
        break;
      case 'input_audio_buffer.speech_stopped':
        this.speaking = false;
        this.stoppedAt = event.audio_end_ms;
        break;
      case 'input_audio_buffer.committed':
        this.commits.push({ item: event.item_id, end: this.unconfirmed.shift()?.end ?? this.stoppedAt ?? this.sentMs });
        this.stoppedAt = undefined;
        this.speaking = false;
        break;
      case 'input_audio_buffer.cleared':
        this.cleared();
        break;
      case 'conversation.item.input_audio_transcription.completed':
        this.transcribed = event.item_id;
        break;
      default:
    }
  }

  /** @returns {number} position up to which a response that is created now answers */
  get committedTo() {
    return this.commits.at(-1)?.end ?? 0;
  }

  /** An answer began, or an item was transcribed: what was committed up to here is never sent again. */
  answered(position) {
    this.commits = this.commits.filter((commit) => commit.end > position);
    if (has('answered-speech-resent')) return;
    this.parts = this.parts.flatMap((part) => {
      if (part.end <= position) return [];
      if (!part.pcm || part.start >= position) return [part];
      const cut = Math.round(position - part.start) * BYTES_PER_MS;
      return [{ ...part, pcm: part.pcm.subarray(cut), start: position }];
    });
  }

  /** @param {string} item @returns {number | undefined} where the speech of this item ends */
  endOf(item) {
    return this.commits.find((commit) => commit.item === item)?.end;
  }

  /** @returns {{pcm?: Buffer, commit?: boolean}[]} what must be sent again, in order; nothing is kept any more */
  take() {
    const { parts } = this;
    this.parts = [];
    if (has('speech-not-resent')) return [];
    if (has('commit-not-resent')) return parts.filter((part) => part.pcm);
    return has('speech-resent-twice') ? [...parts, ...parts] : parts;
  }
}
