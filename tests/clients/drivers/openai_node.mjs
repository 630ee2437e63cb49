// The official SDK for Node.js with `ws`: https://github.com/openai/openai-node/blob/master/realtime.md.

import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';

import { Driver, INSTRUCTIONS, TOOL_DESCRIPTION, TOOL_NAME, describe } from './protocol.mjs';

const TOOL = {
  type: 'function',
  name: TOOL_NAME,
  description: TOOL_DESCRIPTION,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

// An application subscribes to the service's events.
class OpenAINode extends Driver {
  async open(baseURL, apiKey, model) {
    this.realtime = new OpenAIRealtimeWS({ model }, new OpenAI({ baseURL, apiKey }));
    const { realtime } = this;
    const opened = new Promise((resolve, reject) => {
      realtime.socket.on('open', resolve);
      realtime.socket.on('close', () => reject(new Error('closed before it was open')));
    });
    realtime.on('response.output_text.delta', ({ delta }) => this.output({ text: delta }));
    realtime.on('response.output_audio_transcript.delta', ({ delta }) => this.output({ text: delta }));
    realtime.on('response.output_audio.delta', ({ delta }) =>
      this.output({ audioBytes: Buffer.from(delta, 'base64').length }),
    );
    realtime.on('response.done', ({ response }) => this.end(response));
    realtime.on('error', (error) => this.report('error', { text: describe(error) }));
    realtime.socket.on('close', (code, reason) => {
      if (realtime === this.realtime) this.report('ended', { text: `${code} ${reason}` });
    });
    await opened;
    realtime.send({
      type: 'session.update',
      session: { type: 'realtime', instructions: INSTRUCTIONS, tools: [TOOL], tool_choice: 'auto' },
    });
  }

  // Run the tools of a response, or report its end.
  end(response) {
    if (response.status === 'cancelled') this.interrupted();
    const calls = (response.output ?? []).filter((item) => item.type === 'function_call');
    for (const call of calls) {
      const output = this.runTool(call.arguments);
      const item = { type: 'function_call_output', call_id: call.call_id, output };
      this.realtime.send({ type: 'conversation.item.create', item });
    }
    if (calls.length) this.realtime.send({ type: 'response.create' });
    else this.endTurn(response.status);
  }

  say(text) {
    const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
    this.realtime.send({ type: 'conversation.item.create', item });
    this.realtime.send({ type: 'response.create' });
  }

  sendAudio(pcm) {
    this.realtime.send({ type: 'input_audio_buffer.append', audio: pcm.toString('base64') });
  }

  update(instructions) {
    this.realtime.send({ type: 'session.update', session: { type: 'realtime', instructions } });
  }

  close() {
    const { realtime } = this;
    this.realtime = undefined;
    realtime.close();
  }
}

await new OpenAINode().serve();
