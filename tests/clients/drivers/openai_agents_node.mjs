// The OpenAI Agents SDK for TypeScript, over WebSocket: https://openai.github.io/openai-agents-js/guides/voice-agents/.

import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import { z } from 'zod';

import { Driver, INSTRUCTIONS, TOOL_DESCRIPTION, TOOL_NAME, describe } from './protocol.mjs';

// A session runs an agent, and an application subscribes to the session's events.
class OpenAIAgentsNode extends Driver {
  #agent(instructions) {
    const getWeather = tool({
      name: TOOL_NAME,
      description: TOOL_DESCRIPTION,
      parameters: z.object({ city: z.string() }),
      execute: async ({ city }) => this.runTool(city),
    });
    return new RealtimeAgent({ name: 'Assistant', instructions, tools: [getWeather] });
  }

  async open(baseURL, apiKey, model) {
    const session = new RealtimeSession(this.#agent(INSTRUCTIONS), { transport: 'websocket', model });
    this.session = session;
    session.on('audio', ({ data }) => this.output({ audioBytes: data.byteLength }));
    session.on('audio_interrupted', () => this.interrupted());
    session.on('agent_end', () => this.endTurn());
    session.on('error', (error) => this.report('error', { text: describe(error) }));
    session.transport.on('audio_transcript_delta', ({ delta }) => this.output({ text: delta }));
    session.transport.on('output_text_delta', ({ delta }) => this.output({ text: delta }));
    session.transport.on('connection_change', (status) => {
      if (status === 'disconnected' && session === this.session) this.report('ended', { text: status });
    });
    await session.connect({ apiKey, url: `${baseURL.replace('http', 'ws')}/realtime?model=${model}` });
  }

  say(text) {
    this.session.sendMessage(text);
  }

  sendAudio(pcm) {
    this.session.sendAudio(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.byteLength));
  }

  async update(instructions) {
    await this.session.updateAgent(this.#agent(instructions));
  }

  close() {
    const { session } = this;
    this.session = undefined;
    session.close();
  }
}

await new OpenAIAgentsNode().serve();
