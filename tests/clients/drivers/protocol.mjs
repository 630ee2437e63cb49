// What the client drivers in JavaScript share: the line protocol, the microphone and the neutral events of protocol.py.

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

export const TOOL_NAME = 'get_weather';
export const TOOL_DESCRIPTION = 'The weather in a city.';
export const TOOL_OUTPUT = '22 degrees and sunny';
export const INSTRUCTIONS = 'Be brief.';
const CHUNK_MS = 20;
const CHUNK_BYTES = (24_000 * 2 * CHUNK_MS) / 1000;
// How long a silent microphone stays open for an answer.
const SILENCE_MS = 15_000;

// Libraries that print to standard output must not disturb the protocol.
const write = process.stdout.write.bind(process.stdout);
console.log = console.info = console.debug = console.warn = console.error;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Driver {
  #text = '';
  #audioBytes = 0;
  #begun = false;
  #answers = 0;
  #complaints = 0;

  // What a library tells

  report(event, fields = {}) {
    if (event === 'error' || event === 'ended') this.#complaints += 1;
    write(`${JSON.stringify({ event, ...fields })}\n`);
  }

  output({ text = '', audioBytes = 0 }) {
    if (!this.#begun && (text || audioBytes)) {
      this.#begun = true;
      this.#answers += 1;
      this.report('output');
    }
    this.#text += text;
    this.#audioBytes += audioBytes;
  }

  endTurn(status = null) {
    this.report('turn', { status, text: this.#text, audio_bytes: this.#audioBytes });
    this.#forget();
  }

  interrupted() {
    this.#forget();
    this.report('interrupted');
  }

  runTool(args) {
    this.report('tool', { arguments: args });
    return TOOL_OUTPUT;
  }

  #forget() {
    this.#text = '';
    this.#audioBytes = 0;
    this.#begun = false;
  }

  // Commands

  async serve() {
    for await (const line of createInterface({ input: process.stdin })) {
      const { id, ...command } = JSON.parse(line);
      try {
        await this.#carryOut(command);
        this.report('answer', { id });
      } catch (error) {
        console.error(error);
        this.report('failure', { id, text: describe(error) });
      }
    }
    process.exit(0);
  }

  async #carryOut(command) {
    switch (command.do) {
      case 'open':
        this.#forget();
        return this.open(command.base_url, command.key, command.model);
      case 'say':
        return this.say(command.text);
      case 'speak':
        return this.#speak(await readFile(command.file));
      case 'update':
        return this.update(command.instructions);
      case 'close':
        return this.close();
      default:
        throw new Error(`unknown command ${command.do}`);
    }
  }

  // Play audio at the pace of speech, then silence until an answer begins or something fails.
  async #speak(pcm) {
    const before = [this.#answers, this.#complaints];
    const silence = Buffer.alloc(CHUNK_BYTES);
    let due = performance.now();
    for (let at = 0; at < pcm.length + (SILENCE_MS / CHUNK_MS) * CHUNK_BYTES; at += CHUNK_BYTES) {
      const spoken = at < pcm.length;
      if (!spoken && (this.#answers !== before[0] || this.#complaints !== before[1])) return;
      await this.sendAudio(spoken ? pcm.subarray(at, at + CHUNK_BYTES) : silence);
      due += CHUNK_MS;
      await sleep(Math.max(0, due - performance.now()));
    }
  }
}

// Everything that an error says, and the errors and plain objects behind it.
export function describe(error) {
  const parts = [];
  for (let one = error; one && parts.length < 8; one = one.cause ?? one.error) {
    parts.push(one instanceof Error ? `${one.name}: ${one.message}` : JSON.stringify(one));
  }
  return parts.join(' <- ');
}
